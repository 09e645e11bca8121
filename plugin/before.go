package plugin

import (
	"context"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// heldTimeout is the default timeout of a handler that runs inside a write's
// transaction, which holds the only writer of the database.
const heldTimeout = 3 * time.Second

// before runs the handlers of before workflows. Nothing of such an execution is
// stored until it has ended: a start after a crash could not take it up, its
// request is gone.
type before struct{ *executions }

// Run runs e with record as ctx.record, inside the open transaction of app if
// that has one.
func (x before) Run(ctx context.Context, app core.App, record *core.Record, e *workflow.Execution) workflow.Kept {
	e.Root, e.Created = rootOf(e), time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x.live.Store(e.ID, liveExecution{e, cancel})
	defer x.live.Delete(e.ID)
	j := &memory{app: app}
	executor := &engine.Executor{Journal: j, Runner: x.runner, Now: time.Now, Policy: x.plugin.policy}
	if executor.Policy(e).Timeout == 0 {
		timeout := x.plugin.config.SyncTimeout
		if app.TxInfo() != nil {
			timeout = heldTimeout
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, engine.ErrTimeout)
		defer cancel()
	}
	out, err := executor.Run(script.WithRecord(script.WithApp(ctx, app), record), e)
	switch {
	case err != nil:
		out = workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Name: "Error", Message: err.Error()}}
	case !out.Status.Final(): // interrupted from outside
		out.Status, out.Reason = workflow.StatusAborted, "interrupted"
		out.Failure = &workflow.Failure{Name: "Error", Message: "the workflow was interrupted"}
		if cause := context.Cause(ctx); cause != nil {
			out.Failure.Message += ": " + cause.Error()
		}
	}
	out.Apply(e)
	e.FinishedAt = time.Now()
	return workflow.Kept{Execution: e, Steps: j.steps, Ended: out.Ended}
}

// liveExecution runs and is not stored yet.
type liveExecution struct {
	*workflow.Execution
	cancel context.CancelCauseFunc
}

// interrupt ends the handlers that run, whose requests are refused then.
func (x before) interrupt(cause error) {
	x.live.Range(func(_, live any) bool {
		live.(liveExecution).cancel(cause)
		return true
	})
}

func (x before) Keep(app core.App, ended ...workflow.Kept) error { return x.store.Keep(app, ended...) }

func rootOf(e *workflow.Execution) string {
	if e.Root != "" {
		return e.Root
	}
	return e.ID
}

// memory is the journal of an execution that nobody takes up again.
type memory struct {
	app   core.App
	mu    sync.Mutex
	steps []*workflow.Step
}

func (m *memory) Steps(context.Context, string) ([]*workflow.Step, error) { return nil, nil }

func (m *memory) SaveStep(_ context.Context, _ *workflow.Execution, step *workflow.Step) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.steps {
		if s == step {
			return nil
		}
	}
	m.steps = append(m.steps, step)
	return nil
}

// Transaction commits what fn writes at once, or is part of the transaction that
// the handler runs in.
func (m *memory) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.app.RunInTransaction(func(tx core.App) error { return fn(tx) }); err != nil {
		return err
	}
	return m.SaveStep(ctx, e, step)
}
