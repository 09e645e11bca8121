package script

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestAsync_Handlers(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, fn, want string }{
		{"no await", `async (ctx) => 1`, `1`},
		{"await", `async (ctx) => { const a = await 1; const b = await Promise.resolve(2); return a + b }`, `3`},
		{"function", `async function (ctx) { await null; return [1] }`, `[1]`},
		{"a promise without async", `(ctx) => new Promise((resolve) => resolve({ a: 1 }))`, `{"a":1}`},
		{"chain", `(ctx) => Promise.resolve(1).then((n) => n + 1).finally(() => 9)`, `2`},
		{"Promise.all", `async (ctx) => Promise.all([1, Promise.resolve(2), (async () => 3)()])`, `[1,2,3]`},
		{"thenable", `async (ctx) => ({ then(resolve) { resolve(7) } })`, `7`},
		{"caught", `async (ctx) => { try { await Promise.reject(new Error("x")) } catch (e) { return e.message } }`, `"x"`},
	} {
		require.JSONEq(t, c.want, s.output(c.fn), c.name)
	}
}

func TestAsync_Steps(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, fn string }{
		{"no await", `async (ctx) => { const a = await ctx.step.run("a", async () => { ctx.respond("ran"); return { n: 1 } }); return a.n + await ctx.step.run("b", async () => 2) }`},
		{"await", `async (ctx) => { const a = await ctx.step.run("a", async () => { ctx.respond("ran"); await null; return { n: 1 } }); return a.n + await ctx.step.run("b", async () => { await null; return 2 }) }`},
		{"a synchronous handler", `(ctx) => ctx.step.run("a", async () => { ctx.respond("ran"); await null; return { n: 1 } }).then((a) => ctx.step.run("b", async () => 2).then((b) => a.n + b))`},
		{"synchronous steps", `async (ctx) => { const a = ctx.step.run("a", () => { ctx.respond("ran"); return { n: 1 } }); await null; return a.n + ctx.step.run("b", () => 2) }`},
		{"a body that returns a promise", `async (ctx) => { const a = await ctx.step.run("a", () => { ctx.respond("ran"); return Promise.resolve({ n: 1 }) }); return a.n + await ctx.step.run("b", () => Promise.resolve(2)) }`},
	} {
		out, j := s.run(c.fn)
		require.Equalf(t, `3`, string(out.Output), "%s: %+v", c.name, out.Failure)
		require.Equal(t, []string{"a#0=completed", "b#0=completed"}, j.names(), c.name)
		require.JSONEq(t, `{"n":1}`, string(j.saved[0].Result), c.name)
		require.Equal(t, []string{"ran"}, out.Messages, c.name)

		for replayed := 1; replayed <= 2; replayed++ {
			again, _ := s.run(c.fn, j.saved[:replayed]...)
			require.Equalf(t, `3`, string(again.Output), "%s: %+v", c.name, again.Failure)
			require.Equal(t, []string{"ran"}, again.Messages, c.name)
		}
	}
}

func TestAsync_FailingSteps(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, body string }{
		{"at once", "async () => {\nthrow new TypeError(\"no\")\n}"},
		{"later", "async () => {\nawait null; throw new TypeError(\"no\")\n}"},
		{"rejected", "() => {\nreturn Promise.reject(new TypeError(\"no\"))\n}"},
	} {
		out, j := s.run(`async (ctx) => { await ctx.step.run("a", ` + c.body + `); return "went on" }`)
		require.Equalf(t, workflow.StatusFailed, out.Status, "%s: %+v", c.name, out.Failure)
		require.Equal(t, []string{"a#0=failed"}, j.names(), c.name)
		require.Equal(t, "TypeError", out.Failure.Name, c.name)
		require.Equal(t, "no", out.Failure.Message, c.name)
		require.Equal(t, "a", out.Failure.Step, c.name)
		require.Contains(t, out.Failure.Stack, "workflows/w.js:3:", c.name)

		caught := `async (ctx) => { try { await ctx.step.run("a", ` + c.body + `) } catch (e) { return e.message } }`
		require.JSONEq(t, `"no"`, s.output(caught), c.name)
		require.JSONEq(t, `"no"`, s.output(caught, j.saved...), "%s: replayed", c.name)
		again, _ := s.run(`async (ctx) => { await ctx.step.run("a", `+c.body+`); return "went on" }`, j.saved...)
		require.Equal(t, workflow.StatusFailed, again.Status, c.name)
		require.Equal(t, "no", again.Failure.Message, c.name)
	}
	out, j := s.run(`async (ctx) => { await ctx.step.run("a", async () => { await null; return { f() {} } }) }`)
	require.Equal(t, workflow.StatusFailed, out.Status)
	require.Equal(t, `step "a": result.f is a function`, out.Failure.Message)
	require.Equal(t, []string{"a#0=failed"}, j.names())
}

