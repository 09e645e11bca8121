package script

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestRun_ReturnValueIsTheOutput(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, fn, want string }{
		{"nothing", `(ctx) => {}`, ""},
		{"object", `(ctx) => ({ slug: ctx.data.title.toLowerCase() })`, `{"slug":"hello"}`},
		{"array", `(ctx) => [1, "a", null, { b: [true] }]`, `[1,"a",null,{"b":[true]}]`},
		{"string", `(ctx) => "text"`, `"text"`},
		{"text inside", `(ctx) => ({ a: ["ä", "😀", null] })`, `{"a":["ä","😀",null]}`},
		{"zero", `(ctx) => 0`, `0`},
		{"false", `(ctx) => false`, `false`},
		{"date", `(ctx) => new Date(0)`, `"1970-01-01T00:00:00.000Z"`},
		{"toJSON", `(ctx) => ({ toJSON() { return { a: 1 } } })`, `{"a":1}`},
		{"class", `(ctx) => { class P { constructor() { this.x = 1 } }; return new P() }`, `{"x":1}`},
		{"function expression", `function (ctx) { return typeof ctx.step.run }`, `"function"`},
		{"PocketBase's bindings", `(ctx) => $app.findCollectionByNameOrId("demo2").name + $security.md5("a").length`, `"demo232"`},
	} {
		out, j := s.run(c.fn)
		require.Equalf(t, workflow.StatusCompleted, out.Status, "%s: %+v", c.name, out.Failure)
		require.Equal(t, c.want, string(out.Output), c.name)
		require.Nil(t, out.Failure, c.name)
		require.False(t, out.Ended, c.name)
		require.Empty(t, j.saved, c.name)
	}
}

func TestRun_Context(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.define(handler(`(ctx) => ({
		data: ctx.data, original: ctx.original, user: ctx.user, params: ctx.params, roleName: ctx.roleName,
		action: ctx.action, collection: ctx.collection, path: ctx.path, execution: ctx.execution,
	})`), nil)
	e.Attempt, e.Depth, e.Parent = 3, 2, "p1"
	e.StartedAt = time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	e.Input = workflow.Input{
		Data: json.RawMessage(`{"id":"r1","expand":{"category":{"id":"c1"}}}`), Original: json.RawMessage(`{"id":"r1","title":"old"}`),
		User: json.RawMessage(`{"id":"u1"}`), RoleName: "editor", Action: workflow.ActionUpdate, Collection: "posts", Path: "category",
	}
	out, _ := s.execute(context.Background(), e)
	require.JSONEq(t, `{
		"data": {"id":"r1","expand":{"category":{"id":"c1"}}}, "original": {"id":"r1","title":"old"},
		"user": {"id":"u1"}, "params": null, "roleName": "editor", "action": "update", "collection": "posts", "path": "category",
		"execution": {"id":"e1","key":"w","version":1,"attempt":3,"depth":2,"parent":"p1","startedAt":"2030-01-02T02:04:05Z"}
	}`, string(out.Output))

	guest := s.define(handler(`(ctx) => [ctx.user, ctx.original, ctx.roleName]`), nil)
	out, _ = s.execute(context.Background(), guest)
	require.JSONEq(t, `[null, null, ""]`, string(out.Output), "what does not apply is null")

	broken := s.define(handler(`(ctx) => 1`), nil)
	broken.Input.Data = json.RawMessage(`{`)
	out, _ = s.execute(context.Background(), broken)
	require.Equal(t, workflow.StatusError, out.Status)
	require.Contains(t, out.Failure.Message, "JSON input")
}

