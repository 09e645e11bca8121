package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/api"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// errDry rolls a dry run back.
var errDry = errors.New("a dry run is always rolled back")

// dryRun is one run whose writes are undone.
type dryRun struct {
	plugin *Plugin
	waits  bool
	writes dryWrites
	steps  *dryJournal

	mu    sync.Mutex
	calls []workflow.DryCall
}

// DryRun runs a workflow inside a transaction that is rolled back. Waits are over
// at once, calls to the outside are refused. It may take 3 seconds.
func (s service) DryRun(ctx context.Context, key string, r workflow.RunRequest) (*workflow.DryRun, error) {
	d := &dryRun{plugin: s.plugin}
	began := time.Now()
	var out workflow.Outcome
	var e *workflow.Execution
	err := s.plugin.app.RunInTransaction(func(tx core.App) error {
		runs := &s.plugin.dryRuns
		runs.active.Add(1)
		runs.byTx.Store(tx.TxInfo(), &d.writes)
		defer func() {
			runs.byTx.Delete(tx.TxInfo())
			runs.active.Add(-1)
		}()
		target, options, err := s.runTarget(tx, key, r)
		if err != nil {
			return err
		}
		if e, err = s.plugin.trigger.Prepare(tx, key, target, options); err != nil {
			return notStarted(err)
		}
		v, err := s.plugin.version(e.Workflow, e.Version) //nolint:contextcheck // a version that is read is kept for all
		if err != nil {
			return err
		}
		d.waits = e.Cause.Type != workflow.TriggerBefore && v.Definition.Mode != workflow.ModeTransaction
		var record *core.Record
		if e.Cause.Type == workflow.TriggerBefore {
			if record, err = d.recordOf(tx, e, target); err != nil { //nolint:contextcheck // it reads a version, as above
				return err
			}
		}
		out = d.run(ctx, tx, e, record)
		return errDry
	})
	if !errors.Is(err, errDry) {
		return nil, err
	}
	return d.answer(e, out, time.Since(began)), nil
}

// recordOf is ctx.record of a before workflow: the one that was named, or a new one.
func (d *dryRun) recordOf(tx core.App, e *workflow.Execution, target any) (*core.Record, error) {
	if record, ok := target.(*core.Record); ok {
		return record, nil
	}
	v, err := d.plugin.version(e.Workflow, e.Version)
	if err != nil {
		return nil, err
	}
	collection, err := tx.FindCachedCollectionByNameOrId(v.Definition.On.Collection)
	if err != nil {
		return nil, fmt.Errorf("find the collection of workflow %q: %w", e.Workflow, err)
	}
	values := map[string]any{}
	if len(e.Input.Data) > 0 {
		if err := json.Unmarshal(e.Input.Data, &values); err != nil {
			return nil, fmt.Errorf(`%w: "data" must be an object with the values of a record`, api.ErrRefused)
		}
	}
	record := core.NewRecord(collection)
	record.Load(values)
	return record, nil
}

// run runs the handler once: nothing parks, and steps are not tried again.
func (d *dryRun) run(ctx context.Context, tx core.App, e *workflow.Execution, record *core.Record) workflow.Outcome {
	app := sealedApp{tx, d.refused}
	d.steps = &dryJournal{app: app, writes: &d.writes}
	executor := &engine.Executor{Journal: d.steps, Runner: dryRunner{d.plugin.runner, d}, Now: time.Now, Policy: d.plugin.policy}
	ctx, cancel := context.WithTimeoutCause(ctx, heldTimeout, engine.ErrTimeout)
	defer cancel()
	ctx = script.WithoutOutside(script.WithApp(ctx, app), d.called)
	if record != nil {
		ctx = script.WithRecord(ctx, record)
	}
	out, err := executor.Run(ctx, e)
	switch {
	case err != nil:
		return workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Name: "Error", Message: err.Error()}}
	case out.Status == workflow.StatusQueued: // the client has gone
		out.Status, out.Reason = workflow.StatusAborted, "interrupted"
	}
	return out
}

