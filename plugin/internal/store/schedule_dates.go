package store

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The dates of records that were looked at, by workflow: what is there is not run
// again. The queries of users' collections are comparisons of the date alone, so
// that an index on it is used where there is one.
const (
	unseenSQL = "SELECT r.[[id]] AS id, r.[[%[2]s]] AS value, '' AS next FROM {{%[1]s}} r" +
		" WHERE r.[[%[2]s]] != '' AND r.[[%[2]s]] >= {:from} AND r.[[%[2]s]] <= {:until}" +
		" AND NOT EXISTS (SELECT 1 FROM " + datesName + " d WHERE d.workflow = {:key} AND d.value = r.[[%[2]s]] AND d.record = r.[[id]])" +
		" ORDER BY r.[[%[2]s]], r.[[id]] LIMIT {:limit}"

	repeatsSQL = "SELECT record AS id, value, next FROM " + datesName +
		" WHERE workflow = {:key} AND next != '' AND next <= {:now} ORDER BY next, record LIMIT {:limit}"

	checkSQL = "SELECT j.value->>'id' AS id, j.value->>'value' AS value, j.value->>'next' AS next, r.[[id]] IS NOT NULL AS valid" +
		" FROM json_each({:dates}) j" +
		" LEFT JOIN {{%[1]s}} r ON r.[[id]] = j.value->>'id' AND r.[[%[2]s]] = j.value->>'value'" +
		" LEFT JOIN " + datesName + " d ON d.workflow = {:key} AND d.value = j.value->>'value' AND d.record = j.value->>'id'" +
		" WHERE (d.id IS NULL) = (j.value->>'next' = '') AND COALESCE(d.next, '') = j.value->>'next' ORDER BY j.key"

	markDatesSQL = "INSERT INTO " + datesName + " (workflow, record, value, next)" +
		" SELECT {:key}, j.value->>'id', j.value->>'value', j.value->>'next' FROM json_each({:dates}) j WHERE 1" +
		" ON CONFLICT (workflow, value, record) DO UPDATE SET next = excluded.next"

	dropDatesSQL = "DELETE FROM " + datesName + " WHERE id IN (SELECT d.id FROM json_each({:dates}) j" +
		" JOIN " + datesName + " d ON d.workflow = {:key} AND d.value = j.value->>'value' AND d.record = j.value->>'id')"

	clearDatesSQL = "DELETE FROM " + datesName + " WHERE workflow = {:key} AND value < {:before} AND (next = '' OR {:all})"

	comingSQL = "SELECT DISTINCT [[%[2]s]] FROM {{%[1]s}} WHERE [[%[2]s]] > {:after} ORDER BY [[%[2]s]] LIMIT {:limit}"

	comingRepeatsSQL = "SELECT d.record AS id, d.value AS value, d.next AS next FROM " + datesName + " d" +
		" JOIN {{%[1]s}} r ON r.[[id]] = d.record AND r.[[%[2]s]] = d.value" +
		" WHERE d.workflow = {:key} AND d.next > {:now} ORDER BY d.next LIMIT {:limit}"
)

// UnseenDates returns at most limit records whose date lies between two stored
// values, both included, and which the workflow has not looked at; the earliest
// first.
func (s *Store) UnseenDates(app core.App, key string, on workflow.Trigger, from, until string, limit int) ([]workflow.DatedRecord, error) {
	return readDates(app, key, on, unseenSQL, dbx.Params{"from": from, "until": until, "limit": limit})
}

// RepeatedDates returns at most limit dates that the workflow has looked at and
// that come again by now.
func (s *Store) RepeatedDates(app core.App, key string, on workflow.Trigger, now string, limit int) ([]workflow.DatedRecord, error) {
	return readDates(app, key, on, repeatsSQL, dbx.Params{"now": now, "limit": limit})
}

