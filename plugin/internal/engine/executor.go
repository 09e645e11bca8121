package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Executor runs one execution to its end (or to the point where it was
// interrupted) and stores how it ended.
type Executor struct {
	Store   Store
	Runner  Runner
	Now     func() time.Time
	Timeout func(e *workflow.Execution) time.Duration
}

// Execute is Run and, when that reached an end, Finish. The returned error is
// about reading and storing.
func (x *Executor) Execute(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error) {
	outcome, err := x.Run(ctx, e)
	if err == nil && outcome.Status.Final() {
		err = x.Finish(ctx, e, outcome)
	}
	return outcome, err
}

// Run runs e from where its journal ends. An outcome with status queued is
// stored nowhere: the execution has to be taken up again. The error is about
// reading the journal.
func (x *Executor) Run(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error) {
	var journal []*workflow.Step
	// A fresh execution has no journal: that saves a query on the hot path.
	if e.Stored || e.Attempt > 0 {
		var err error
		if journal, err = x.Store.Steps(ctx, e.ID); err != nil {
			return workflow.Outcome{Status: workflow.StatusQueued}, fmt.Errorf("read the journal of execution %s: %w", e.ID, err)
		}
	}
	if len(journal) > 0 && e.Attempt == 0 {
		e.Attempt = 1 // it ended before its row could say so
	}
	e.Attempt++
	e.Status = workflow.StatusRunning
	e.Marked = true // the marker tells of those that take a while: no write for the others
	if e.StartedAt.IsZero() {
		e.StartedAt = x.Now()
	}
	return x.run(ctx, e, newSession(x.Store, x.Now, e, journal)), nil
}

// Finish stores the end of e, also while the engine shuts down.
func (x *Executor) Finish(ctx context.Context, e *workflow.Execution, outcome workflow.Outcome) error {
	outcome.Apply(e)
	if e.FinishedAt.IsZero() {
		e.FinishedAt = x.Now()
	}
	if err := x.Store.Finish(context.WithoutCancel(ctx), e); err != nil {
		return fmt.Errorf("store the end of execution %s: %w", e.ID, err)
	}
	return nil
}

func (x *Executor) run(ctx context.Context, e *workflow.Execution, s *Session) (outcome workflow.Outcome) {
	if timeout := x.Timeout(e); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, e.StartedAt.Add(timeout).Sub(x.Now()), ErrTimeout)
		defer cancel()
	}
	defer func() {
		if r := recover(); r != nil {
			outcome = workflow.Outcome{
				Status:  workflow.StatusError,
				Failure: &workflow.Failure{Name: "panic", Message: fmt.Sprint(r), Stack: string(debug.Stack())},
			}
		}
	}()
	return x.Runner.Run(ctx, e, s)
}

// gone reports whether err says that the row is not ours to end any more.
func gone(err error) bool { return errors.Is(err, workflow.ErrGone) }
