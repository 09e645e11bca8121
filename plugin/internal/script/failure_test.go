package script

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// thrownThings are statements that throw, and the failure they become.
var thrownThings = []struct{ throw, name, message string }{
	{`throw "out of stock"`, "Error", "out of stock"},
	{`throw null`, "Error", "the script threw null"},
	{`throw undefined`, "Error", "the script threw undefined"},
	{`throw 7`, "Error", "7"},
	{`throw new Error("plain")`, "Error", "plain"},
	{`throw new TypeError("typed")`, "TypeError", "typed"},
	{`class StockError extends Error { constructor(m) { super(m); this.name = "StockError" } }; throw new StockError("own")`, "StockError", "own"},
	{`throw new BadRequestError("x")`, "ApiError", "X."},
	{`throw new NotFoundError("no such post")`, "ApiError", "No such post."},
	{`throw { code: 3 }`, "Error", `{"code":3}`},
	{`throw { name: "Own", message: "m" }`, "Own", "m"},
	{`throw [1, 2]`, "Error", `[1,2]`},
	{`$app.findRecordById("demo2", "missing")`, "GoError", "sql: no rows in result set"},
	{`nothing.here`, "ReferenceError", "nothing is not defined"},
	{`null.here`, "TypeError", "Cannot read property 'here' of"},
}

func TestFailure_OfWhatAHandlerThrows(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range thrownThings {
		out, _ := s.run("(ctx) => {\n" + c.throw + "\n}")
		require.Equal(t, workflow.StatusError, out.Status, c.throw)
		require.Equal(t, c.name, out.Failure.Name, c.throw)
		require.Contains(t, out.Failure.Message, c.message, c.throw)
		require.Contains(t, out.Failure.Stack, "workflows/w.js:3:", c.throw)
		require.Empty(t, out.Failure.Step, c.throw)
		require.Nil(t, out.Output)
	}
}

func TestFailure_OfWhatAStepThrows(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range thrownThings {
		for _, method := range []string{"run", "transaction"} {
			out, j := s.run("(ctx) => {\nctx.step." + method + "(\"a\", () => {\n" + c.throw + "\n}) }")
			require.Equal(t, workflow.StatusFailed, out.Status, c.throw)
			require.Equal(t, []string{"a#0=failed"}, j.names(), c.throw)
			for _, f := range []*workflow.Failure{out.Failure, j.saved[0].Failure} {
				require.Equal(t, c.name, f.Name, c.throw)
				require.Contains(t, f.Message, c.message, c.throw)
				require.Equal(t, "a", f.Step, c.throw)
			}
			require.Contains(t, j.saved[0].Failure.Stack, "workflows/w.js:4:", c.throw)
			require.Contains(t, out.Failure.Stack, "workflows/w.js:3:", c.throw)
		}
	}
}

func TestFailure_CaughtErrorsAreTheScriptsOwnBusiness(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range thrownThings {
		require.Equal(t, `"went on"`, s.output(`(ctx) => { try { `+c.throw+` } catch (e) {} return "went on" }`), c.throw)
		out, j := s.run(`(ctx) => {
			let caught = 0;
			try { ctx.step.run("a", () => { ` + c.throw + ` }) } catch (e) { caught++ } finally { caught++ }
			return ctx.step.run("b", () => caught);
		}`)
		require.Equalf(t, `2`, string(out.Output), "%s: %+v", c.throw, out.Failure)
		require.Equal(t, []string{"a#0=failed", "b#0=completed"}, j.names(), c.throw)
	}
}

func TestFailure_StackNamesModules(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.define(handler(`(ctx) => { require(__dirname + "/lib/stock.js").take() }`), map[string]string{
		"lib/stock.js": "module.exports = {\n take() {\n  throw new Error(\"empty\")\n }\n}",
	})
	out, _ := s.execute(t.Context(), e)
	require.Equal(t, "empty", out.Failure.Message)
	require.Regexp(t, `^take \(workflows/lib/stock\.js:3:\d+\)\n.*workflows/w\.js:2:\d+\)$`, out.Failure.Stack)
}

func TestFailure_GoPanicOfABinding(t *testing.T) {
	t.Parallel()
	s := newStage(t, binding("boom", func() { panic("a bug in Go") }))
	for _, fn := range []string{
		`(ctx) => boom()`,
		`(ctx) => { try { boom() } catch (e) { return 1 } finally { return 2 } }`,
		`(ctx) => ctx.step.run("a", () => boom())`,
		`async (ctx) => { await null; boom() }`,
		`(ctx) => ctx.step.transaction("a", (tx) => { const r = new Record(tx.findCollectionByNameOrId("demo2")); r.set("title", "panicked"); tx.save(r); boom() })`,
	} {
		out, j := s.run(fn)
		require.Equal(t, workflow.StatusError, out.Status, fn)
		require.Equal(t, "panic", out.Failure.Name, fn)
		require.Contains(t, out.Failure.Message, "a bug in Go", fn)
		require.Empty(t, j.saved, fn)
	}
	_, err := s.app.FindFirstRecordByData("demo2", "title", "panicked")
	require.Error(t, err, "the transaction is rolled back")
	require.NoError(t, s.app.RunInTransaction(func(core.App) error { return nil }), "and closed")
	require.Equal(t, `1`, s.output(`(ctx) => 1`))
}

func TestFailure_EndlessRecursion(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, fn := range []string{
		`(ctx) => { const f = () => f(); f() }`,
		`(ctx) => { const f = () => f(); try { f() } catch (e) { return 1 } finally { return 2 } }`,
		`(ctx) => ctx.step.run("a", () => { const f = () => f(); f() })`,
		`async (ctx) => { const f = async () => { await f() }; await f() }`,
	} {
		out, j := s.run(fn)
		require.Equal(t, workflow.StatusError, out.Status, fn)
		require.NotNil(t, out.Failure, fn)
		require.Empty(t, j.saved, fn)
	}
	require.Equal(t, `1`, s.output(`(ctx) => 1`))
}
