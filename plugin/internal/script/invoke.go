package script

import (
	"encoding/json"
	"fmt"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// invoke is ctx.step.invoke(name, key, {data, wait}): the child's output or, with
// wait: false, its execution id.
func (x *run) invoke(call goja.FunctionCall) goja.Value {
	name := x.stepName("invoke", call)
	x.mayWait("invoke", name)
	key, ok := call.Argument(1).Export().(string)
	if !ok {
		x.throw("ctx.step.invoke(%q, key, options): the key must be a string, got %s", name, show(call.Argument(1)))
	}
	data, wait, err := x.readInvokeOptions(call.Argument(2))
	if err != nil {
		x.throw("ctx.step.invoke(%q): %w", name, err)
	}
	step, err := x.journal.Begin(name, workflow.StepInvoke, encode(map[string]any{"key": key, "wait": wait}))
	if err != nil {
		return x.halt(err)
	}
	if step.Status.Final() {
		return x.replay(step, false)
	}
	if step.Ref == "" {
		if v, done := x.startChild(step, key, data, wait); done {
			return v
		}
	}
	child, err := x.childOf(step)
	switch {
	case err != nil:
		return x.halt(err)
	case !child.Status.Final():
		return x.park(step, workflow.Park{Children: []string{step.Ref}})
	case child.Status == workflow.StatusCompleted:
		x.complete(step, child.Output)
		return x.replay(step, false)
	default:
		step.Status, step.Failure = workflow.StatusFailed, childFailure(step, key, child)
		if err := x.save(step); err != nil {
			return x.halt(err)
		}
		panic(x.recordedError(step))
	}
}

// startChild starts the child; done is true when there is nothing to wait for.
func (x *run) startChild(step *workflow.Step, key string, data json.RawMessage, wait bool) (v goja.Value, done bool) {
	step.Status = workflow.StatusWaiting
	if !wait {
		step.Status = workflow.StatusCompleted
	}
	var refused error
	err := x.clock.waiting(func() (err error) {
		refused, err = x.journal.Invoke(x.ctx, step, key, data, wait)
		return err
	})
	switch {
	case err != nil:
		return x.halt(err), true
	case refused != nil:
		step.Status = workflow.StatusFailed
		step.Failure = &workflow.Failure{Name: "Error", Message: refused.Error(), Step: step.Name}
		if err := x.save(step); err != nil {
			return x.halt(err), true
		}
		panic(x.recordedError(step))
	case !wait:
		return x.vm.ToValue(step.Ref), true
	default:
		return nil, false
	}
}

func (x *run) childOf(step *workflow.Step) (child *workflow.Execution, err error) {
	err = x.clock.waiting(func() (err error) {
		child, err = x.journal.Child(x.ctx, step)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the child of step %q: %w", step.Name, err)
	}
	return child, nil
}

// childFailure is what a child's end throws in its parent.
func childFailure(step *workflow.Step, key string, child *workflow.Execution) *workflow.Failure {
	message := fmt.Sprintf("workflow %q ended as %s", key, child.Status)
	if child.Failure != nil && child.Failure.Message != "" {
		message += ": " + child.Failure.Message
	}
	return &workflow.Failure{Name: "ChildError", Message: message, Step: step.Name}
}

func (x *run) readInvokeOptions(v goja.Value) (data json.RawMessage, wait bool, err error) {
	data, wait = json.RawMessage("null"), true
	if goja.IsUndefined(v) {
		return data, wait, nil
	}
	o, wrong := object(x.vm, "options", v, []string{"data", "wait"})
	if wrong == nil {
		wrong = boolean(o, "wait", &wait)
	}
	if wrong != nil {
		return nil, false, fmt.Errorf("%s %s", wrong.option, wrong.message)
	}
	if d, ok := o["data"]; ok {
		if data, err = encodeResult(d); err != nil {
			return nil, false, fmt.Errorf("data: %w", err)
		}
	}
	return data, wait, nil
}
