package script

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// retries is the policy of steps that have none of their own.
func (x *run) retries() workflow.Retries { return x.definition.Retries }

func (x *run) nextAttempt(step *workflow.Step) {
	step.Attempt++
	step.StartedAt, step.WakeAt, step.Status = x.journal.Now(), time.Time{}, workflow.StatusRunning
}

// failed records a failed attempt. It returns true when the body is to run again
// at once; else it throws the error into the script or parks.
func (x *run) failed(step *workflow.Step, err error, options stepOptions) (again bool) {
	var exception *goja.Exception
	if !errors.As(err, &exception) {
		panic(err)
	}
	now := x.journal.Now()
	failure := failureOf(x.vm, err, x.runner.config.WorkflowsDir)
	failure.Step = step.Name
	if options.retries.Limit > 0 {
		step.Attempts = append(step.Attempts, workflow.Attempt{Number: step.Attempt, Failure: failure, StartedAt: step.StartedAt, FinishedAt: now})
		if delay, ok := x.retryDelay(step, exception.Value(), options.retries, now); ok {
			return x.retry(step, failure, delay)
		}
	}
	step.Status, step.Failure = workflow.StatusFailed, failure
	if err := x.save(step); err != nil {
		x.halt(err)
		return false
	}
	if x.execution.Mode == workflow.ModeTransaction && step.Kind == workflow.StepTransaction {
		x.doomed = step.Failure
	}
	x.lastFailed, x.failedStep = exception.Value(), step.Name
	panic(exception.Value())
}

func (x *run) retryDelay(step *workflow.Step, thrown goja.Value, policy workflow.Retries, now time.Time) (time.Duration, bool) {
	said := judge(thrown, now)
	if said.never {
		return 0, false
	}
	delay, ok := policy.Next(len(step.Attempts), rand.Float64()) //nolint:gosec // jitter is no secret
	if ok && said.given {
		delay = said.after
	}
	return delay, ok
}

// retry waits for the next attempt, in place or parked.
func (x *run) retry(step *workflow.Step, failure *workflow.Failure, delay time.Duration) (again bool) {
	step.Failure = failure
	step.WakeAt = x.journal.Now().Add(delay)
	if delay > patience && x.journal.Waits() {
		step.Status = workflow.StatusRunning // park stores it
		x.park(step, workflow.Park{WakeAt: step.WakeAt})
		return false
	}
	step.Status = workflow.StatusWaiting
	err := x.save(step)
	if err == nil {
		err = x.clock.waiting(func() error {
			return x.journal.Waiting(x.ctx, func() error { return pause(x.ctx, delay) })
		})
	}
	if err != nil {
		x.halt(err)
		return false
	}
	x.nextAttempt(step)
	return true
}
