package script

import (
	"encoding/json"
	"fmt"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func (x *run) save(step *workflow.Step) error {
	return x.clock.waiting(func() error { return x.journal.Save(x.ctx, step) })
}

func (x *run) replay(step *workflow.Step, async bool) goja.Value {
	for _, m := range step.Messages {
		x.say(m)
	}
	if step.Status != workflow.StatusCompleted {
		errorValue := x.recordedError(step)
		if async {
			p, _, reject := x.vm.NewPromise()
			_ = reject(errorValue)
			return x.vm.ToValue(p)
		}
		panic(errorValue)
	}
	v, err := x.parse(step.Result)
	if err != nil {
		return x.halt(fmt.Errorf("read the recorded result of step %q: %w", step.Name, err))
	}
	if async {
		p, resolve, _ := x.vm.NewPromise()
		_ = resolve(v)
		return x.vm.ToValue(p)
	}
	return v
}

// recordedError is what a step threw that ended badly.
func (x *run) recordedError(step *workflow.Step) goja.Value {
	f := step.Failure
	if f == nil {
		f = &workflow.Failure{Name: "Error", Message: "the step ended as " + string(step.Status)}
	}
	v := newError(x.vm, f.Name, f.Message)
	x.answered(v, step)
	x.lastFailed, x.failedStep = v, step.Name
	if f.Step != "" { // a step in one of its branches
		x.failedStep = f.Step
	}
	return v
}

// stepDone records the result of a body that returned. An error is the step's
// failure.
func (x *run) stepDone(step *workflow.Step, kind workflow.StepKind, v goja.Value) error {
	if kind == workflow.StepTransaction {
		return nil // recorded with its writes
	}
	result, err := encodeResult(v)
	if err != nil {
		return x.typeError("step %q: %s", step.Name, err)
	}
	x.complete(step, result)
	return nil
}

// complete records a result; it halts the run when that can't be stored.
func (x *run) complete(step *workflow.Step, result json.RawMessage) {
	step.Status, step.Result, step.Failure = workflow.StatusCompleted, result, nil
	if err := x.save(step); err != nil {
		x.halt(err)
	}
}

func (x *run) typeError(format string, args ...any) error {
	return x.exception(newError(x.vm, "TypeError", fmt.Sprintf(format, args...)))
}
