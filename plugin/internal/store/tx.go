package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TxStore is the store inside an open transaction: nothing it writes is durable
// before that commits. Its methods do what the Store's do.
type TxStore struct {
	store *Store
	app   core.App
}

func (t *TxStore) batch() *batch { return t.store.prepared.batch(t.store.app, t.app) }

// Find is Store.Find, and sees what the transaction wrote.
func (t *TxStore) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	return findExecution(ctx, t.app.NonconcurrentDB(), id)
}

// Steps is Store.Steps, and sees what the transaction wrote.
func (t *TxStore) Steps(ctx context.Context, executionID string) ([]*workflow.Step, error) {
	return readSteps(ctx, t.app.NonconcurrentDB(), executionID)
}

// MarkRunning is Store.MarkRunning.
func (t *TxStore) MarkRunning(_ context.Context, execs []*workflow.Execution) error {
	marks := newMarks(execs)
	if len(marks) == 0 {
		return nil
	}
	if err := marks.run(t.batch()); err != nil {
		return fmt.Errorf("mark %d executions as running: %w", len(marks), err)
	}
	marks.done()
	t.store.notifyAfter(t.app, "update", marks.ids()...)
	return nil
}

// SaveStep is Store.SaveStep.
func (t *TxStore) SaveStep(_ context.Context, e *workflow.Execution, step *workflow.Step) error {
	w, err := newStepWrite(e, step)
	if err == nil {
		err = w.run(t.batch())
	}
	if err == nil {
		err = w.result()
	}
	if err != nil {
		return fmt.Errorf("save step %q of execution %s: %w", step.Name, e.ID, err)
	}
	t.marked(w)
	return nil
}

const stepSavepoint = "workflow_step"

// Transaction is Store.Transaction with a savepoint for a transaction: when fn
// fails, what it wrote is undone and the surrounding transaction goes on.
// PocketBase's own after-success hooks of records that were undone this way
// still run when the surrounding transaction commits.
func (t *TxStore) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx core.App) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.execute("SAVEPOINT " + stepSavepoint); err != nil {
		return fmt.Errorf("transaction of step %q of execution %s: %w", step.Name, e.ID, err)
	}
	mark := t.store.after.mark(t.app)
	done := false
	defer func() {
		if !done { // fn failed or panicked
			t.store.after.undo(t.app, mark)
			err = errors.Join(err, t.execute("ROLLBACK TO "+stepSavepoint), t.execute("RELEASE "+stepSavepoint))
		}
	}()
	w, err := t.store.runStep(t.app, e, step, fn)
	if err != nil {
		return fmt.Errorf("transaction of step %q of execution %s: %w", step.Name, e.ID, err)
	}
	done = true
	if err := t.execute("RELEASE " + stepSavepoint); err != nil {
		return fmt.Errorf("transaction of step %q of execution %s: %w", step.Name, e.ID, err)
	}
	t.marked(w)
	return nil
}

func (t *TxStore) marked(w *stepWrite) {
	w.marks.done()
	if len(w.marks) > 0 {
		t.store.notifyAfter(t.app, "update", w.marks.ids()...)
	}
	if tx := t.app.TxInfo(); tx != nil && t.store.app.SubscriptionsBroker().TotalClients() > 0 {
		tx.OnComplete(func(txErr error) error {
			if txErr == nil {
				t.store.notifyStep(w.step)
			}
			return nil // an error here would fail a request that has committed
		})
	}
}

func (t *TxStore) execute(sql string) error {
	_, err := t.app.NonconcurrentDB().NewQuery(sql).Execute()
	return err
}

// Finish is Store.Finish.
func (t *TxStore) Finish(_ context.Context, e *workflow.Execution) (workflow.Ended, error) {
	args, err := finishArgs(e)
	var rows int64
	var ended workflow.Ended
	if err == nil {
		ended, rows, err = finishExecution(t.batch(), e, args)
	}
	if err == nil && rows == 0 {
		err = workflow.ErrGone
	}
	if err != nil {
		return workflow.Ended{}, fmt.Errorf("finish execution %s as %s: %w", e.ID, e.Status, err)
	}
	t.store.notifyAfter(t.app, "update", e.ID)
	return ended, nil
}