func (d *dryRun) refused(call, target string) { d.note(call, target, true) }

// called is told of functions of the script's globals: those of $workflows write to
// the database, and are undone.
func (d *dryRun) called(call, target string) {
	d.note(call, target, call != "$workflows.trigger" && call != "$workflows.send")
}

func (d *dryRun) note(call, target string, refused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, workflow.DryCall{Call: call, Target: target, Refused: refused})
}

// dryRunner gives a script the journal of a dry run.
type dryRunner struct {
	runner *script.Runner
	run    *dryRun
}

func (r dryRunner) Run(ctx context.Context, e *workflow.Execution, s *engine.Session) workflow.Outcome {
	return r.runner.Run(ctx, e, drySession{session{s}, r.run, e})
}

// drySession is a journal in which nothing waits.
type drySession struct {
	session
	run *dryRun
	e   *workflow.Execution
}

// waitsFor reports whether a kind of step is answered with null at once.
func waitsFor(kind workflow.StepKind) bool {
	switch kind {
	case workflow.StepSleep, workflow.StepSleepUntil, workflow.StepWaitForEvent, workflow.StepTask:
		return true
	default:
		return false
	}
}

// Begin ends waits before they begin.
func (s drySession) Begin(name string, kind workflow.StepKind, options []byte) (*workflow.Step, error) {
	step, err := s.session.Begin(name, kind, options)
	if err != nil || step.Status.Final() || !waitsFor(kind) {
		return step, err
	}
	step.Status, step.Result = workflow.StatusCompleted, json.RawMessage("null")
	return step, s.Save(context.Background(), step)
}

// Waits is false where the workflow could not wait in earnest either.
func (s drySession) Waits() bool { return s.run.waits }

// Replaying keeps ctx.log from writing to the app's log.
func (s drySession) Replaying() bool { return true }

// Invoke starts nothing, but says why a workflow could not be started.
func (s drySession) Invoke(ctx context.Context, step *workflow.Step, key string, data []byte, wait bool) (refused, err error) {
	child, refused := s.run.plugin.trigger.Child(s.run.steps.app, s.e, step, key, data, wait)
	if refused != nil {
		return refused, nil
	}
	step.Ref = child.ID
	if !wait {
		step.Result = json.RawMessage(fmt.Sprintf("%q", child.ID))
	}
	return nil, s.Save(ctx, step)
}

// Child is the end of a child that has not run.
func (s drySession) Child(context.Context, *workflow.Step) (*workflow.Execution, error) {
	return &workflow.Execution{Status: workflow.StatusCompleted, Output: json.RawMessage("null")}, nil
}

func (s drySession) Branch(ctx context.Context, lost func() bool, fn func(script.Journal)) {
	s.Session.Branch(ctx, lost, func(own *engine.Session) { fn(drySession{session{own}, s.run, s.e}) })
}

// dryJournal keeps steps in memory and their writes in the transaction.
type dryJournal struct {
	memory
	app    core.App
	writes *dryWrites
	one    sync.Mutex // savepoints of branches do not mix
}

const drySavepoint = "workflow_dry_step"

// Transaction undoes what fn wrote when it fails.
func (j *dryJournal) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	j.one.Lock()
	defer j.one.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	execute := func(sql string) error {
		_, err := j.app.NonconcurrentDB().NewQuery(sql).Execute()
		return err
	}
	if err := execute("SAVEPOINT " + drySavepoint); err != nil {
		return fmt.Errorf("step %q of a dry run: %w", step.Name, err)
	}
	before := j.writes.len()
	if err := fn(j.app); err != nil {
		j.writes.undo(before)
		return errors.Join(err, execute("ROLLBACK TO "+drySavepoint), execute("RELEASE "+drySavepoint))
	}
	if err := execute("RELEASE " + drySavepoint); err != nil {
		return fmt.Errorf("step %q of a dry run: %w", step.Name, err)
	}
	return j.SaveStep(ctx, e, step)
}
