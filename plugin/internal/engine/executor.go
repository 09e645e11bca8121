package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Executor runs executions from where their journals end.
type Executor struct {
	Journal Journal
	// Waits is nil where nothing may wait, as in a write's own transaction.
	Waits   Waits
	Tasks   Tasks
	Runner  Runner
	Now     func() time.Time
	Policy  func(e *workflow.Execution) Policy
	started func(child *workflow.Execution)
}

// Run runs e from where its journal ends. An outcome with status queued is
// stored nowhere: the execution has to be taken up again. The error is about
// reading the journal.
func (x *Executor) Run(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error) {
	return x.run(ctx, e, nil)
}

func (x *Executor) run(ctx context.Context, e *workflow.Execution, j *job) (workflow.Outcome, error) {
	var journal []*workflow.Step
	// A fresh execution has no journal: that saves a query on the hot path.
	if e.Stored || e.Attempt > 0 {
		var err error
		if journal, err = x.Journal.Steps(ctx, e.ID); err != nil {
			return workflow.Outcome{Status: workflow.StatusQueued}, fmt.Errorf("read the journal of execution %s: %w", e.ID, err)
		}
	}
	if len(journal) > 0 && e.Attempt == 0 && e.RerunOf == "" {
		e.Attempt = 1 // it ended before its row could say so
	}
	e.Attempt++
	e.Status = workflow.StatusRunning
	e.WakeAt = time.Time{}
	e.Marked = true // the engine tells of those that take a while: no write for the others
	if e.StartedAt.IsZero() {
		e.StartedAt = x.Now()
	}
	s := newSession(x, e, journal, j)
	outcome := x.runScript(ctx, e, s)
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	e.Invoked = s.journal.invoked
	e.Open = len(s.journal.unended) > 0
	return outcome, nil
}

func (x *Executor) runScript(ctx context.Context, e *workflow.Execution, s *Session) (outcome workflow.Outcome) {
	deadline := time.Time{}
	if timeout := x.Policy(e).Timeout; timeout > 0 {
		deadline = e.StartedAt.Add(timeout)
		if !x.Now().Before(deadline) { // it was over while the execution was parked
			return workflow.Outcome{
				Status: workflow.StatusAborted, Reason: "timeout",
				Failure: &workflow.Failure{Name: "TimeoutError", Message: "the execution ran into its timeout"},
			}
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, deadline.Sub(x.Now()), ErrTimeout)
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
	outcome = x.Runner.Run(ctx, e, s)
	if outcome.Status == workflow.StatusWaiting {
		outcome.Park.WakeAt = workflow.Earlier(outcome.Park.WakeAt, deadline)
	}
	return outcome
}

// gone reports whether err says that the row is not ours to end any more.
func gone(err error) bool { return errors.Is(err, workflow.ErrGone) }
