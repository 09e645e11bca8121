package script

import (
	"context"
	"errors"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// tasks is how a script asks people.
type tasks interface {
	// OpenTask stores a task with the step, which waits for it from then on. Refused
	// is an error for the script.
	OpenTask(ctx context.Context, step *workflow.Step, options workflow.TaskOptions) (refused, err error)
	// TaskDue ends the task of a step whose time is over.
	TaskDue(ctx context.Context, step *workflow.Step) error
	// TaskEnd records how the task of a step ended; false while it has not.
	TaskEnd(ctx context.Context, step *workflow.Step) (bool, error)
}

// task is ctx.step.task(name, options): what people decided, or null when the due
// date went by.
func (x *run) task(call goja.FunctionCall) goja.Value {
	name := x.stepName("task", call)
	x.mayWait("task", name)
	options, raw, err := x.readTaskOptions(name, call.Argument(1))
	if err != nil {
		x.throw("ctx.step.task(%q): %w", name, err)
	}
	step, err := x.journal.Begin(name, workflow.StepTask, raw)
	if err != nil {
		return x.halt(err)
	}
	if step.Status.Final() {
		return x.replay(step, false)
	}
	if step.Ref == "" {
		if options.DueIn > 0 {
			step.WakeAt = x.journal.Now().Add(options.DueIn)
		}
		if !x.openTask(step, options) {
			return goja.Undefined()
		}
	}
	ended, err := x.taskEnd(step)
	switch {
	case err != nil:
		return x.halt(err)
	case ended:
		return x.replay(step, false)
	default:
		return x.park(step, workflow.Park{WakeAt: step.WakeAt, Events: []workflow.Awaited{{Name: step.Ref}}})
	}
}

// openTask stores a new task; false when the run is halted.
func (x *run) openTask(step *workflow.Step, options workflow.TaskOptions) bool {
	var refused error
	err := x.clock.waiting(func() (err error) {
		refused, err = x.journal.OpenTask(x.ctx, step, options)
		return err
	})
	if err != nil {
		x.halt(err)
		return false
	}
	if refused != nil {
		step.Status, step.Ref = workflow.StatusFailed, ""
		step.Failure = &workflow.Failure{Name: "Error", Message: "ctx.step.task: " + refused.Error(), Step: step.Name}
		if err := x.save(step); err != nil {
			x.halt(err)
			return false
		}
		panic(x.recordedError(step))
	}
	return true
}

// taskEnd records the end of a step's task, which may be that its time is over.
func (x *run) taskEnd(step *workflow.Step) (ended bool, err error) {
	err = x.clock.waiting(func() (err error) {
		if ended, err = x.journal.TaskEnd(x.ctx, step); err != nil || ended || !x.due(step) {
			return err
		}
		if err := x.journal.TaskDue(x.ctx, step); err != nil {
			return err
		}
		if ended, err = x.journal.TaskEnd(x.ctx, step); err == nil && !ended {
			err = errors.New("the task of step \"" + step.Name + "\" did not end when it was due")
		}
		return err
	})
	return ended, err
}

// answered gives the error of a task what people answered.
func (x *run) answered(thrown goja.Value, step *workflow.Step) {
	obj, ok := thrown.(*goja.Object)
	if !ok || step.Kind != workflow.StepTask || len(step.Result) == 0 {
		return
	}
	if answer, err := x.parse(step.Result); err == nil {
		_ = obj.Set("answer", answer)
	}
}

// uncaught is the end by an error that a step threw and nobody caught: people may
// have said no, or taken back what was asked of them.
func (x *run) uncaught(f *workflow.Failure) workflow.Outcome {
	switch f.Name {
	case "RejectedError":
		return x.outcome(workflow.StatusRejected, f)
	case "WithdrawnError":
		out := x.outcome(workflow.StatusCanceled, f)
		out.Reason = workflow.TaskWithdrawn
		return out
	default:
		return x.outcome(workflow.StatusFailed, f)
	}
}