func TestRun_EndAndFailStopAtOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, around := range []struct{ name, head, tail string }{
		{"plain", `(ctx) => {`, `; return "went on" }`},
		{"try", `(ctx) => { try {`, `} catch (e) { return "caught" } return "went on" }`},
		{"finally", `(ctx) => { try {`, `} finally { ctx.respond("finally"); return "finally" } }`},
		{"both", `(ctx) => { for (;;) { try {`, `} catch (e) { continue } finally { ctx.respond("finally"); continue } } }`},
		{"callback", `(ctx) => { try { return [1].map(() => {`, `; return 2 }) } catch (e) { return "caught" } }`},
		{"step", `(ctx) => { try { ctx.step.run("a", () => {`, `}) } catch (e) { return "caught" } return "went on" }`},
		{"transaction", `(ctx) => { try { ctx.step.transaction("a", () => {`, `}) } catch (e) { return "caught" } return "went on" }`},
		{"$app.runInTransaction", `(ctx) => { try { $app.runInTransaction(() => {`, `}) } catch (e) { return "caught" } return "went on" }`},
		{"async", `async (ctx) => { await null; try {`, `} catch (e) { return "caught" } finally { return "finally" } }`},
		{"async step", `async (ctx) => { try { await ctx.step.run("a", async () => { await null;`, `}) } catch (e) { return "caught" } }`},
	} {
		out, j := s.run(around.head + ` ctx.end({ a: 1 }) ` + around.tail)
		require.Equalf(t, workflow.StatusCompleted, out.Status, "%s: %+v", around.name, out.Failure)
		require.JSONEq(t, `{"a":1}`, string(out.Output), around.name)
		require.True(t, out.Ended, around.name)
		require.Empty(t, out.Messages, around.name)
		require.Empty(t, j.saved, around.name)

		out, _ = s.run(around.head + ` ctx.fail("no stock", { left: 0 }) ` + around.tail)
		require.Equal(t, workflow.StatusFailed, out.Status, around.name)
		require.Equal(t, "no stock", out.Failure.Message, around.name)
		require.JSONEq(t, `{"left":0}`, string(out.Output), around.name)
		require.False(t, out.Ended, around.name)
		require.Empty(t, out.Messages, around.name)
	}

	out, _ := s.run(`(ctx) => { ctx.end() }`)
	require.Equal(t, workflow.StatusCompleted, out.Status)
	require.Nil(t, out.Output)
	out, _ = s.run(`(ctx) => { ctx.fail("no") }`)
	require.Equal(t, &workflow.Failure{Name: "Failure", Message: "no"}, out.Failure)
	require.Nil(t, out.Output)
	out, _ = s.run(`(ctx) => { ctx.step.run("charge", () => ctx.fail("no")) }`)
	require.Equal(t, "charge", out.Failure.Step)
}

func TestRun_WrongArgumentsOfContext(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ call, want string }{
		{`ctx.respond(1)`, "ctx.respond(message): the message must be a string, got 1"},
		{`ctx.respond()`, "ctx.respond(message): the message must be a string, got undefined"},
		{`ctx.fail()`, "ctx.fail(message, data): the message must be a non-empty string, got undefined"},
		{`ctx.fail("")`, `ctx.fail(message, data): the message must be a non-empty string, got ""`},
		{`ctx.fail("x", { a: () => 1 })`, "ctx.fail(message, data): result.a is a function"},
		{`ctx.end(() => 1)`, "ctx.end(output): result is a function"},
	} {
		out, _ := s.run(`(ctx) => { ` + c.call + ` }`)
		require.Equal(t, workflow.StatusError, out.Status, c.call)
		require.Equal(t, c.want, out.Failure.Message)
		require.Contains(t, out.Failure.Stack, "workflows/w.js:2:", c.call)
		require.Equal(t, `"caught"`, s.output(`(ctx) => { try { `+c.call+` } catch (e) { return "caught" } }`), "it is an ordinary error")
	}
}

func TestRun_Messages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct {
		end  string
		want workflow.Status
	}{
		{``, workflow.StatusCompleted},
		{`ctx.end()`, workflow.StatusCompleted},
		{`ctx.fail("no")`, workflow.StatusFailed},
		{`throw new Error("no")`, workflow.StatusError},
	} {
		out, _ := s.run(`(ctx) => { ctx.respond("one"); ctx.step.run("a", () => { ctx.respond("two") }); ctx.respond("three"); ` + c.end + ` }`)
		require.Equal(t, c.want, out.Status)
		require.Equal(t, []string{"one", "two", "three"}, out.Messages, c.end)
	}
}

