package script

import (
	"errors"
	"fmt"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// maxStepName bounds a step's name.
	maxStepName = 255
	// patience is how long a retry's delay is waited for in place; a longer one
	// parks the execution.
	patience = time.Second
)

// steps makes the ctx.step of a machine's runs. It is frozen: the next run has the
// same.
func (m *machine) steps() goja.Value {
	o := m.vm.NewObject()
	for name, method := range map[string]func(*run, goja.FunctionCall) goja.Value{
		"run": func(x *run, call goja.FunctionCall) goja.Value { return x.runStep("run", workflow.StepRun, call) },
		"transaction": func(x *run, call goja.FunctionCall) goja.Value {
			return x.runStep("transaction", workflow.StepTransaction, call)
		},
		"sleep":        (*run).sleep,
		"sleepUntil":   (*run).sleepUntil,
		"waitForEvent": (*run).waitForEvent,
		"eventUrl":     (*run).eventURL,
		"invoke":       (*run).invoke,
		"parallel":     (*run).parallel,
		"map":          (*run).mapItems,
		"http":         (*run).http,
		"task":         (*run).task,
	} {
		_ = o.Set(name, m.method(method))
	}
	_ = o.DefineAccessorProperty("idempotencyKey", m.vm.ToValue(m.method(func(x *run, _ goja.FunctionCall) goja.Value {
		if x.step == nil {
			return goja.Undefined()
		}
		return x.vm.ToValue(fmt.Sprintf("%s:%s:%d", x.execution.ID, x.step.Name, x.step.Index))
	})), nil, goja.FLAG_FALSE, goja.FLAG_TRUE)
	return m.freeze(o)
}

// method is a function of the run that uses the machine at the moment.
func (m *machine) method(fn func(*run, goja.FunctionCall) goja.Value) func(goja.FunctionCall) goja.Value {
	return func(call goja.FunctionCall) goja.Value {
		if m.run == nil {
			panic(m.vm.NewGoError(errors.New("the execution has ended")))
		}
		return fn(m.run, call)
	}
}

func (m *machine) freeze(o *goja.Object) goja.Value {
	freeze, _ := goja.AssertFunction(m.vm.Get("Object").ToObject(m.vm).Get("freeze"))
	return must(freeze(goja.Undefined(), o))
}

// stepOptions are the options of run and transaction.
type stepOptions struct {
	retries workflow.Retries
	timeout time.Duration
}

// runStep replays a recorded step or executes its body and records it.
func (x *run) runStep(method string, kind workflow.StepKind, call goja.FunctionCall) goja.Value {
	name := x.stepName(method, call)
	fn, options, raw := call.Argument(1), stepOptions{retries: x.retries()}, []byte(nil)
	if len(call.Arguments) > 2 {
		var err error
		if options, raw, err = x.readStepOptions(fn); err != nil {
			x.throw("ctx.step.%s(%q): %w", method, name, err)
		}
		fn = call.Argument(2)
	}
	body, ok := goja.AssertFunction(fn)
	if !ok {
		x.throw("ctx.step.%s(%q, fn): fn must be a function, got %s", method, name, show(fn))
	}
	if x.execution.Mode == workflow.ModeTransaction || outsideOf(x.ctx) != nil {
		options.retries = workflow.Retries{} // a wait would hold the only writer
	}
	step, err := x.journal.Begin(name, kind, raw)
	if err != nil {
		return x.halt(err)
	}
	async := isAsync(fn)
	if step.Status.Final() {
		return x.replay(step, async)
	}
	if kind == workflow.StepTransaction && async {
		x.throw("ctx.step.transaction(%q): the function must not be async: its transaction ends when it returns", name)
	}
	if step.Status == workflow.StatusWaiting { // for its next attempt
		if !x.due(step) {
			return x.park(step, workflow.Park{WakeAt: step.WakeAt})
		}
		x.nextAttempt(step)
	}
	for {
		v, err := x.attempt(step, kind, body, options)
		if x.halted {
			return goja.Undefined()
		}
		if p := promiseOf(v); err == nil && kind == workflow.StepRun && p != nil {
			return x.later(step, v, p, body, options)
		}
		x.step = nil
		if err == nil {
			if err = x.stepDone(step, kind, v); err == nil {
				return v
			}
		}
		if x.halted {
			return goja.Undefined()
		}
		if again := x.failed(step, err, options); !again {
			return goja.Undefined()
		}
	}
}

func (x *run) stepName(method string, call goja.FunctionCall) string {
	name, ok := call.Argument(0).Export().(string)
	if !ok || name == "" || len(name) > maxStepName {
		x.throw("ctx.step.%s(name, …): the name must be a string of 1 to %d characters, got %s", method, maxStepName, show(call.Argument(0)))
	}
	x.mayStep(method, name)
	return name
}

// mayStep refuses a step where none can be.
func (x *run) mayStep(method, name string) {
	x.mayGoOn()
	if x.step != nil {
		x.throw("ctx.step.%s(%q) can't be used inside step %q: call it after that step", method, name, x.step.Name)
	}
	if x.machine.app.own > 0 {
		x.throw("ctx.step.%s(%q) can't be used inside $app.runInTransaction: the journal would wait for that transaction; use ctx.step.transaction", method, name)
	}
}

// mayGoOn stops a handler that goes on though a branch runs in its script.
func (x *run) mayGoOn() {
	if x.unwinding {
		panic(x.sentinel)
	}
}

