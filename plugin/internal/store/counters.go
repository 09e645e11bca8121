package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// countersHookID is apart from hookID: handlers of one id replace each other.
const countersHookID = hookID + "Counters"

const (
	// countsSQL is one statement, so that no deletion comes between its halves.
	countsSQL = "SELECT status, COUNT(*) AS number, NULL AS counters FROM " + executionsName + " WHERE workflow = {:key} GROUP BY status" +
		" UNION ALL SELECT '', 0, counters FROM " + workflowsName + " WHERE [[key]] = {:key}"

	countersSQL    = "SELECT counters FROM " + workflowsName + " WHERE [[key]] = {:key}"
	setCountersSQL = "UPDATE " + workflowsName + " SET counters = {:counters} WHERE [[key]] = {:key}"
)

// counters are how many executions of one workflow ended with which status, as
// the hidden column of that name holds them of the deleted ones.
type counters map[workflow.Status]int

// Counts returns how many executions a workflow has and had, by status: those
// that are stored and those that ended and were deleted since. It is empty for a
// workflow that nobody ever ran. It reads the status of every stored execution of
// the workflow.
func (s *Store) Counts(ctx context.Context, key string) (map[workflow.Status]int, error) {
	var rows []struct {
		Status   workflow.Status `db:"status"`
		Number   int             `db:"number"`
		Counters jsonText        `db:"counters"`
	}
	if err := s.app.ConcurrentDB().NewQuery(countsSQL).WithContext(ctx).Bind(dbx.Params{"key": key}).All(&rows); err != nil {
		return nil, fmt.Errorf("count the executions of workflow %q: %w", key, err)
	}
	counts := counters{}
	for _, row := range rows {
		if row.Number > 0 {
			counts[row.Status] += row.Number
		}
		counts.add(row.Counters)
	}
	return counts, nil
}

// add adds a stored column. One that can't be read counts nothing.
func (c counters) add(column jsonText) {
	var stored map[workflow.Status]int
	if column.decode(&stored) != nil {
		return
	}
	for status, n := range stored {
		if n > 0 {
			c[status] += n
		}
	}
}

// addCounters adds deleted executions, by workflow, to what is stored. A workflow
// that is not stored any more has no counters.
func addCounters(db dbx.Builder, deleted map[string]counters) error {
	for key, counts := range deleted {
		var stored jsonText
		err := db.NewQuery(countersSQL).Bind(dbx.Params{"key": key}).Row(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the counters of workflow %q: %w", key, err)
		}
		counts.add(stored)
		raw, _ := json.Marshal(counts) // numbers only
		if _, err := db.NewQuery(setCountersSQL).Bind(dbx.Params{"key": key, "counters": string(raw)}).Execute(); err != nil {
			return fmt.Errorf("store the counters of workflow %q: %w", key, err)
		}
	}
	return nil
}

// BindCounters keeps the counters of deleted executions right, whoever deletes
// one or saves a workflow through the app.
func BindCounters(app core.App) {
	app.OnRecordDeleteExecute(executionsName).Bind(&hook.Handler[*core.RecordEvent]{
		Id:       countersHookID,
		Priority: 100, // after PocketBase's own, which opens the transaction
		Func:     countDeleted,
	})
	app.OnRecordUpdateExecute(workflowsName).Bind(&hook.Handler[*core.RecordEvent]{Id: countersHookID, Func: keepCounters})
}

// countDeleted counts an execution that PocketBase deletes, in the same
// transaction. One that had not ended has nothing to be counted as.
func countDeleted(e *core.RecordEvent) error {
	var row struct {
		Workflow string          `db:"workflow"`
		Status   workflow.Status `db:"status"`
	}
	db := e.App.NonconcurrentDB()
	err := db.NewQuery("SELECT workflow, status FROM " + executionsName + " WHERE id = {:id}").Bind(dbx.Params{"id": e.Record.Id}).One(&row)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read execution %s: %w", e.Record.Id, err)
	}
	if err := e.Next(); err != nil {
		return err
	}
	if !row.Status.Final() {
		return nil
	}
	return addCounters(db, map[string]counters{row.Workflow: {row.Status: 1}})
}

// keepCounters makes a record that is saved whole carry the counters and the
// schedule of the moment: it may have been read before the last deletion or run.
func keepCounters(e *core.RecordEvent) error {
	app := e.App
	defer func() { e.App = app }()
	return app.RunInTransaction(func(tx core.App) error {
		e.App = tx
		var stored, schedule jsonText
		var next string
		err := tx.NonconcurrentDB().NewQuery("SELECT [[counters]], [[schedule]], [[nextRun]] FROM "+workflowsName+" WHERE id = {:id}").
			Bind(dbx.Params{"id": e.Record.Id}).Row(&stored, &schedule, &next)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read the counters of workflow %q: %w", e.Record.GetString("key"), err)
		}
		e.Record.Set("counters", stored.JSONRaw)
		e.Record.Set("schedule", schedule.JSONRaw)
		e.Record.Set("nextRun", next)
		return e.Next()
	})
}
