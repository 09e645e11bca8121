package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// run is one run of one execution's handler on one machine.
type run struct {
	runner    *Runner
	machine   *machine
	vm        *goja.Runtime
	ctx       context.Context //nolint:containedctx // the run's own
	execution *workflow.Execution
	journal   Journal
	clock     clock

	definition *workflow.Definition

	messages []string
	// response is what a webhook answers, nil until the script says.
	response *workflow.Response
	logs     []workflow.Log
	step     *workflow.Step // whose body is running
	// deadline is when the step's own timeout is over; zero for none.
	deadline time.Time
	// halted is true once the run is to end, whatever the script does.
	halted bool
	// cut is true when it ended by an interrupt.
	cut bool
	// lastFailed is the error of the last failed step, to tell it from others.
	lastFailed goja.Value
	failedStep string
	// path leads to the branch that this script is for; entered is the way it came.
	path, entered []hop
	// branch is that branch, once it is reached.
	branch    *workflow.Step
	branchEnd *branchEnd
	// unwinding is true while a handler must not go on because an async branch
	// does; what it calls throws sentinel.
	unwinding    bool
	sentinel     goja.Value
	asyncHandler bool
	// draining is true once the synchronous part of the handler has returned.
	draining bool
	// leftovers end the branches that nobody waits for any more.
	leftovers []func()
	// doomed is set by a failed step of mode transaction.
	doomed *workflow.Failure
}

// stop ends a run from inside; scripts can't catch it.
type stop struct{ outcome workflow.Outcome }

func (x *run) start(c *compiled) workflow.Outcome {
	x.definition = &c.version.Definition
	x.entered = x.path
	defer func() {
		for _, end := range x.leftovers {
			end()
		}
	}()
	if x.ctx.Err() != nil {
		return x.interrupted(context.Cause(x.ctx)) // a short script would be quicker than the interrupt
	}
	x.clock.open(x.ctx, x.vm, x.runner.config.ScriptTimeout)
	var handler goja.Value
	key := x.execution.Workflow
	register := func(call goja.FunctionCall) goja.Value {
		if handler == nil && call.Argument(0).String() == key {
			handler = call.Argument(2)
		}
		return goja.Undefined()
	}
	path := filepath.Join(x.runner.config.WorkflowsDir, c.version.File)
	if err := evaluate(x.vm, c.program, c.registry(), path, register); err != nil {
		return x.ended(nil, err)
	}
	fn, ok := goja.AssertFunction(handler)
	if !ok {
		return x.outcome(workflow.StatusError, &workflow.Failure{Name: "Error", Message: fmt.Sprintf("the source does not define workflow %q", key)})
	}
	x.asyncHandler = isAsync(handler)
	ctx, err := x.context()
	if err != nil {
		return x.outcome(workflow.StatusError, failureOf(x.vm, err, x.runner.config.WorkflowsDir))
	}
	return x.ended(fn(goja.Undefined(), ctx))
}

// ended maps what the handler returned or threw.
func (x *run) ended(result goja.Value, err error) workflow.Outcome {
	if err == nil {
		result, err = x.settle(result)
	}
	var interrupted *goja.InterruptedError
	var thrown *goja.Exception
	switch {
	case err == nil && x.branchEnd == nil && len(x.entered) > 0:
		return x.outcome(workflow.StatusError, &workflow.Failure{Name: "Error", Message: "non-deterministic workflow: the script ended before its branch"})
	case err == nil && x.branchEnd == nil:
		return x.completed(result)
	case errors.As(err, &interrupted):
		x.cut = true
		return x.interrupted(interrupted.Value())
	case x.branchEnd != nil:
		return workflow.Outcome{}
	case errors.As(err, &thrown) && x.lastFailed != nil && thrown.Value().SameAs(x.lastFailed):
		f := failureOf(x.vm, err, x.runner.config.WorkflowsDir)
		f.Step = x.failedStep
		return x.uncaught(f)
	default:
		return x.outcome(workflow.StatusError, failureOf(x.vm, err, x.runner.config.WorkflowsDir))
	}
}

// settle is the value of a handler's promise. All microtasks have run by now,
// and nothing else could settle it: PocketBase's runtime has no event loop.
func (x *run) settle(v goja.Value) (goja.Value, error) {
	if v == nil {
		return v, nil
	}
	p, ok := v.Export().(*goja.Promise)
	if !ok {
		return v, nil
	}
	switch p.State() {
	case goja.PromiseStateFulfilled:
		return p.Result(), nil
	case goja.PromiseStateRejected:
		return nil, x.exception(p.Result())
	default:
		return nil, errors.New("the handler's promise never settles: it awaits something that nothing resolves")
	}
}