func TestRun_Logs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, j := s.run(`(ctx) => {
		ctx.log.debug("d");
		ctx.log.info("i", { a: [1] });
		ctx.step.run("a", () => { ctx.log.warn("inside") });
		ctx.log.error("e", undefined);
		ctx.log.info("odd", { f: () => 1 });
		ctx.log.info(7);
	}`)
	require.Equal(t, workflow.StatusCompleted, out.Status)
	text := func(logs []workflow.Log) (lines []string) {
		for _, l := range logs {
			require.WithinDuration(t, time.Now(), l.Time, time.Minute)
			lines = append(lines, l.Level+" "+l.Message+" "+string(l.Data))
		}
		return lines
	}
	require.Equal(t, []string{
		`debug d `, `info i {"a":[1]}`, `error e `, `info odd "result.f is a function"`, `info 7 `,
	}, text(out.Logs), "a line that can't be stored does not fail the workflow")
	require.Len(t, j.saved, 1)
	require.Equal(t, []string{"warn inside "}, text(j.saved[0].Logs), "a step keeps its own lines")
}

func TestRun_PinnedVersion(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	dir := s.runner.config.WorkflowsDir
	write(t, dir, "w.js", handler(`() => "disk"`))
	write(t, dir, "lib/price.js", `module.exports = "disk module"`)
	write(t, dir, "lib/new.js", `module.exports = "a later file"`)

	source := `const price = require(__dirname + "/lib/price.js");` + handler(`() => price`)
	e := s.define(source, map[string]string{"lib/price.js": `module.exports = "recorded " + require("./tax")`, "lib/tax.js": `module.exports = "tax"`})
	out, _ := s.execute(context.Background(), e)
	require.JSONEq(t, `"recorded tax"`, string(out.Output))

	next := s.define(source, map[string]string{"lib/price.js": `module.exports = "second"`})
	out, _ = s.execute(context.Background(), next)
	require.JSONEq(t, `"second"`, string(out.Output))
	out, _ = s.execute(context.Background(), e)
	require.JSONEq(t, `"recorded tax"`, string(out.Output), "versions keep apart")

	out, _ = s.execute(context.Background(), s.define(`require(__dirname + "/lib/new.js");`+handler(`() => 1`), nil))
	require.Equal(t, workflow.StatusError, out.Status, "a file that the version does not hold does not exist for it")
	require.Contains(t, out.Failure.Message, "Invalid module")
}

func TestRun_BrokenVersions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ name, source, want string }{
		{"syntax error", `workflow("w", {}, () => {`, `compile version 1 of workflow "w"`},
		{"throws while loading", "\nthrow new Error('top')", "top"},
		{"another key", `workflow("other", {}, () => 1)`, `the source does not define workflow "w"`},
		{"no handler", `workflow("w", {})`, `the source does not define workflow "w"`},
	} {
		s.versions = map[string]*workflow.Version{}
		out, _ := s.execute(context.Background(), s.define(c.source, nil))
		require.Equal(t, workflow.StatusError, out.Status, c.name)
		require.Contains(t, out.Failure.Message, c.want, c.name)
	}
	out, _ := s.execute(context.Background(), &workflow.Execution{Workflow: "w", Version: 9})
	require.Equal(t, workflow.StatusError, out.Status)
	require.Contains(t, out.Failure.Message, "there is no version 9")
}

func TestRun_OneFileWithSeveralWorkflows(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	e := s.define(`const shared = 1; workflow("v", {}, () => "v"); workflow("w", {}, () => "w" + shared); workflow("w", {}, () => "again")`, nil)
	out, _ := s.execute(context.Background(), e)
	require.JSONEq(t, `"w1"`, string(out.Output))
}
