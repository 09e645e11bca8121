package script

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// unstorable are values that JSON would drop or change, and what is said of them.
var unstorable = []struct{ name, value, want string }{
	{"cyclic", `(() => { const a = { b: [] }; a.b.push(a); return a })()`, "result.b[0] is cyclic"},
	{"function", `() => 1`, "result is a function"},
	{"nested function", `({ a: { f() {} } })`, "result.a.f is a function"},
	{"class", `class A {}`, "result is a function"},
	{"nested undefined", `({ a: undefined })`, "result.a is undefined"},
	{"undefined in an array", `[1, undefined]`, "result[1] is undefined"},
	{"hole in an array", `[1, , 2]`, "result[1] is undefined"},
	{"BigInt", `10n`, "result is a BigInt"},
	{"nested BigInt", `[{ n: 10n }]`, "result[0].n is a BigInt"},
	{"NaN", `({ n: 0 / 0 })`, "result.n is NaN"},
	{"Infinity", `1 / 0`, "result is +Inf"},
	{"negative Infinity", `[-1 / 0]`, "result[0] is -Inf"},
	{"over 1 MiB", `"x".repeat(1024 * 1024)`, "result is 1048578 bytes of JSON, more than the 1048576 allowed"},
}

func TestValue_UnstorableResultFailsItsStep(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range unstorable {
		for _, method := range []string{"run", "transaction"} {
			out, j := s.run(fmt.Sprintf("(ctx) => {\n ctx.step.%s(%q, () => (%s)) }", method, "my step", c.value))
			require.Equal(t, workflow.StatusFailed, out.Status, c.name)
			require.Equal(t, `step "my step": `+c.want, out.Failure.Message, c.name)
			require.Equal(t, "TypeError", out.Failure.Name, c.name)
			require.Equal(t, "my step", out.Failure.Step, c.name)
			require.Contains(t, out.Failure.Stack, "workflows/w.js:3:", c.name)
			require.Equal(t, []string{"my step#0=failed"}, j.names(), c.name)
		}
		require.Equal(t, `"caught"`, s.output(`(ctx) => { try { ctx.step.run("a", () => (`+c.value+`)) } catch (e) { return "caught" } }`), c.name)
	}
}

func TestValue_UnstorableOutputIsAnError(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range unstorable {
		out, _ := s.run(`(ctx) => (` + c.value + `)`)
		require.Equal(t, workflow.StatusError, out.Status, c.name)
		require.Equal(t, "the handler's "+c.want, out.Failure.Message, c.name)
		require.Nil(t, out.Output, c.name)
	}
}

func TestValue_StorableOnesAreNotRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, value, want string }{
		{"the same object twice", `(() => { const a = { n: 1 }; return [a, a, { a }] })()`, `[{"n":1},{"n":1},{"a":{"n":1}}]`},
		{"just 1 MiB", `"x".repeat(1024 * 1024 - 2).length`, `1048574`},
		{"a record", `$app.findFirstRecordByData("demo2", "title", "test1").publicExport().title`, `"test1"`},
		{"a Go date", `new DateTime("2030-01-02 03:04:05.000Z")`, `"2030-01-02 03:04:05.000Z"`},
		{"boxed", `new String("x")`, `"x"`},
		{"no prototype", `(() => { const o = Object.create(null); o.a = 1; return o })()`, `{"a":1}`},
		{"__proto__ as a key", `JSON.parse('{"__proto__":{"a":1}}')`, `{"__proto__":{"a":1}}`},
		{"a function with toJSON inside a toJSON", `({ f() {}, toJSON() { return 1 } })`, `1`},
	} {
		require.JSONEq(t, c.want, s.output(`(ctx) => ctx.step.run("a", () => (`+c.value+`))`), c.name)
	}
	out, j := s.run(`(ctx) => { ctx.step.run("a", () => "x".repeat(1024 * 1024 - 2)) }`)
	require.Equal(t, workflow.StatusCompleted, out.Status, "exactly the limit")
	require.Len(t, j.saved[0].Result, workflow.MaxResultSize)
	record := s.output(`(ctx) => ctx.step.run("a", () => $app.findFirstRecordByData("demo2", "title", "test1"))`)
	require.Contains(t, record, `"title":"test1"`, "a record is stored as PocketBase exports it")
}
