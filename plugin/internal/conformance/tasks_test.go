package conformance

import (
	"context"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/task"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// assignee is a user of PocketBase's test data.
const assignee = "4q1xlclmfloku33"

// newDesk is where the world's tasks are dealt with, whatever process is alive.
func (w *world) newDesk() *task.Desk {
	return task.New(task.Config{
		App: w.app, Store: w.store, Now: w.now,
		Send: func(ctx context.Context, app core.App, v *workflow.Event) error {
			wakes, err := w.store.SendEvent(ctx, app, v)
			if err == nil && wakes {
				app.TxInfo().OnComplete(func(error) error {
					w.engine.Wake(workflow.Waiter{ID: v.Execution, Workflow: w.find(v.Execution).Workflow})
					return nil
				})
			}
			return err
		},
	})
}

// answers lets the assignee answer the open task of an execution.
func (w *world) answers(x *workflow.Execution, action string) {
	w.t.Helper()
	open, err := w.store.OpenTasks(context.Background(), x.ID)
	require.NoError(w.t, err)
	require.Len(w.t, open, 1)
	by := task.Caller{Person: workflow.Person{Collection: "users", ID: assignee}}
	_, err = w.desk.Answer(context.Background(), open[0], by, task.Answer{Action: action})
	require.NoError(w.t, err)
}

// asks is the desk as a process sees it until it crashes.
type asks struct {
	*process
	desk *task.Desk
}

func (a asks) Open(ctx context.Context, e *workflow.Execution, step *workflow.Step, options workflow.TaskOptions) (refused, err error) {
	err = a.write("open "+step.Name, func(fail bool) error {
		return unless(fail, func() (err error) {
			refused, err = a.desk.Open(ctx, e, step, options)
			return err
		})
	})
	return refused, err
}

func (a asks) Due(ctx context.Context, step *workflow.Step) error {
	return a.write("due "+step.Name, func(fail bool) error {
		return unless(fail, func() error { return a.desk.Due(ctx, step) })
	})
}

func (a asks) Abandon(ctx context.Context, execution, branches string) error {
	return a.write("abandon", func(fail bool) error {
		return unless(fail, func() error { return a.desk.Abandon(ctx, execution, branches) })
	})
}

var _ engine.Tasks = asks{}
