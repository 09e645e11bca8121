package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// branchState is what is known of one branch.
type branchState struct {
	step    *workflow.Step
	running bool
	parked  *workflow.Park
}

// branchEnd is how a branch's script ended: with its step recorded, or not.
type branchEnd struct{ step *workflow.Step }

// branchReport is what a branch has to say.
type branchReport struct {
	i       int
	end     *branchEnd
	outcome workflow.Outcome
}

// enter runs the function of the branch that this script is for.
func (f *fork) enter(step *workflow.Step) goja.Value {
	x := f.run
	key := x.path[0].key
	x.path = x.path[1:]
	i := slices.Index(f.keys, key)
	if i < 0 {
		return x.halt(fmt.Errorf("non-deterministic workflow: step %q has no branch %q any more", step.Name, key))
	}
	last := len(x.path) == 0
	own := x.journal.BranchStep(step, key)
	x.journal.Enter(step, key, last)
	if last {
		x.branch = own
		own.Logs, own.Messages = nil, nil // told anew
	}
	x.whenDrained(func() { x.unwinding, x.draining = false, true })
	v, err := f.bodies[i]()
	if p := promiseOf(v); err == nil && p != nil && p.State() == goja.PromiseStatePending {
		return f.later(v, key, last)
	} else if err == nil && p != nil {
		v, err = x.settle(v)
	}
	f.left(key, last, v, err)
	return goja.Undefined()
}

// left is called when the function of the branch has ended.
func (f *fork) left(key string, last bool, v goja.Value, err error) {
	x := f.run
	switch {
	case last:
		x.endBranch(v, err)
	case x.branch != nil: // the branch in it runs
	case err != nil && !x.draining:
		panic(err)
	default:
		how := ""
		if err != nil {
			how = ": " + failureOf(x.vm, err, x.runner.config.WorkflowsDir).Message
		}
		x.halt(fmt.Errorf("non-deterministic workflow: branch %q of step %q ended before the step in it%s", key, f.name, how))
	}
}

// later ends an async branch when its promise settles. Until then the rest of
// the handler must not go on in this script.
func (f *fork) later(v goja.Value, key string, last bool) goja.Value {
	x := f.run
	then, _ := goja.AssertFunction(v.ToObject(x.vm).Get("then"))
	_, err := then(v,
		x.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			f.left(key, last, call.Argument(0), nil)
			return goja.Undefined()
		}),
		x.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			f.left(key, last, nil, x.exception(call.Argument(0)))
			return goja.Undefined()
		}))
	if err != nil {
		panic(err)
	}
	async := x.asyncHandler || x.draining
	x.unwinding = true
	x.sentinel = x.vm.NewGoError(errors.New("a branch runs here"))
	if async {
		return x.vm.NewDynamicObject(&nothing{run: x})
	}
	panic(x.sentinel)
}

// nothing is what an async handler has of a parallel step while one of its
// branches runs in its script: who awaits it waits for ever, who looks into it
// is stopped.
type nothing struct{ run *run }

// Get is goja.DynamicObject's, as are the others.
func (n *nothing) Get(key string) goja.Value {
	switch key {
	case "then":
		return n.run.vm.ToValue(func(goja.FunctionCall) goja.Value { return goja.Undefined() })
	case "constructor": // await looks whether it is a promise already
		return goja.Undefined()
	}
	panic(n.run.sentinel)
}

// Set changes nothing.
func (n *nothing) Set(string, goja.Value) bool { panic(n.run.sentinel) }

// Has says that there is nothing.
func (n *nothing) Has(key string) bool { return key == "then" }

// Delete deletes nothing.
func (n *nothing) Delete(string) bool { panic(n.run.sentinel) }

// Keys are none.
func (n *nothing) Keys() []string { panic(n.run.sentinel) }

// whenDrained runs fn when the synchronous part of the handler has returned.
func (x *run) whenDrained(fn func()) {
	p, resolve, _ := x.vm.NewPromise()
	then, _ := goja.AssertFunction(x.vm.ToValue(p).ToObject(x.vm).Get("then"))
	_, _ = then(x.vm.ToValue(p), x.vm.ToValue(func(goja.FunctionCall) goja.Value { fn(); return goja.Undefined() }))
	_ = resolve(goja.Undefined())
}

// endBranch records how the branch of this script ended and ends the script.
func (x *run) endBranch(v goja.Value, err error) {
	step := x.branch
	var thrown *goja.Exception
	switch {
	case err == nil:
		var result json.RawMessage
		if result, err = encodeResult(v); err != nil {
			err = x.typeError("branch %q: %s", step.Name, err)
			_ = errors.As(err, &thrown)
			break
		}
		step.Status, step.Result = workflow.StatusCompleted, result
	case !errors.As(err, &thrown):
		panic(err) // an interrupt goes on up
	}
	if thrown != nil {
		step.Status, step.Failure = workflow.StatusFailed, failureOf(x.vm, err, x.runner.config.WorkflowsDir)
		step.Failure.Step = step.Name
		if x.lastFailed != nil && thrown.Value().SameAs(x.lastFailed) {
			step.Failure.Step = x.failedStep
		}
	}
	if err := x.save(step); err != nil {
		x.halt(err)
		return
	}
	x.branchEnd = &branchEnd{step}
	x.halt(x.branchEnd)
}
