package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/owner"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// executions joins store, engine and script to what the triggers ask for.
type executions struct {
	plugin *Plugin
	store  *store.Store
	engine *engine.Engine
	runner engine.Runner
	owner  *owner.Owner
	// live are the liveExecutions by id.
	live sync.Map
}

func (x *executions) Atomic(ctx context.Context, fn func(tx core.App) error) error {
	return x.store.Atomic(ctx, fn)
}

func (x *executions) Whole(ctx context.Context, fn func(tx core.App) error) error {
	return x.store.Whole(ctx, fn)
}

// Insert stores executions. Sync ones of a process that does not have the engine
// wait for their turn in the chain; if that process dies, they wake by
// themselves.
func (x *executions) Insert(app core.App, execs ...*workflow.Execution) error {
	if !x.owner.Owns() {
		for _, e := range execs {
			if e.Mode == workflow.ModeSync && e.Status == workflow.StatusQueued {
				e.Status, e.WakeAt = workflow.StatusWaiting, time.Now().Add(x.plugin.config.SyncTimeout)
			}
		}
	}
	return x.store.Insert(app, execs...)
}

// Start hands committed executions to the engine, or tells the process that has
// it.
func (x *executions) Start(execs ...*workflow.Execution) {
	if x.owner.Owns() {
		x.engine.Submit(execs...)
		return
	}
	x.ring()
}

func (x *executions) ring() {
	if err := x.owner.Ring(); err != nil {
		x.plugin.app.Logger().Warn("The process that runs the workflows could not be told of new ones", "error", err)
	}
}

func (x *executions) Reserve(execs ...*workflow.Execution) {
	for _, e := range execs {
		if !x.owner.Owns() {
			return // the engine of another process knows nothing of them yet
		}
		x.engine.Reserve(e.ID)
	}
}

func (x *executions) Free(execs ...*workflow.Execution) {
	for _, e := range execs {
		x.engine.Free(e.ID)
	}
}

// Run runs a sync execution; where another process has the engine it waits for
// that one to do so.
func (x *executions) Run(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error) {
	if x.owner.Owns() {
		return x.engine.Run(ctx, e)
	}
	x.Free(e)
	if err := x.store.Queue(ctx, e.ID); err != nil {
		return workflow.Outcome{}, err
	}
	x.ring()
	began := time.Now()
	for {
		found, err := x.store.Find(ctx, e.ID)
		if err != nil {
			return workflow.Outcome{}, fmt.Errorf("wait for execution %s: %w", e.ID, err)
		}
		if found.Status.Final() {
			return workflow.Outcome{
				Status: found.Status, Reason: found.Reason, Output: found.Output, Failure: found.Failure, Messages: found.Messages, Logs: found.Logs,
				Response: found.Response,
			}, nil
		}
		select {
		case <-ctx.Done():
			return workflow.Outcome{}, context.Cause(ctx)
		case <-time.After(min(max(remotePoll, time.Since(began)/8), remotePollMax)):
		}
	}
}

// remotePoll is how often a process without the engine looks for the end of a
// sync execution that a response waits for; it does so less often the longer
// that takes, at last every remotePollMax.
const (
	remotePoll    = 25 * time.Millisecond
	remotePollMax = 2 * time.Second
)

// RunInTx runs e inside the open transaction of txApp: its rows, its steps and
// what the script writes commit or roll back with it.
func (x *executions) RunInTx(ctx context.Context, txApp core.App, e *workflow.Execution) workflow.Outcome {
	tx := x.store.Tx(txApp)
	executor := &engine.Executor{Journal: txJournal{tx}, Runner: x.runner, Now: time.Now, Policy: x.plugin.policy}
	out, err := executor.Run(script.WithApp(ctx, txApp), e)
	if err == nil {
		out.Apply(e)
		_, err = tx.Finish(ctx, e)
	}
	if err != nil {
		out = workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Name: "Error", Message: err.Error()}}
		out.Apply(e)
	}
	return out
}

func (x *executions) Record(ctx context.Context, e *workflow.Execution) error {
	if e.ID == "" {
		e.ID = store.NewID() // what follows names it
	}
	e.Sequel = x.plugin.sequel(e) //nolint:contextcheck // a version that is read is kept for all
	err := x.store.Record(ctx, e)
	if err == nil && e.Sequel != nil {
		x.Start(e.Sequel) //nolint:contextcheck // it outlives the request
	}
	return err
}

func (x *executions) Cancel(ctx context.Context, e *workflow.Execution, reason string) error {
	x.Free(e)
	if _, err := x.engine.Cancel(ctx, []string{e.ID}, reason); err != nil {
		return fmt.Errorf("cancel execution %s: %w", e.ID, err)
	}
	return nil
}

func (x *executions) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	if e, ok := x.live.Load(id); ok {
		return e.(liveExecution).Execution, nil
	}
	return x.store.Find(ctx, id)
}

// runnerAdapter lets the engine, which knows no JavaScript, run scripts.
type runnerAdapter struct{ *script.Runner }

func (r runnerAdapter) Run(ctx context.Context, e *workflow.Execution, s *engine.Session) workflow.Outcome {
	return r.Runner.Run(ctx, e, session{s})
}

// session is the engine's session as a script's journal.
type session struct{ *engine.Session }

func (s session) Branch(ctx context.Context, lost func() bool, fn func(script.Journal)) {
	s.Session.Branch(ctx, lost, func(own *engine.Session) { fn(session{own}) })
}

// waits is what executions can wait for.
type waits struct {
	*store.Store
	plugin *Plugin
}

// NewChild makes an execution that a step invokes.
func (w waits) NewChild(e *workflow.Execution, step *workflow.Step, key string, data []byte, wait bool) (*workflow.Execution, error) {
	return w.plugin.trigger.Child(w.plugin.app, e, step, key, data, wait)
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

// duplicates finds and ends executions of a dedup key.
type duplicates struct{ *executions }

func (x duplicates) Active(app core.App, key, dedupKey string) (string, error) {
	return x.store.Duplicate(app, key, dedupKey)
}

// Replace cancels an execution in the transaction of app; after interrupts it.
func (x duplicates) Replace(app core.App, id string) (after func(), err error) {
	done, err := x.store.Tx(app).Cancel(context.Background(), []string{id}, "replaced")
	if err != nil {
		return nil, fmt.Errorf("replace execution %s: %w", id, err)
	}
	return func() { x.engine.Canceled(done) }, nil
}
