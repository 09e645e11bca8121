package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// OpenTask stores a task together with the step of e that waits for it. It sets
// what is empty: the task's ID, and the step's Ref. Errors are those of SaveStep.
func (s *Store) OpenTask(ctx context.Context, e *workflow.Execution, step *workflow.Step, t *workflow.Task) error {
	if t.ID == "" {
		t.ID = NewID()
	}
	step.Ref = workflow.TaskEvent(t.ID)
	var w *stepWrite
	err := s.Atomic(ctx, func(tx core.App) (err error) {
		if w, err = newStepWrite(e, step); err != nil {
			return err
		}
		if err := w.run(s.prepared.batch(s.app, tx)); err != nil {
			return err
		}
		if err := w.result(); err != nil {
			return err
		}
		collection, err := tx.FindCachedCollectionByNameOrId(tasksName)
		if err != nil {
			return err
		}
		record := core.NewRecord(collection)
		record.Id = t.ID
		return saveTask(tx, record, t)
	})
	if err != nil {
		return fmt.Errorf("open the task %q of execution %s: %w", step.Name, e.ID, err)
	}
	w.marks.done()
	s.Notify("update", w.marks.ids()...)
	return nil
}

// Task reads a task, or sql.ErrNoRows.
func (s *Store) Task(ctx context.Context, id string) (*workflow.Task, error) {
	record, err := findTask(ctx, s.app, id)
	if err != nil {
		return nil, fmt.Errorf("find task %q: %w", id, err)
	}
	return s.TaskOf(record)
}

func findTask(ctx context.Context, app core.App, id string) (*core.Record, error) {
	return app.FindRecordById(tasksName, id, func(q *dbx.SelectQuery) error {
		q.WithContext(ctx)
		return nil
	})
}

// ChangeTask changes a task by fn and stores it, in one transaction in which
// nobody else writes: of two changes at the same moment the second sees the
// first. What fn writes through tx commits with it. Errors: sql.ErrNoRows, fn's
// own.
func (s *Store) ChangeTask(ctx context.Context, id string, fn func(tx core.App, t *workflow.Task) error) (*workflow.Task, error) {
	var t *workflow.Task
	err := s.Atomic(ctx, func(tx core.App) error {
		record, err := findTask(ctx, tx, id)
		if err != nil {
			return err
		}
		if t, err = s.TaskOf(record); err != nil {
			return err
		}
		if err := fn(tx, t); err != nil {
			return err
		}
		return saveTask(tx, record, t)
	})
	if err != nil {
		return nil, fmt.Errorf("change task %q: %w", id, err)
	}
	return t, nil
}

// OpenTasks lists the open tasks of an execution.
func (s *Store) OpenTasks(ctx context.Context, execution string) ([]string, error) {
	var ids []string
	err := s.app.ConcurrentDB().NewQuery("SELECT id FROM " + tasksName + " WHERE execution = {:id} AND status = 'waiting' ORDER BY id").
		WithContext(ctx).Bind(dbx.Params{"id": execution}).Column(&ids)
	if err != nil {
		return nil, fmt.Errorf("list the open tasks of execution %s: %w", execution, err)
	}
	return ids, nil
}

// CloseTasks closes the open tasks of an execution in branches that begin like
// this.
func (s *Store) CloseTasks(ctx context.Context, execution, branches, reason string) error {
	var ids []string
	err := s.write(ctx, func(b *batch) (err error) {
		ids, err = closeTasks(b, execution, branches, reason, formatDate(time.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("close the tasks of execution %s: %w", execution, err)
	}
	s.realtime.notify(tasksName, "update", ids...)
	return nil
}

const closeTasksSQL = "UPDATE " + tasksName + " SET status='canceled', reason={:reason}, updated={:now}" +
	" WHERE execution = {:id} AND status = 'waiting' AND substr(branch, 1, length({:branches})) = {:branches} RETURNING id"

func closeTasks(b *batch, execution, branches, reason string, now any) (ids []string, err error) {
	err = b.db.NewQuery(closeTasksSQL).
		Bind(dbx.Params{"id": execution, "branches": branches, "reason": reason, "now": now}).Column(&ids)
	return ids, err
}

// tasksAfter tells of closed tasks once the transaction of app has committed.
func (s *Store) tasksAfter(app core.App, ids []string) {
	if tx := app.TxInfo(); tx != nil && len(ids) > 0 {
		tx.OnComplete(func(txErr error) error {
			if txErr == nil {
				s.realtime.notify(tasksName, "update", ids...)
			}
			return nil
		})
	}
}

// saveTask stores a task through PocketBase, which tells realtime subscribers
// once that has committed.
func saveTask(app core.App, record *core.Record, t *workflow.Task) error {
	if err := loadTask(record, t); err != nil {
		return err
	}
	if err := app.Save(record); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return savePeople(app, t)
}

// savePeople stores who sees a task: what the rule of the tasks looks at.
func savePeople(app core.App, t *workflow.Task) error {
	db := app.NonconcurrentDB()
	if _, err := db.Delete(peopleName, dbx.HashExp{"task": t.ID}).Execute(); err != nil {
		return fmt.Errorf("save people: %w", err)
	}
	now := formatDate(time.Now())
	add := func(p workflow.Person, part string) error {
		_, err := db.Insert(peopleName, dbx.Params{
			"id": NewID(), "task": t.ID, "execution": t.Execution, "user": p.ID, "userCollection": p.Collection, "part": part, "created": now,
		}).Execute()
		if err != nil {
			return fmt.Errorf("save people: %w", err)
		}
		return nil
	}
	for i := range t.Places {
		if err := add(t.Places[i].Person, partAssignee); err != nil {
			return err
		}
	}
	for _, p := range t.CC {
		if err := add(p, partCC); err != nil {
			return err
		}
	}
	return nil
}
