package script

import (
	"slices"
	"strconv"
	"sync/atomic"

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
