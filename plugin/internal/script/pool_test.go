package script

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// twice defines a workflow that does one thing in its first execution and looks
// for traces of that in the next.
func twice(s *stage, first, look string) (out workflow.Outcome) {
	e := s.define(`let n = 0; var v = 0; function f() { n++; v++ };`+
		handler(`(ctx) => { if (ctx.data.first) { `+first+` } else { `+look+` } }`), nil)
	dirty := *e
	dirty.Input.Data = json.RawMessage(`{"first":true}`)
	s.execute(context.Background(), &dirty)
	out, _ = s.execute(context.Background(), e)
	return out
}

func TestPool_ExecutionsSeeNothingOfEachOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, first, look, want string }{
		{"globalThis", `globalThis.x = 1`, `return typeof x`, `"undefined"`},
		{"implicit global", `x = 1`, `return typeof x`, `"undefined"`},
		{"this of a sloppy function", `(function () { this.x = 1 })()`, `return typeof x`, `"undefined"`},
		{"top-level let and var", `f(); f()`, `return [n, v]`, `[0,0]`},
		{"overwritten top-level function", `f = null`, `return typeof f`, `"function"`},
		{"new prototype method", `Array.prototype.foo = () => 1`, `return typeof [].foo`, `"undefined"`},
		{"new prototype method through a value", `[].__proto__.foo = 1; ({}).constructor.prototype.bar = 1`, `return [typeof [].foo, typeof ({}).bar]`, `["undefined","undefined"]`},
		{"deleted prototype method", `delete Array.prototype.map`, `return typeof [].map`, `"function"`},
		{"overwritten built-in method", `Date.now = () => 0; Math["random"] = 1`, `return [Date.now() > 0, typeof Math.random]`, `[true,"function"]`},
		{"alias of a built-in", `const J = JSON; J.parse = null`, `return typeof JSON.parse`, `"function"`},
		{"Object.assign", `Object.assign(JSON, { parse: 1 })`, `return typeof JSON.parse`, `"function"`},
		{"Object.defineProperty", `Object.defineProperty(Object, "x", { value: 1 })`, `return typeof Object.x`, `"undefined"`},
		{"frozen", `Object.freeze(JSON)`, `return Object.isFrozen(JSON)`, `false`},
		{"$app", `$app = null`, `return $app.findCollectionByNameOrId("demo2").name`, `"demo2"`},
		{"JSON", `JSON = { stringify: () => "bad" }`, `return JSON.parse("[1]")`, `[1]`},
		{"deleted global", `delete globalThis.JSON`, `return typeof JSON`, `"object"`},
		{"require and Record", `require = 1; Record = 2`, `return [typeof require, typeof Record]`, `["function","function"]`},
		{"ctx", `ctx.data = { bad: 1 }; ctx.step.run = null; ctx = null`, `return [ctx.data.title, ctx.step.run("a", () => 1)]`, `["Hello",1]`},
		{"a global named ctx", `globalThis.ctx = 1; globalThis.workflow = 2`, `return typeof globalThis.ctx`, `"undefined"`},
		{"an error on the way", `x = 1; throw new Error("no")`, `return typeof x`, `"undefined"`},
		{"ctx.end on the way", `x = 1; ctx.end()`, `return typeof x`, `"undefined"`},
		{"an open promise", `new Promise(() => {}).then(() => { x = 1 })`, `return typeof x`, `"undefined"`},
		{"an open transaction app", `$app.runInTransaction(() => { ctx.end() })`, `return ctx.step.run("a", () => 1)`, `1`},
	} {
		out := twice(s, c.first, c.look)
		require.Equalf(t, workflow.StatusCompleted, out.Status, "%s: %+v", c.name, out.Failure)
		require.JSONEq(t, c.want, string(out.Output), c.name)
	}
}

func TestPool_ModulesAreFreshForEachRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.define(handler(`() => { const m = require(__dirname + "/m.js"); m.n++; return m.n }`), map[string]string{"m.js": `exports.n = 0`})
	for range 3 {
		out, _ := s.execute(context.Background(), e)
		require.Equal(t, `1`, string(out.Output))
	}
}

func TestPool_IdleMachinesAreUsedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(c *Config) { c.PoolSize = 2 })
	idle := func(e *workflow.Execution) []*machine {
		c, err := s.runner.compile(e)
		require.NoError(t, err)
		c.mu.Lock()
		defer c.mu.Unlock()
		return append([]*machine{}, c.idle...)
	}
	clean := s.define(handler(`(ctx) => 1`), nil)
	s.execute(context.Background(), clean)
	first := idle(clean)
	require.Len(t, first, 1)
	s.execute(context.Background(), clean)
	require.Equal(t, first, idle(clean), "the same machine")

	for _, fn := range []string{`(ctx) => { globalThis.x = 1 }`, `(ctx) => { Math.x = 1 }`} {
		touchy := s.define(handler(fn), nil)
		s.execute(context.Background(), touchy)
		require.Empty(t, idle(touchy), "%s: used once", fn)
	}

	c, err := s.runner.compile(clean)
	require.NoError(t, err)
	machines := []*machine{s.runner.machine(c), s.runner.machine(c), s.runner.machine(c)}
	for _, m := range machines {
		c.give(m, 0)
	}
	require.Len(t, idle(clean), 2, "no more than PoolSize")
	c.give(s.runner.machine(c), 1)
	c.give(machines[2], 1)
	require.Len(t, idle(clean), 3, "and what is to spare")
	c.give(s.runner.machine(c), 1)
	c.give(machines[0], 1)
	require.Len(t, idle(clean), 3, "for all versions together")
}

func TestPool_ConcurrentExecutionsHaveTheirOwnMachines(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	source := `const m = require(__dirname + "/m.js"); let n = 0;` + handler(`async (ctx) => {
		mine = ctx.data.id;
		for (let i = 0; i < 50; i++) { n++; m.n++; ctx.step.run("n", () => ({ n: i })) }
		await null;
		return [mine, n, m.n, ctx.execution.id, /r(\d+)/.exec(ctx.data.id)[1]];
	}`)
	e := s.define(source, map[string]string{"m.js": `exports.n = 0`})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 5 {
				own := *e
				own.ID = fmt.Sprintf("e%d-%d", i, k)
				own.Input.Data = json.RawMessage(fmt.Sprintf(`{"id":"r%d"}`, i*10+k))
				j := newJournal(s.app, nil)
				out := s.runner.Run(context.Background(), &own, j)
				runtime.Gosched()
				if !assertOutput(t, out, fmt.Sprintf(`["r%[1]d",50,50,%[2]q,"%[1]d"]`, i*10+k, own.ID)) {
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestPool_ManyVersionsStayBounded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var first *workflow.Execution
	for i := range maxCompiled + 10 {
		e := s.define(handler(fmt.Sprintf("() => %d", i)), nil)
		if first == nil {
			first = e
		}
		_, err := s.runner.compile(e)
		require.NoError(t, err)
	}
	require.Len(t, s.runner.compiled, maxCompiled)
	require.Len(t, s.runner.order, maxCompiled)
	out, _ := s.execute(context.Background(), first)
	require.Equal(t, `0`, string(out.Output), "a version that was dropped is compiled again")
}
