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

// Execute runs e and stores its end. The returned error is about storing; the
// outcome is valid all the same. An outcome with status queued is stored
// nowhere: the execution has to be taken up again.
func (x *Executor) Execute(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error) {
	var journal []*workflow.Step
	// A fresh execution has no journal: that saves a query on the hot path.
	if e.Attempt > 0 || e.Status == workflow.StatusRunning {
		var err error
		if journal, err = x.Store.Steps(ctx, e.ID); err != nil {
			return workflow.Outcome{Status: workflow.StatusQueued}, fmt.Errorf("read the journal of execution %s: %w", e.ID, err)
		}
	}
	e.Attempt++
	e.Status = workflow.StatusRunning
	if e.StartedAt.IsZero() {
		e.StartedAt = x.Now()
	}
	outcome := x.run(ctx, e, newSession(x.Store, x.Now, e, journal))
	if outcome.Status == workflow.StatusQueued {
		return outcome, nil
	}
	outcome.Apply(e)
	e.FinishedAt = x.Now()
	// The end has to be written during a shutdown too.
	if err := x.Store.Finish(context.WithoutCancel(ctx), e); err != nil {
		return outcome, fmt.Errorf("store the end of execution %s: %w", e.ID, err)
	}
	return outcome, nil
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
