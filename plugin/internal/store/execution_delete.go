package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// How many rows one statement of a deletion takes at most. Between two statements
// it looks at the clock; the largest results take about a millisecond each.
const (
	deleteExecutions = 20
	deleteRelated    = 25
)

const (
	finishedSQL = "SELECT id, workflow, status FROM " + executionsName +
		" WHERE id IN (SELECT value FROM json_each({:ids})) AND status IN (" + finalStatuses + ")"
	deleteSQL = "DELETE FROM " + executionsName + " WHERE id IN (SELECT value FROM json_each({:ids}))"
)

// deleteRelatedSQL deletes some rows of a collection that belong to executions.
func deleteRelatedSQL(collection string) string {
	return "DELETE FROM " + collection + " WHERE rowid IN (SELECT rowid FROM " + collection +
		" WHERE execution IN (SELECT value FROM json_each({:ids})) LIMIT {:limit})"
}

// Deletion is how one call of DeleteFinished went.
type Deletion struct {
	// Done is how many of the ids, from the first, need no further call.
	Done int
	// Deleted is how many of those were there and had ended.
	Deleted int
	// Held is how long the database's only writer was kept from others.
	Held time.Duration
}

// DeleteFinished deletes the executions with these ids, and the records of the
// plugin's collections that belong to them, in one transaction with the counters
// of their workflows. Those that are gone or have not ended are left alone.
//
// When budget is used up it commits what it has and leaves the rest to the next
// call: Done may be 0 when the first of them has very many steps. Every call gets
// on. It is plain SQL: no hooks run and no realtime messages are sent, and a
// relation of another collection to an execution keeps its id.
func (s *Store) DeleteFinished(ctx context.Context, ids []string, budget time.Duration) (Deletion, error) {
	if err := ctx.Err(); err != nil || len(ids) == 0 {
		return Deletion{}, err
	}
	var d deletion
	var began time.Time
	c := &committer{app: s.app, prepared: s.prepared}
	err := c.inApp(func(tx core.App) error {
		began = time.Now()
		d = deletion{db: tx.NonconcurrentDB(), until: began.Add(budget), counts: map[string]counters{}}
		return d.run(ids)
	})
	if err != nil {
		return Deletion{}, fmt.Errorf("delete %d finished executions: %w", len(ids), err)
	}
	return Deletion{Done: d.done, Deleted: d.deleted, Held: time.Since(began)}, nil
}

// deletion is one transaction of DeleteFinished.
type deletion struct {
	db            dbx.Builder
	until         time.Time
	counts        map[string]counters
	done, deleted int
}

type finishedRow struct {
	ID       string          `db:"id"`
	Workflow string          `db:"workflow"`
	Status   workflow.Status `db:"status"`
}

func (d *deletion) run(ids []string) error {
	related := relatedCollections()
	for late := false; len(ids) > 0 && !late; late = time.Now().After(d.until) {
		part := ids[:min(len(ids), deleteExecutions)]
		all, err := d.part(part, related)
		if err != nil {
			return err
		}
		if !all {
			break
		}
		d.done += len(part)
		ids = ids[len(part):]
	}
	return addCounters(d.db, d.counts)
}

// part deletes a few executions. It reports false when it ran out of time before
// it came to them.
func (d *deletion) part(ids []string, related []string) (all bool, err error) {
	var rows []finishedRow
	if err := d.db.NewQuery(finishedSQL).Bind(dbx.Params{"ids": idList(ids)}).All(&rows); err != nil {
		return false, fmt.Errorf("read: %w", err)
	}
	if len(rows) == 0 {
		return true, nil
	}
	ended := make([]string, len(rows))
	for i, row := range rows {
		ended[i] = row.ID
	}
	list := idList(ended)
	for _, collection := range related {
		for {
			n, err := d.exec(deleteRelatedSQL(collection), dbx.Params{"ids": list, "limit": deleteRelated})
			if err != nil {
				return false, fmt.Errorf("%s: %w", collection, err)
			}
			if n < deleteRelated {
				break
			}
			if time.Now().After(d.until) {
				return false, nil
			}
		}
	}
	if _, err := d.exec(deleteSQL, dbx.Params{"ids": list}); err != nil {
		return false, err
	}
	d.deleted += len(rows)
	for _, row := range rows {
		if d.counts[row.Workflow] == nil {
			d.counts[row.Workflow] = counters{}
		}
		d.counts[row.Workflow][row.Status]++
	}
	return true, nil
}

func (d *deletion) exec(query string, params dbx.Params) (int64, error) {
	res, err := d.db.NewQuery(query).Bind(params).Execute()
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// relatedCollections are those whose records live and die with an execution.
func relatedCollections() []string {
	var names []string
	for _, spec := range specs() {
		if spec.ofExecution {
			names = append(names, spec.name)
		}
	}
	return names
}

// idList is a JSON array, so that one statement fits any number.
func idList(ids []string) string {
	raw, _ := json.Marshal(ids) // strings only
	return string(raw)
}
