package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// defaultMapConcurrency is how many items of a map run side by side.
const defaultMapConcurrency = 10

// modes of ctx.step.parallel.
const (
	modeAll     = "all"
	modeAny     = "any"
	modeRace    = "race"
	modeSettled = "settled"
)

// parallel is ctx.step.parallel(name, {a: fn, b: fn}, {mode}).
func (x *run) parallel(call goja.FunctionCall) goja.Value {
	name := x.stepName("parallel", call)
	x.mayWait("parallel", name)
	branches, ok := call.Argument(1).(*goja.Object)
	if !ok || branches.ClassName() != "Object" && branches.ClassName() != "Array" {
		x.throw("ctx.step.parallel(%q, branches): expected an object or a list of functions, got %s", name, show(call.Argument(1)))
	}
	f := &fork{run: x, list: branches.ClassName() == "Array", mode: modeAll}
	for _, key := range branches.Keys() {
		fn, ok := goja.AssertFunction(branches.Get(key))
		if !ok || key == "" {
			x.throw("ctx.step.parallel(%q): branch %q must be a function, got %s", name, key, show(branches.Get(key)))
		}
		f.keys = append(f.keys, key)
		f.bodies = append(f.bodies, func() (goja.Value, error) { return fn(goja.Undefined()) })
	}
	if v := call.Argument(2); !goja.IsUndefined(v) {
		o, wrong := object(x.vm, "options", v, []string{"mode"})
		if wrong == nil {
			wrong = str(o, "mode", &f.mode)
		}
		if wrong != nil {
			x.throw("ctx.step.parallel(%q): %s %s", name, wrong.option, wrong.message)
		}
		if !slices.Contains([]string{modeAll, modeAny, modeRace, modeSettled}, f.mode) {
			x.throw(`ctx.step.parallel(%q): mode: expected "all", "any", "race" or "settled", got %q`, name, f.mode)
		}
	}
	f.limit = len(f.keys)
	return f.step(name, workflow.StepParallel, map[string]any{"branches": f.keys, "mode": f.mode})
}

// mapItems is ctx.step.map(name, items, fn, {concurrency}).
func (x *run) mapItems(call goja.FunctionCall) goja.Value {
	name := x.stepName("map", call)
	x.mayWait("map", name)
	items, n := listOf(call.Argument(1))
	if items == nil {
		x.throw("ctx.step.map(%q, items, fn): items must be a list, got %s", name, show(call.Argument(1)))
	}
	fn, ok := goja.AssertFunction(call.Argument(2))
	if !ok {
		x.throw("ctx.step.map(%q, items, fn): fn must be a function, got %s", name, show(call.Argument(2)))
	}
	limit := int64(defaultMapConcurrency)
	if v := call.Argument(3); !goja.IsUndefined(v) {
		o, wrong := object(x.vm, "options", v, []string{"concurrency"})
		if wrong != nil {
			x.throw("ctx.step.map(%q): %s %s", name, wrong.option, wrong.message)
		}
		if c, ok := o["concurrency"]; ok {
			if limit, ok = c.Export().(int64); !ok || limit < 1 {
				x.throw("ctx.step.map(%q): concurrency: expected a whole number over 0, got %s", name, show(c))
			}
		}
	}
	f := &fork{run: x, list: true, mode: modeAll, limit: int(limit)}
	for i := range n {
		key := strconv.Itoa(i)
		f.keys = append(f.keys, key)
		f.bodies = append(f.bodies, func() (goja.Value, error) { return fn(goja.Undefined(), items.Get(key), x.vm.ToValue(i)) })
	}
	return f.step(name, workflow.StepMap, map[string]any{"items": n, "concurrency": limit})
}

// listOf is a value with a length, and that; nil for anything else.
func listOf(v goja.Value) (*goja.Object, int) {
	o, ok := v.(*goja.Object)
	if _, isFunction := goja.AssertFunction(v); !ok || isFunction || o.Get("length") == nil {
		return nil, 0
	}
	n, ok := o.Get("length").Export().(int64)
	if !ok || n < 0 {
		return nil, 0
	}
	return o, int(n)
}

// hop is one parallel step on the way to a branch.
type hop struct {
	branch, name string
	index        int
	key          string
}

// fork is one parallel step of a run. Every branch has a script of its own, on a
// VM of its own: it follows the journal up to this step and then runs the
// branch's function only.
type fork struct {
	run    *run
	name   string
	keys   []string
	bodies []func() (goja.Value, error)
	list   bool // of branches without names
	mode   string
	limit  int

	parallel *workflow.Step
	lost     atomic.Bool
	ends     chan branchReport
	states   []branchState
	// told are the messages of the branches that have ended, in that order.
	told []string
}

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