// CheckDates returns those of the dates that nobody has looked at meanwhile, and
// apart from them those that the records do not have any more.
func (s *Store) CheckDates(app core.App, key string, on workflow.Trigger, dates []workflow.DatedRecord) (valid, old []workflow.DatedRecord, err error) {
	var rows []struct {
		workflow.DatedRecord
		Valid bool `db:"valid"`
	}
	err = app.ConcurrentDB().NewQuery(fmt.Sprintf(checkSQL, on.Collection, on.Field)).Bind(datesParams(key, dates)).All(&rows)
	if err != nil {
		return nil, nil, fmt.Errorf("read the dates of workflow %q: %w", key, err)
	}
	for _, row := range rows {
		if row.Valid {
			valid = append(valid, row.DatedRecord)
		} else {
			old = append(old, row.DatedRecord)
		}
	}
	return valid, old, nil
}

// MarkDates remembers that the workflow has looked at dates, and when they come
// again.
func (s *Store) MarkDates(app core.App, key string, dates []workflow.DatedRecord) error {
	return s.execDates(app, key, markDatesSQL, datesParams(key, dates))
}

// DropDates forgets some dates.
func (s *Store) DropDates(app core.App, key string, dates []workflow.DatedRecord) error {
	return s.execDates(app, key, dropDatesSQL, datesParams(key, dates))
}

// ForgetDates forgets the dates before a stored value that do not come again, or
// with "" all of them.
func (s *Store) ForgetDates(app core.App, key, before string) error {
	params := dbx.Params{"key": key, "before": before, "all": before == ""}
	if before == "" {
		params["before"] = "~" // after every date
	}
	return s.execDates(app, key, clearDatesSQL, params)
}

func (s *Store) execDates(app core.App, key, query string, params dbx.Params) error {
	if _, err := app.NonconcurrentDB().NewQuery(query).Bind(params).Execute(); err != nil {
		return fmt.Errorf("store the dates of workflow %q: %w", key, err)
	}
	return nil
}

// ComingDates returns at most limit stored values of the date after one, and as
// many of the dates that come again after now.
func (s *Store) ComingDates(app core.App, key string, on workflow.Trigger, after, now string, limit int) (values []string, repeats []workflow.DatedRecord, err error) {
	err = app.ConcurrentDB().NewQuery(fmt.Sprintf(comingSQL, on.Collection, on.Field)).
		Bind(dbx.Params{"after": after, "limit": limit}).Column(&values)
	if err != nil {
		return nil, nil, fmt.Errorf("read the next dates of workflow %q: %w", key, err)
	}
	if on.Repeat != 0 {
		repeats, err = readDates(app, key, on, comingRepeatsSQL, dbx.Params{"now": now, "limit": limit})
	}
	return values, repeats, err
}

func readDates(app core.App, key string, on workflow.Trigger, query string, params dbx.Params) ([]workflow.DatedRecord, error) {
	params["key"] = key
	if query != repeatsSQL {
		query = fmt.Sprintf(query, on.Collection, on.Field)
	}
	var rows []workflow.DatedRecord
	if err := app.ConcurrentDB().NewQuery(query).Bind(params).All(&rows); err != nil {
		return nil, fmt.Errorf("read the dates of workflow %q: %w", key, err)
	}
	return rows, nil
}

func datesParams(key string, dates []workflow.DatedRecord) dbx.Params {
	raw, _ := json.Marshal(append([]workflow.DatedRecord{}, dates...)) // strings only; none is an empty list
	return dbx.Params{"key": key, "dates": string(raw)}
}

// datesSpec is the collection of the dates.
func datesSpec() collectionSpec {
	return collectionSpec{
		name:   datesName,
		fields: []core.Field{required("workflow"), required("record"), required("value"), text("next")},
		indexes: []indexSpec{
			{name: "idx_workflowDates_value", columns: "`workflow`, `value`, `record`", unique: true},
			{name: "idx_workflowDates_next", columns: "`workflow`, `next`", where: "`next` != ''"},
		},
	}
}