func TestAsync_RejectedHandler(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, head := range []string{"async (ctx) => {\n", "async (ctx) => { await null;\n"} {
		for _, c := range []struct{ throw, name, message string }{
			{`throw new TypeError("x")`, "TypeError", "x"},
			{`throw "text"`, "Error", "text"},
			{`throw undefined`, "Error", "the script threw undefined"},
			{`$app.findRecordById("demo2", "missing")`, "GoError", "sql: no rows in result set"},
			{`throw new BadRequestError("x")`, "ApiError", "X."},
		} {
			out, _ := s.run(head + c.throw + "\n}")
			require.Equal(t, workflow.StatusError, out.Status, c.throw)
			require.Equal(t, c.name, out.Failure.Name, c.throw)
			require.Equal(t, c.message, out.Failure.Message, c.throw)
			if c.name == "TypeError" || c.name == "GoError" {
				require.Contains(t, out.Failure.Stack, "workflows/w.js:3:", c.throw)
			}
		}
	}
}

func TestAsync_NeverSettling(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, fn := range []string{
		`async (ctx) => { await new Promise(() => {}); return 1 }`,
		`(ctx) => new Promise(() => {})`,
		`async (ctx) => { await ctx.step.run("a", async () => { await new Promise(() => {}) }); return 1 }`,
		`async (ctx) => { await Promise.race([]) }`,
	} {
		out, j := s.run(fn)
		require.Equal(t, workflow.StatusError, out.Status, fn)
		require.Equal(t, "the handler's promise never settles: it awaits something that nothing resolves", out.Failure.Message, fn)
		require.Empty(t, j.saved, fn)
	}
}

func TestAsync_TransactionsAreNot(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, j := s.run(`async (ctx) => { await ctx.step.transaction("a", async (tx) => 1) }`)
	require.Equal(t, workflow.StatusError, out.Status)
	require.Equal(t, `ctx.step.transaction("a"): the function must not be async: its transaction ends when it returns`, out.Failure.Message)
	require.Empty(t, j.saved)
}

func TestAsync_OneStepAtATime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, _ := s.run(`async (ctx) => Promise.all([
		ctx.step.run("a", async () => { await null; return 1 }),
		ctx.step.run("b", async () => { await null; return 2 }),
	])`)
	require.Equal(t, workflow.StatusError, out.Status)
	require.Equal(t, `ctx.step.run("b") can't be used inside step "a": call it after that step`, out.Failure.Message)
}

// Interrupted between the parts of an async function, a VM is no good for the
// next run.
func TestAsync_ParkAfterAnAwait(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, fn string }{
		{"in the handler", `async (ctx) => { await null; ctx.step.sleep("nap", "1h"); await null; return 1 }`},
		{"after an async step", `async (ctx) => { await ctx.step.run("a", async () => { await null }); ctx.step.sleep("nap", "1h"); return 1 }`},
		{"in a callback", `(ctx) => Promise.resolve().then(() => { ctx.step.sleep("nap", "1h"); return 1 })`},
		{"with another promise that waits", `async (ctx) => { Promise.resolve().then(() => null); await null; ctx.step.sleep("nap", "1h"); return 1 }`},
	} {
		e := s.define(handler(c.fn), nil)
		for range 3 {
			out, _ := s.execute(t.Context(), e)
			require.Equal(t, workflow.StatusWaiting, out.Status, "%s: %+v", c.name, out.Failure)
			require.Len(t, out.Park.Steps, 1, c.name)
		}
		nap := workflow.Step{Name: "nap", Kind: workflow.StepSleep, Status: workflow.StatusCompleted}
		a := workflow.Step{Name: "a", Kind: workflow.StepRun, Status: workflow.StatusCompleted}
		for range 2 {
			out, _ := s.execute(t.Context(), e, &a, &nap)
			require.Equal(t, `1`, string(out.Output), "%s: %+v", c.name, out.Failure)
		}
	}
}
