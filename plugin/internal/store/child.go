package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// StartChild stores a new execution together with the step of e that invoked
// it: both or none. Errors are those of SaveStep.
func (s *Store) StartChild(ctx context.Context, e *workflow.Execution, step *workflow.Step, child *workflow.Execution) error {
	w, err := newStepWrite(e, step)
	if err == nil {
		err = s.write(ctx, func(b *batch) error {
			if err := w.run(b); err != nil || !w.stored {
				return err
			}
			return insertExecutions(b, []*workflow.Execution{child})
		})
	}
	if err == nil {
		err = w.result()
	}
	if err == nil && !w.stored {
		err = workflow.ErrStepConflict
	}
	if err != nil {
		return fmt.Errorf("start a child of execution %s: %w", e.ID, err)
	}
	w.marks.done()
	s.Notify("create", child.ID)
	s.Notify("update", w.marks.ids()...)
	return nil
}

// familySQL are executions and all that they wait for, as far as it is active.
const familySQL = "WITH RECURSIVE family(id) AS (" +
	"SELECT id FROM " + executionsName + " WHERE %s UNION " +
	"SELECT c.id FROM " + executionsName + " c JOIN family f ON c.parent = f.id AND c.parent IS NOT ''" +
	" WHERE c.status IN (" + activeStatuses + ") AND json_extract(c.\"trigger\", '$.wait') = 1) "

const cancelSQL = familySQL + "UPDATE " + executionsName + " SET status='canceled', reason={:reason}, wakeAt='', finishedAt={:now}, updated={:now}" +
	" WHERE id IN (SELECT id FROM family) AND status IN (" + activeStatuses + ") RETURNING id, parent, COALESCE(json_extract(\"trigger\", '$.wait'), 0) = 1 AS waited"

// endStepsSQL ends what the steps of an ended execution wait for.
const endStepsSQL = "UPDATE " + stepsName + " SET status={:status}, wakeAt='', finishedAt={:now} WHERE execution = {:id} AND status IN (" + activeStatuses + ")"

// endSteps also closes the tasks that were open, and returns their ids.
func endSteps(b *batch, execution string, status workflow.Status, now any) (tasks []string, err error) {
	if status != workflow.StatusAborted {
		status = workflow.StatusCanceled
	}
	if _, err := b.db.NewQuery(endStepsSQL).Bind(dbx.Params{"id": execution, "status": string(status), "now": now}).Execute(); err != nil {
		return nil, err
	}
	return closeTasks(b, execution, "", workflow.TaskEnded, now)
}

// wakeParentSQL queues an execution that waits for the end of a child.
const wakeParentSQL = "UPDATE " + executionsName + " SET status='queued', wakeAt='' WHERE id = {:parent} AND status = 'waiting' RETURNING id, workflow"

// Cancel ends executions from outside, and the children they wait for. Those
// that have ended already stay as they are; unknown ids are left out.
func (s *Store) Cancel(ctx context.Context, ids []string, reason string) (workflow.Canceled, error) {
	var done workflow.Canceled
	if len(ids) == 0 {
		return done, nil
	}
	err := s.write(ctx, func(b *batch) (err error) {
		done, err = cancelFamily(b, "id IN ("+placeholders(ids)+")", idParams(ids), reason)
		return err
	})
	if err != nil {
		return workflow.Canceled{}, fmt.Errorf("cancel %d executions: %w", len(ids), err)
	}
	s.Notify("update", done.IDs...)
	s.realtime.notify(tasksName, "update", done.Tasks...)
	return done, nil
}

// cancelChildren ends the children that an execution which has ended was
// waiting for.
func cancelChildren(b *batch, parent string) (workflow.Canceled, error) {
	return cancelFamily(b, "parent = {:parent} AND parent IS NOT '' AND json_extract(\"trigger\", '$.wait') = 1", dbx.Params{"parent": parent}, "parent_ended")
}

func cancelFamily(b *batch, where string, params dbx.Params, reason string) (workflow.Canceled, error) {
	var rows []struct {
		ID     string `db:"id"`
		Parent string `db:"parent"`
		Waited bool   `db:"waited"`
	}
	params["now"], params["reason"] = formatDate(time.Now()), reason
	if err := b.db.NewQuery(fmt.Sprintf(cancelSQL, where+" AND status IN ("+activeStatuses+")")).Bind(params).All(&rows); err != nil {
		return workflow.Canceled{}, err
	}
	var done workflow.Canceled
	for _, r := range rows {
		done.IDs = append(done.IDs, r.ID)
		tasks, err := endSteps(b, r.ID, workflow.StatusCanceled, params["now"])
		if err != nil {
			return workflow.Canceled{}, err
		}
		done.Tasks = append(done.Tasks, tasks...)
		if !r.Waited {
			continue
		}
		woken, err := wakeParent(b, r.Parent)
		if err != nil {
			return workflow.Canceled{}, err
		}
		done.Woken = append(done.Woken, woken...)
	}
	return done, nil
}

func wakeParent(b *batch, parent string) ([]workflow.Waiter, error) {
	var woken []workflow.Waiter
	err := b.db.NewQuery(wakeParentSQL).Bind(dbx.Params{"parent": parent}).All(&woken)
	return woken, err
}
