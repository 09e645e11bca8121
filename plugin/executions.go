package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// executions joins store, engine and script to what the triggers ask for.
type executions struct {
	store  *store.Store
	engine *engine.Engine
	runner engine.Runner
	// timeout is how long an execution may take.
	timeout func(e *workflow.Execution) time.Duration
}

func (x *executions) Atomic(ctx context.Context, fn func(tx core.App) error) error {
	return x.store.Atomic(ctx, fn)
}

func (x *executions) Insert(app core.App, execs ...*workflow.Execution) error {
	return x.store.Insert(app, execs...)
}

func (x *executions) Start(execs ...*workflow.Execution) { x.engine.Submit(execs...) }

func (x *executions) Run(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error) {
	return x.engine.Run(ctx, e)
}

// RunInTx runs e inside the open transaction of txApp: its rows, its steps and
// what the script writes commit or roll back with it.
func (x *executions) RunInTx(ctx context.Context, txApp core.App, e *workflow.Execution) workflow.Outcome {
	executor := &engine.Executor{Store: txJournal{x.store.Tx(txApp)}, Runner: x.runner, Now: time.Now, Timeout: x.timeout}
	out, err := executor.Execute(script.WithApp(ctx, txApp), e)
	if err != nil {
		out = workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Name: "Error", Message: err.Error()}}
		out.Apply(e)
	}
	return out
}

func (x *executions) Record(ctx context.Context, e *workflow.Execution) error {
	return x.store.Record(ctx, e)
}

func (x *executions) Cancel(ctx context.Context, e *workflow.Execution, reason string) error {
	e.Status, e.Reason, e.FinishedAt = workflow.StatusCanceled, reason, time.Now()
	if err := x.store.Finish(ctx, e); err != nil {
		return fmt.Errorf("cancel execution %s: %w", e.ID, err)
	}
	return nil
}

func (x *executions) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	return x.store.Find(ctx, id)
}

// runnerAdapter lets the engine, which knows no JavaScript, run scripts.
type runnerAdapter struct{ *script.Runner }

func (r runnerAdapter) Run(ctx context.Context, e *workflow.Execution, s *engine.Session) workflow.Outcome {
	return r.Runner.Run(ctx, e, s)
}

// journal lets the engine, which knows no PocketBase, commit a step together
// with the writes of its function.
type journal struct{ *store.Store }

func (j journal) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	return j.Store.Transaction(ctx, e, step, func(tx core.App) error { return fn(tx) })
}

// txJournal is journal inside an open transaction.
type txJournal struct{ *store.TxStore }

func (j txJournal) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	return j.TxStore.Transaction(ctx, e, step, func(tx core.App) error { return fn(tx) })
}
