package script

import (
	"errors"
	"fmt"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// maxStepName bounds a step's name.
const maxStepName = 255

// unavailableSteps have their place in the design. They throw rather than
// pretend.
var unavailableSteps = []string{"sleep", "sleepUntil", "waitForEvent", "invoke", "task", "parallel", "map"}

// steps makes ctx.step.
func (x *run) steps() *goja.Object {
	o := x.vm.NewObject()
	_ = o.Set("run", func(call goja.FunctionCall) goja.Value { return x.runStep("run", workflow.StepRun, call) })
	_ = o.Set("transaction", func(call goja.FunctionCall) goja.Value {
		return x.runStep("transaction", workflow.StepTransaction, call)
	})
	for _, name := range unavailableSteps {
		_ = o.Set(name, func(goja.FunctionCall) goja.Value {
			x.throw("ctx.step.%s is not available in this version", name)
			return nil
		})
	}
	_ = o.DefineAccessorProperty("idempotencyKey", x.vm.ToValue(func(goja.FunctionCall) goja.Value {
		if x.step == nil {
			return goja.Undefined()
		}
		return x.vm.ToValue(fmt.Sprintf("%s:%s:%d", x.execution.ID, x.step.Name, x.step.Index))
	}), nil, goja.FLAG_FALSE, goja.FLAG_TRUE)
	return o
}

// runStep replays a recorded step or executes its body and records it.
func (x *run) runStep(method string, kind workflow.StepKind, call goja.FunctionCall) goja.Value {
	name, body := x.stepArguments(method, call)
	step, err := x.journal.Begin(name, kind)
	if err != nil {
		return x.halt(err)
	}
	async := isAsync(call.Arguments[len(call.Arguments)-1])
	if step.Status.Final() {
		return x.replay(step, async)
	}
	if kind == workflow.StepTransaction {
		if async {
			x.throw("ctx.step.transaction(%q): the function must not be async: its transaction ends when it returns", name)
		}
		return x.transaction(step, body)
	}
	x.step = step
	v, err := body(goja.Undefined())
	if p := promiseOf(v); err == nil && p != nil {
		return x.later(step, v, p)
	}
	x.step = nil
	if err != nil {
		return x.stepFailed(step, err)
	}
	return x.stepDone(step, v)
}

func (x *run) stepArguments(method string, call goja.FunctionCall) (string, goja.Callable) {
	name, ok := call.Argument(0).Export().(string)
	if !ok || name == "" || len(name) > maxStepName {
		x.throw("ctx.step.%s(name, fn): the name must be a string of 1 to %d characters, got %s", method, maxStepName, show(call.Argument(0)))
	}
	fn := call.Argument(1)
	if len(call.Arguments) > 2 {
		if err := checkStepOptions(x.vm, fn); err != nil {
			x.throw("ctx.step.%s(%q): %w", method, name, err)
		}
		fn = call.Argument(2)
	}
	body, ok := goja.AssertFunction(fn)
	if !ok {
		x.throw("ctx.step.%s(%q, fn): fn must be a function, got %s", method, name, show(fn))
	}
	if x.step != nil {
		x.throw("ctx.step.%s(%q) can't be used inside step %q: call it after that step", method, name, x.step.Name)
	}
	if x.machine.app.own > 0 {
		x.throw("ctx.step.%s(%q) can't be used inside $app.runInTransaction: the journal would wait for that transaction; use ctx.step.transaction", method, name)
	}
	return name, body
}

func checkStepOptions(vm *goja.Runtime, v goja.Value) error {
	known := []string{"retries", "timeout"}
	o, err := object(vm, "options", v, known)
	if err != nil {
		return fmt.Errorf("%s %s", err.option, err.message)
	}
	for _, name := range known {
		if _, ok := o[name]; ok {
			return fmt.Errorf("option %q is not available in this version", name)
		}
	}
	return nil
}

func (x *run) replay(step *workflow.Step, async bool) goja.Value {
	if step.Status != workflow.StatusCompleted {
		f := step.Failure
		if f == nil {
			f = &workflow.Failure{Name: "Error", Message: "the step ended as " + string(step.Status)}
		}
		errorValue := x.vm.NewGoError(errors.New(f.Message))
		_ = errorValue.Set("name", f.Name)
		_ = errorValue.Set("message", f.Message)
		x.failed, x.failedStep = errorValue, step.Name
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

func (x *run) stepDone(step *workflow.Step, v goja.Value) goja.Value {
	result, err := encodeResult(v)
	if err != nil {
		return x.stepFailed(step, x.typeError("step %q: %s", step.Name, err))
	}
	step.Status, step.Result = workflow.StatusCompleted, result
	if err := x.clock.waiting(func() error { return x.journal.Save(x.ctx, step) }); err != nil {
		return x.halt(err)
	}
	return v
}

func (x *run) typeError(format string, args ...any) error {
	ctor, ok := goja.AssertConstructor(x.vm.Get("TypeError"))
	if !ok {
		return fmt.Errorf(format, args...)
	}
	obj, err := ctor(nil, x.vm.ToValue(fmt.Sprintf(format, args...)))
	if err != nil {
		return err
	}
	return x.exception(obj)
}

// stepFailed records the failure and throws the script's own error into it.
func (x *run) stepFailed(step *workflow.Step, err error) goja.Value {
	var exception *goja.Exception
	if !errors.As(err, &exception) {
		panic(err) // an interrupt goes on up
	}
	step.Status, step.Failure = workflow.StatusFailed, failureOf(x.vm, err, x.runner.config.WorkflowsDir)
	step.Failure.Step = step.Name
	if err := x.clock.waiting(func() error { return x.journal.Save(x.ctx, step) }); err != nil {
		return x.halt(err)
	}
	if x.execution.Mode == workflow.ModeTransaction && step.Kind == workflow.StepTransaction {
		x.doomed = step.Failure
	}
	x.failed, x.failedStep = exception.Value(), step.Name
	panic(exception.Value())
}

func (x *run) transaction(step *workflow.Step, body goja.Callable) goja.Value {
	var v goja.Value
	var bodyErr error
	x.clock.pause()
	err := x.journal.Transaction(x.ctx, step, func(tx any) error {
		x.clock.resume()
		defer x.clock.pause()
		app, ok := tx.(core.App)
		if !ok {
			return fmt.Errorf("the journal's transaction is a %T", tx)
		}
		x.step = step
		defer func() { x.step = nil }()
		return x.machine.app.within(app, func() error {
			if v, bodyErr = body(goja.Undefined(), x.vm.ToValue(app)); bodyErr != nil {
				return bodyErr
			}
			result, err := encodeResult(v)
			if err != nil {
				bodyErr = x.typeError("step %q: %s", step.Name, err)
				return bodyErr
			}
			step.Status, step.Result = workflow.StatusCompleted, result
			return nil
		})
	})
	x.clock.resume()
	switch {
	case err == nil:
		return v
	case bodyErr != nil:
		return x.stepFailed(step, bodyErr)
	default:
		return x.halt(err)
	}
}

// later records a step whose body is async when its promise settles.
func (x *run) later(step *workflow.Step, v goja.Value, p *goja.Promise) goja.Value {
	switch p.State() {
	case goja.PromiseStateFulfilled:
		x.step = nil
		x.stepDone(step, p.Result())
		return v
	case goja.PromiseStateRejected, goja.PromiseStatePending:
	}
	then, _ := goja.AssertFunction(v.ToObject(x.vm).Get("then"))
	done := func(call goja.FunctionCall) goja.Value {
		x.step = nil
		return x.stepDone(step, call.Argument(0))
	}
	failed := func(call goja.FunctionCall) goja.Value {
		x.step = nil
		return x.stepFailed(step, x.exception(call.Argument(0)))
	}
	out, err := then(v, x.vm.ToValue(done), x.vm.ToValue(failed))
	if err != nil {
		panic(err)
	}
	return out
}

func promiseOf(v goja.Value) *goja.Promise {
	if v == nil {
		return nil
	}
	p, _ := v.Export().(*goja.Promise)
	return p
}

func isAsync(v goja.Value) bool {
	obj, ok := v.(*goja.Object)
	if !ok {
		return false
	}
	tag := obj.GetSymbol(goja.SymToStringTag)
	return tag != nil && tag.String() == "AsyncFunction"
}
