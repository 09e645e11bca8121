package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var park = newStatement("UPDATE " + executionsName + " SET status=?, wakeAt=?, startedAt=?, attempt=?, updated=?" +
	" WHERE id=? AND status IN (" + activeStatuses + ")")

// Park stores that e waits, with the steps that say what for. When that has come
// in the meantime (an event, the end of a child) e is queued again at once and
// Park returns true. Errors: workflow.ErrGone when the execution was deleted or
// has ended.
func (s *Store) Park(ctx context.Context, e *workflow.Execution, p workflow.Park) (ready bool, err error) {
	steps := make([]*stepWrite, len(p.Steps))
	for i, step := range p.Steps {
		if steps[i], err = newStepWrite(e, step); err != nil {
			return false, fmt.Errorf("park execution %s: %w", e.ID, err)
		}
		steps[i].marks = nil // the execution's own row is written anyway
	}
	rows := int64(0)
	err = s.write(ctx, func(b *batch) error {
		for _, w := range steps {
			if err := w.run(b); err != nil {
				return err
			}
		}
		var err error
		if ready, err = arrived(b.db, e.ID, p); err != nil {
			return err
		}
		status, wakeAt := workflow.StatusWaiting, p.WakeAt
		if ready {
			status, wakeAt = workflow.StatusQueued, time.Time{}
		}
		rows, err = b.exec(park, string(status), formatDate(wakeAt), formatDate(e.StartedAt), e.Attempt, formatDate(time.Now()), e.ID)
		return err
	})
	if err == nil && rows == 0 {
		err = workflow.ErrGone
	}
	for i := 0; err == nil && i < len(steps); i++ {
		err = steps[i].result()
	}
	if err != nil {
		return false, fmt.Errorf("park execution %s: %w", e.ID, err)
	}
	s.Notify("update", e.ID)
	return ready, nil
}

const (
	eventArrivedSQL = "SELECT COUNT(*) FROM (SELECT 1 FROM " + eventsName +
		" WHERE execution = {:execution} AND step = '' AND name = {:name} AND id > {:after} LIMIT 1)"
	childEndedSQL = "SELECT COUNT(*) FROM (SELECT 1 FROM " + executionsName + " WHERE id IN (%s) AND status IN (" + finalStatuses + ") LIMIT 1)"
)

// arrived reports whether what p waits for is there already.
func arrived(db dbx.Builder, execution string, p workflow.Park) (bool, error) {
	n := 0
	for _, v := range p.Events {
		params := dbx.Params{"execution": execution, "name": v.Name, "after": v.After}
		if err := db.NewQuery(eventArrivedSQL).Bind(params).Row(&n); err != nil || n > 0 {
			return n > 0, err
		}
	}
	if len(p.Children) == 0 {
		return false, nil
	}
	err := db.NewQuery(fmt.Sprintf(childEndedSQL, placeholders(p.Children))).Bind(idParams(p.Children)).Row(&n)
	return n > 0, err
}

// byWakeAt reads the parked executions in the order of their times. The index is
// named because SQLite prefers another one, with which it reads all of them; the
// condition is written as the partial index has it.
const byWakeAt = " FROM " + executionsName + " INDEXED BY " + wakeIndex + " WHERE status = 'waiting' AND wakeAt != ''"

// dueSQL takes parked executions out of their wait.
const dueSQL = "UPDATE " + executionsName + " SET status='queued', wakeAt='' WHERE id IN (" +
	"SELECT id" + byWakeAt + " AND wakeAt <= {:now} ORDER BY wakeAt LIMIT {:limit}" +
	") RETURNING " + executionColumns

// Due queues at most limit parked executions whose time has come, and returns
// them.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]*workflow.Execution, error) {
	var rows []executionRow
	err := s.write(ctx, func(b *batch) error {
		rows = nil
		return b.db.NewQuery(dueSQL).Bind(dbx.Params{"now": formatDate(now), "limit": limit}).All(&rows)
	})
	if err != nil {
		return nil, fmt.Errorf("take the due executions: %w", err)
	}
	return toExecutions(rows)
}

var queueOne = newStatement("UPDATE " + executionsName + " SET status='queued', wakeAt='' WHERE id=? AND status='waiting'")

// Queue ends the wait of a parked execution; of others it changes nothing.
func (s *Store) Queue(ctx context.Context, id string) error {
	err := s.write(ctx, func(b *batch) error {
		_, err := b.exec(queueOne, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("queue execution %s: %w", id, err)
	}
	return nil
}

const nextWakeSQL = "SELECT COALESCE(MIN(wakeAt), '')" + byWakeAt

// NextWake is when the first parked execution is due; zero when none is.
func (s *Store) NextWake(ctx context.Context) (time.Time, error) {
	var at string
	if err := s.app.ConcurrentDB().NewQuery(nextWakeSQL).WithContext(ctx).Row(&at); err != nil {
		return time.Time{}, fmt.Errorf("find the next due execution: %w", err)
	}
	return parseDate(at), nil
}