// exception makes an error of a thrown value.
func (x *run) exception(v goja.Value) error {
	rethrow, err := x.vm.RunString(`(function(v) { throw v })`)
	if err != nil {
		return err
	}
	fn, _ := goja.AssertFunction(rethrow)
	_, err = fn(goja.Undefined(), v)
	return err
}

func (x *run) completed(result goja.Value) workflow.Outcome {
	output, err := encodeResult(result)
	if err != nil {
		return x.outcome(workflow.StatusError, &workflow.Failure{Name: "TypeError", Message: "the handler's " + err.Error()})
	}
	if string(output) == "null" {
		output = nil
	}
	out := x.outcome(workflow.StatusCompleted, nil)
	out.Output = output
	return x.undoomed(out)
}

// undoomed lets an outcome stand unless a transaction it depends on has failed.
func (x *run) undoomed(out workflow.Outcome) workflow.Outcome {
	if x.doomed == nil || out.Status != workflow.StatusCompleted {
		return out
	}
	return x.outcome(workflow.StatusFailed, x.doomed)
}

func (x *run) interrupted(cause any) workflow.Outcome {
	switch c := cause.(type) {
	case *stop:
		out := c.outcome
		out.Messages, out.Logs = x.told()
		out.Response = x.response
		return x.undoomed(out)
	case *parking:
		if x.ctx.Err() == nil { // else it would be woken at once
			out := x.outcome(workflow.StatusWaiting, nil)
			out.Park = c.park
			return out
		}
	case *branchEnd:
		return workflow.Outcome{}
	}
	err, _ := cause.(error)
	var out workflow.Outcome
	switch {
	case errors.Is(err, errScriptTimeout):
		out = x.outcome(workflow.StatusAborted, &workflow.Failure{Name: "TimeoutError", Message: timeoutMessage(x.runner.config.ScriptTimeout)})
		out.Reason = "script_timeout"
	case errors.Is(x.ctx.Err(), context.DeadlineExceeded):
		out = x.outcome(workflow.StatusAborted, &workflow.Failure{Name: "TimeoutError", Message: "the execution ran into its timeout"})
		out.Reason = "timeout"
	case errors.Is(err, workflow.ErrGone), errors.Is(err, workflow.ErrLost):
		out = x.outcome(workflow.StatusCanceled, nil)
		out.Reason = "gone"
	case x.ctx.Err() != nil:
		out = x.outcome(workflow.StatusQueued, nil)
	default:
		out = x.outcome(workflow.StatusError, &workflow.Failure{Name: "Error", Message: fmt.Sprint(cause)})
	}
	if out.Failure != nil && x.step != nil {
		out.Failure.Step = x.step.Name
	}
	return out
}

func (x *run) outcome(status workflow.Status, f *workflow.Failure) workflow.Outcome {
	out := workflow.Outcome{Status: status, Failure: f, Response: x.response}
	out.Messages, out.Logs = x.told()
	return out
}

// told is what the script has said and logged outside of steps; that of a branch
// only what it did in the branch.
func (x *run) told() ([]string, []workflow.Log) {
	if len(x.entered) == 0 {
		return x.messages, x.logs
	}
	if x.branch == nil {
		return nil, nil
	}
	return x.branch.Messages, x.branch.Logs
}

// halt ends the run at once; the script can't catch it.
func (x *run) halt(cause any) goja.Value {
	x.halted = true
	x.vm.Interrupt(cause)
	return goja.Undefined()
}

// throw raises a JS error.
func (x *run) throw(format string, args ...any) {
	panic(x.vm.NewGoError(fmt.Errorf(format, args...)))
}

// parse makes a fresh JS value of JSON: values never cross from VM to VM.
func (x *run) parse(raw json.RawMessage) (goja.Value, error) {
	if len(raw) == 0 {
		return goja.Null(), nil
	}
	fn, _ := goja.AssertFunction(x.vm.Get("JSON").ToObject(x.vm).Get("parse"))
	return fn(goja.Undefined(), x.vm.ToValue(string(raw)))
}

// left is how much time the step or the execution has; false without a limit.
func (x *run) left() (time.Duration, bool) {
	deadline, ok := x.ctx.Deadline()
	if !x.deadline.IsZero() && (!ok || x.deadline.Before(deadline)) {
		deadline, ok = x.deadline, true
	}
	return time.Until(deadline), ok
}

// keepLogs takes over what a branch has logged that ends the execution.
func (x *run) keepLogs(lines []workflow.Log) {
	if x.branch != nil {
		x.branch.Logs = append(x.branch.Logs, lines...)
		return
	}
	x.logs = append(x.logs, lines...)
}

// say adds a message for the waiting client.
func (x *run) say(message string) {
	if x.branch != nil {
		x.branch.Messages = append(x.branch.Messages, message)
		return
	}
	x.messages = append(x.messages, message)
}

var _ require.SourceLoader = (*modules)(nil).load
