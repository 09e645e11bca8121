package task

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// ErrNotStarter says that only who caused the execution can withdraw its tasks.
var ErrNotStarter = errors.New("only who caused the execution can withdraw the task")

// Withdraw takes a task back, for the user who caused its execution.
func (d *Desk) Withdraw(ctx context.Context, id string, by Caller) (*workflow.Task, error) {
	return d.config.Store.ChangeTask(ctx, id, func(tx core.App, t *workflow.Task) error {
		switch {
		case !by.Superuser && !t.Starter(by.Person) && t.Sees(by.Person):
			return ErrNotStarter
		case !by.Superuser && !t.Starter(by.Person):
			return sql.ErrNoRows
		case t.Status.Final():
			return workflow.ErrTaskClosed
		}
		return d.end(ctx, tx, t, t.EndWithdrawn())
	})
}

// WithdrawAll takes back all open tasks of an execution, which is how who caused it
// and does not see them does so. Errors: sql.ErrNoRows when the execution is not
// theirs, workflow.ErrTaskClosed when none is open.
func (d *Desk) WithdrawAll(ctx context.Context, execution string, by Caller) ([]string, error) {
	e, err := d.config.App.FindRecordById("_workflowExecutions", execution)
	if err != nil {
		return nil, fmt.Errorf("find execution %q: %w", execution, err)
	}
	if !by.Superuser && (e.GetString("user") != by.ID || e.GetString("userCollection") != by.Collection) {
		return nil, sql.ErrNoRows
	}
	ids, err := d.config.Store.OpenTasks(ctx, execution)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, id := range ids {
		_, err := d.Withdraw(ctx, id, by)
		switch {
		case errors.Is(err, workflow.ErrTaskClosed), errors.Is(err, workflow.ErrGone):
		case err != nil:
			return done, err
		default:
			done = append(done, id)
		}
	}
	if len(done) == 0 {
		return nil, workflow.ErrTaskClosed
	}
	return done, nil
}

// Read keeps that the caller, an assignee or who gets a copy, has read a task. Only
// the first time counts.
func (d *Desk) Read(ctx context.Context, id string, by Caller) (*workflow.Task, error) {
	var seen *workflow.Task
	t, err := d.config.Store.ChangeTask(ctx, id, func(_ core.App, t *workflow.Task) error {
		switch {
		case !by.sees(t):
			return sql.ErrNoRows
		case !t.Sees(by.Person):
			return workflow.ErrNotAssignee // a superuser's look is nobody's receipt
		case !t.Read(by.Person, d.config.Now().UTC()):
			seen = t
			return errSettled
		}
		return nil
	})
	if errors.Is(err, errSettled) {
		return seen, nil
	}
	return t, err
}