// mayWait refuses a wait in mode transaction and before a write.
func (x *run) mayWait(method, name string) {
	switch {
	case x.journal.Waits():
	case x.execution.Cause.Type == workflow.TriggerBefore:
		x.throw("ctx.step.%s(%q) can't be used before a write (trigger type \"before\"): the request would have to wait", method, name)
	default:
		x.throw("ctx.step.%s(%q) can't be used in mode \"transaction\": the write would have to wait", method, name)
	}
}

func (x *run) readStepOptions(v goja.Value) (stepOptions, []byte, error) {
	options := stepOptions{retries: x.retries()}
	o, err := object(x.vm, "options", v, []string{"retries", "timeout"})
	if err != nil {
		return options, nil, fmt.Errorf("%s %s", err.option, err.message)
	}
	if r, ok := o["retries"]; ok {
		if options.retries, err = readRetries(x.vm, "retries", r); err != nil {
			return options, nil, fmt.Errorf("%s: %s", err.option, err.message)
		}
	}
	if t, ok := o["timeout"]; ok {
		d, err := workflow.ParseDuration(t.Export())
		if err != nil || d == 0 {
			return options, nil, fmt.Errorf("timeout: expected a duration over 0, got %s", show(t))
		}
		options.timeout = d
	}
	raw, encodeErr := encodeResult(v)
	return options, raw, encodeErr
}

// attempt runs the body of a step once.
func (x *run) attempt(step *workflow.Step, kind workflow.StepKind, body goja.Callable, options stepOptions) (v goja.Value, err error) {
	step.Status = workflow.StatusRunning
	if options.timeout > 0 {
		x.deadline = time.Now().Add(options.timeout)
		defer func() { x.deadline = time.Time{} }()
	}
	over := x.clock.within(x.ctx, options.timeout, func() {
		if kind == workflow.StepTransaction {
			v, err = x.transaction(step, body)
			return
		}
		x.step = step
		v, err = body(goja.Undefined())
	})
	var interrupted *goja.InterruptedError
	switch {
	case err == nil:
		return v, nil
	case errors.As(err, &interrupted):
		if _, mine := interrupted.Value().(*stepTimeout); mine && over {
			x.step = nil
			return nil, x.exception(newError(x.vm, "TimeoutError", fmt.Sprintf("step %q ran longer than %s", step.Name, options.timeout)))
		}
		x.halted = true
		x.vm.Interrupt(interrupted.Value()) // it goes on up
		return nil, err
	default:
		return nil, err
	}
}

// due reports whether the time of a waiting step has come.
func (x *run) due(step *workflow.Step) bool {
	return !step.WakeAt.IsZero() && !x.journal.Now().Before(step.WakeAt)
}

// park ends the run until what p waits for comes; step is stored with it.
func (x *run) park(step *workflow.Step, p workflow.Park) goja.Value {
	if step.Status != workflow.StatusWaiting {
		step.Status = workflow.StatusWaiting
		p.Steps = append(p.Steps, step)
	}
	return x.halt(&parking{p})
}

// parking ends a run that has to wait.
type parking struct{ park workflow.Park }

// transaction runs the body in a database transaction that also stores the step.
func (x *run) transaction(step *workflow.Step, body goja.Callable) (v goja.Value, bodyErr error) {
	before := len(step.Logs)
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
			if v, bodyErr = body(goja.Undefined(), x.machine.appValue); bodyErr != nil {
				return bodyErr
			}
			result, err := encodeResult(v)
			if err != nil {
				bodyErr = x.typeError("step %q: %s", step.Name, err)
				return bodyErr
			}
			step.Status, step.Result, step.Failure = workflow.StatusCompleted, result, nil
			return nil
		})
	})
	x.clock.resume()
	switch {
	case err == nil:
		return v, nil
	case bodyErr != nil:
		step.Logs = step.Logs[:max(before, len(step.Logs))]
		return nil, bodyErr
	default:
		x.halt(err)
		return nil, err
	}
}

// later records a step whose body is async when its promise settles.
func (x *run) later(step *workflow.Step, v goja.Value, p *goja.Promise, body goja.Callable, options stepOptions) goja.Value {
	then, _ := goja.AssertFunction(v.ToObject(x.vm).Get("then"))
	var settled func(err error, result goja.Value) goja.Value
	settled = func(err error, result goja.Value) goja.Value {
		x.step = nil
		if err == nil {
			if err = x.stepDone(step, workflow.StepRun, result); err == nil {
				return result
			}
		}
		for x.failed(step, err, options) {
			var again goja.Value
			if again, err = x.attempt(step, workflow.StepRun, body, options); x.halted {
				return goja.Undefined()
			}
			if p := promiseOf(again); err == nil && p != nil {
				return x.later(step, again, p, body, options)
			}
			if err == nil {
				return settled(nil, again)
			}
			x.step = nil
		}
		return goja.Undefined()
	}
	if p.State() == goja.PromiseStateFulfilled {
		settled(nil, p.Result())
		return v
	}
	out, err := then(v,
		x.vm.ToValue(func(call goja.FunctionCall) goja.Value { return settled(nil, call.Argument(0)) }),
		x.vm.ToValue(func(call goja.FunctionCall) goja.Value { return settled(x.exception(call.Argument(0)), nil) }))
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