func (f *fork) step(name string, kind workflow.StepKind, options map[string]any) goja.Value {
	x := f.run
	f.name = name
	step, err := x.journal.Begin(name, kind, encode(options))
	if err != nil {
		return x.halt(err)
	}
	if len(x.path) > 0 && x.path[0] == (hop{step.Branch, step.Name, step.Index, x.path[0].key}) {
		return f.enter(step)
	}
	if step.Status.Final() {
		return x.replay(step, false)
	}
	step.Status = workflow.StatusRunning
	f.parallel = step
	x.journal.Fork(step)
	f.states = make([]branchState, len(f.keys))
	var ended []*workflow.Step
	for i, key := range f.keys {
		s := x.journal.BranchStep(step, key)
		if f.states[i].step = s; s.Status.Final() {
			ended = append(ended, s)
		}
	}
	slices.SortStableFunc(ended, func(a, b *workflow.Step) int { return a.FinishedAt.Compare(b.FinishedAt) })
	for _, s := range ended {
		f.tell(s)
	}
	return f.wait()
}

// tell passes on what a branch that has ended said.
func (f *fork) tell(branch *workflow.Step) {
	for _, m := range branch.Messages {
		f.told = append(f.told, m)
		f.run.say(m)
	}
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

// wait runs the branches until they have decided the step.
func (f *fork) wait() goja.Value {
	x := f.run
	ctx, cancel := context.WithCancelCause(x.ctx)
	x.leftovers = append(x.leftovers, func() { cancel(workflow.ErrLost) })
	f.ends = make(chan branchReport, len(f.keys))
	var halted *workflow.Outcome
	err := x.clock.waiting(func() error {
		return x.journal.Waiting(x.ctx, func() error {
			for halted == nil && !f.decided() && f.startMore(ctx) {
				timer := time.NewTimer(f.untilDue())
				select {
				case r := <-f.ends:
					halted = f.report(r)
				case <-timer.C:
				case <-x.ctx.Done():
					timer.Stop()
					return context.Cause(x.ctx)
				}
				timer.Stop()
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return x.halt(err)
	case halted != nil:
		f.lost.Store(true)
		for _, m := range halted.Messages {
			x.say(m)
		}
		x.keepLogs(halted.Logs)
		return x.halt(&stop{*halted})
	case !f.decided():
		return f.park()
	}
	f.lost.Store(true)
	return f.finish()
}

// startMore starts branches as far as the limit lets it, and those whose wait is
// over. It returns false when none runs: all that have not ended are parked.
func (f *fork) startMore(ctx context.Context) bool {
	running := 0
	for _, s := range f.states {
		if s.running {
			running++
		}
	}
	now := f.run.journal.Now()
	for i := range f.states {
		s := &f.states[i]
		if running >= f.limit {
			break
		}
		if s.running || s.step.Status.Final() {
			continue
		}
		if s.parked != nil {
			if s.parked.WakeAt.IsZero() || now.Before(s.parked.WakeAt) {
				continue
			}
			s.parked = nil
		}
		s.running = true
		running++
		f.runBranch(ctx, i)
	}
	return running > 0
}

// untilDue is how long until a parked branch may go on.
func (f *fork) untilDue() time.Duration {
	least := time.Hour
	now := f.run.journal.Now()
	for _, s := range f.states {
		if !s.running && s.parked != nil && !s.parked.WakeAt.IsZero() {
			least = min(least, max(0, s.parked.WakeAt.Sub(now)))
		}
	}
	return least
}

func (f *fork) runBranch(ctx context.Context, i int) {
	x := f.run
	path := append(slices.Clone(x.entered), hop{f.parallel.Branch, f.parallel.Name, f.parallel.Index, f.keys[i]})
	x.journal.Branch(ctx, f.lost.Load, func(j Journal) {
		report := branchReport{i: i}
		report.outcome, report.end = x.runner.run(ctx, x.execution, j, path)
		f.ends <- report
	})
}

// report keeps what a branch says; a branch that ended the whole execution ends
// the run.
func (f *fork) report(r branchReport) (halted *workflow.Outcome) {
	s := &f.states[r.i]
	s.running = false
	switch {
	case r.end != nil:
		s.step = r.end.step
		f.tell(s.step)
		return nil
	case r.outcome.Status == workflow.StatusWaiting:
		s.parked = &r.outcome.Park
		return nil
	default:
		return &r.outcome
	}
}

// decided reports whether the branches that have ended decide the step.
func (f *fork) decided() bool {
	ended := 0
	for _, s := range f.states {
		if !s.step.Status.Final() {
			continue
		}
		ended++
		failed := s.step.Status != workflow.StatusCompleted
		if f.mode == modeRace || f.mode == modeAll && failed || f.mode == modeAny && !failed {
			return true
		}
	}
	return ended == len(f.states)
}

// park ends the run until one of the branches can go on.
func (f *fork) park() goja.Value {
	var p workflow.Park
	for _, s := range f.states {
		if s.parked != nil {
			p = p.Merge(*s.parked)
		}
	}
	return f.run.park(f.parallel, p)
}

// first is the branch that ended first of those that satisfy is.
func (f *fork) first(is func(*workflow.Step) bool) *workflow.Step {
	var first *workflow.Step
	for _, s := range f.states {
		if s.step.Status.Final() && is(s.step) && (first == nil || s.step.FinishedAt.Before(first.FinishedAt)) {
			first = s.step
		}
	}
	return first
}

// finish records the result of the step.
func (f *fork) finish() goja.Value {
	completed := func(s *workflow.Step) bool { return s.Status == workflow.StatusCompleted }
	failed := func(s *workflow.Step) bool { return s.Status != workflow.StatusCompleted }
	switch f.mode {
	case modeRace:
		return f.end(f.first(func(*workflow.Step) bool { return true }))
	case modeAny:
		if first := f.first(completed); first != nil || len(f.states) == 0 {
			return f.end(first)
		}
		message := fmt.Sprintf("every branch of step %q failed", f.parallel.Name)
		for i, s := range f.states {
			message += fmt.Sprintf("; %s: %s", f.keys[i], s.step.Failure.Message)
		}
		return f.fail(&workflow.Failure{Name: "AggregateError", Message: message})
	case modeAll:
		if first := f.first(failed); first != nil {
			return f.end(first)
		}
	}
	results := make([]json.RawMessage, len(f.states))
	for i, s := range f.states {
		results[i] = s.step.Result
		if f.mode == modeSettled {
			results[i] = settledResult(s.step)
		} else if len(results[i]) == 0 {
			results[i] = json.RawMessage("null")
		}
	}
	return f.complete(f.together(results))
}

func settledResult(s *workflow.Step) json.RawMessage {
	if s.Status == workflow.StatusCompleted {
		value := s.Result
		if len(value) == 0 {
			value = json.RawMessage("null")
		}
		return encode(map[string]any{"status": "fulfilled", "value": value})
	}
	return encode(map[string]any{"status": "rejected", "reason": map[string]any{"name": s.Failure.Name, "message": s.Failure.Message}})
}

// together is a list, or an object in the order of the branches.
func (f *fork) together(results []json.RawMessage) json.RawMessage {
	var b []byte
	for i, r := range results {
		if i > 0 {
			b = append(b, ',')
		}
		if !f.list {
			b = append(append(b, encode(f.keys[i])...), ':')
		}
		b = append(b, r...)
	}
	if f.list {
		return json.RawMessage("[" + string(b) + "]")
	}
	return json.RawMessage("{" + string(b) + "}")
}

// end ends the step as one of its branches ended; nil is a step without any.
func (f *fork) end(branch *workflow.Step) goja.Value {
	switch {
	case branch == nil:
		return f.complete(json.RawMessage("null"))
	case branch.Status == workflow.StatusCompleted:
		return f.complete(branch.Result)
	default:
		return f.fail(branch.Failure)
	}
}

func (f *fork) complete(result json.RawMessage) goja.Value {
	if len(result) > workflow.MaxResultSize {
		return f.fail(&workflow.Failure{
			Name: "TypeError", Message: fmt.Sprintf("step %q: result is %d bytes of JSON, more than the %d allowed", f.parallel.Name, len(result), workflow.MaxResultSize),
		})
	}
	x := f.run
	f.parallel.Messages = f.told
	x.complete(f.parallel, result)
	if x.halted {
		return goja.Undefined()
	}
	v, err := x.parse(result)
	if err != nil {
		return x.halt(fmt.Errorf("read the result of step %q: %w", f.parallel.Name, err))
	}
	return v
}

func (f *fork) fail(failure *workflow.Failure) goja.Value {
	own := *failure
	if own.Step == "" {
		own.Step = f.parallel.Name
	}
	f.parallel.Status, f.parallel.Failure, f.parallel.Messages = workflow.StatusFailed, &own, f.told
	if err := f.run.save(f.parallel); err != nil {
		return f.run.halt(err)
	}
	panic(f.run.recordedError(f.parallel))
}
