package plugin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestBefore_Timeout: the request waits as long as the time-out says.
func TestBefore_Timeout(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: 150 * time.Millisecond}, one(`
const on = { type: "before", collection: "posts" };
workflow("config", { on }, (ctx) => { ctx.respond("wait"); sleep(60000) });
workflow("own", { on, timeout: "50ms" }, (ctx) => { while (true) {} });
workflow("longer", { on, timeout: "10s" }, (ctx) => { sleep(300) });
workflow("step", { on }, (ctx) => { ctx.step.run("slow", () => { while (true) {} }) });
workflow("caught", { on }, (ctx) => { try { while (true) {} } catch (e) {} finally { return 1 } });
`))
	for key, status := range map[string]int{"config": 500, "own": 500, "step": 500, "caught": 500, "longer": 200} {
		posts := a.count("posts")
		res := a.create("?triggerWorkflows="+key, nil)
		require.Equal(t, status, res.StatusCode, res.body)
		row := a.row(res.id(t, key))
		if status == 200 {
			require.Equal(t, "completed", row.GetString("status"))
			require.Equal(t, posts+1, a.count("posts"))
			continue
		}
		require.Equal(t, "aborted", row.GetString("status"))
		require.Equal(t, "timeout", row.GetString("reason"))
		require.Contains(t, res.body, "timeout")
		require.Equal(t, posts, a.count("posts"))
	}
}

// TestBefore_Steps: run and transaction are journaled and commit by themselves; what
// would park is refused.
func TestBefore_Steps(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "before", collection: "posts" };
const log = (txApp, message) => { const r = new Record(txApp.findCollectionByNameOrId("logs")); r.set("message", message); txApp.save(r) };
workflow("steps", { on }, (ctx) => {
    let tries = 0;
    const n = ctx.step.run("flaky", { retries: { limit: 2, delay: 5 } }, () => { if (++tries < 3) throw new Error("no"); return tries });
    ctx.step.transaction("log", (txApp) => log(txApp, ctx.data.title));
    try { ctx.step.transaction("undone", (txApp) => { log(txApp, "undone"); throw new Error("stop") }) } catch (e) { ctx.log.info(e.message) }
    ctx.step.run("set", () => { ctx.record.set("slug", "n" + n); ctx.respond("in a step") });
    if (ctx.data.title === "bad") ctx.fail("no");
    if (ctx.data.title === "empty") ctx.record.set("title", "");
    return $workflows.trigger("child", { n });
});
workflow("child", { on: { type: "action", collection: "posts" } }, (ctx) => [ctx.data.n, ctx.execution.depth, ctx.execution.parent]);
workflow("uncaught", { on }, (ctx) => { ctx.step.run("throws", () => { throw new Error("the step fails") }) });
workflow("async", { on }, async (ctx) => { await ctx.step.run("later", async () => 1); ctx.record.set("slug", "async") });
workflow("sleep", { on }, (ctx) => { ctx.step.sleep("nap", "1s") });
workflow("sleepUntil", { on }, (ctx) => { ctx.step.sleepUntil("nap", "2020-01-01 00:00:00Z") });
workflow("waitForEvent", { on }, (ctx) => { ctx.step.waitForEvent("paid") });
workflow("invoke", { on }, (ctx) => { ctx.step.invoke("call", "child", { data: 1 }) });
workflow("parallel", { on }, (ctx) => { ctx.step.parallel("both", { a: () => 1 }) });
workflow("map", { on }, (ctx) => { ctx.step.map("each", [1], (n) => n) });
`))
	t.Run("each is journaled", func(t *testing.T) {
		for title, status := range map[string]int{"good": 200, "bad": 400, "empty": 400} {
			logs := a.count("logs")
			res := a.create("?triggerWorkflows=steps", map[string]any{"title": title})
			require.Equal(t, status, res.StatusCode, res.body)
			id := res.id(t, "steps")
			require.Equal(t, []string{"run flaky completed", "transaction log completed", "transaction undone failed", "run set completed"}, a.steps(id))
			require.Equal(t, logs+1, a.count("logs"), "a step's transaction commits on its own, whatever becomes of the write")
			require.Equal(t, []string{"in a step"}, messages(t, res))
			row := a.row(id)
			require.Contains(t, row.GetString("logs"), "stop")
			if title == "bad" {
				continue
			}
			child := a.row(output(t, row).(string))
			require.Equal(t, []any{3.0, 1.0, id}, output(t, child), "what it starts knows its chain")
			require.Equal(t, id, child.GetString("root"))
			if title == "good" {
				require.Equal(t, "n3", res.data(t)["slug"])
			}
		}
	})
	t.Run("async handlers", func(t *testing.T) {
		res := a.create("?triggerWorkflows=async", nil)
		require.Equal(t, "async", res.data(t)["slug"], res.body)
	})
	t.Run("a step that fails uncaught is a 400", func(t *testing.T) {
		res := a.create("?triggerWorkflows=uncaught", nil)
		require.Equal(t, 400, res.StatusCode, res.body)
		row := a.row(res.id(t, "uncaught"))
		require.Equal(t, "failed", row.GetString("status"))
		require.Contains(t, row.GetString("error"), `"step":"throws"`)
		require.Equal(t, []string{"run throws failed"}, a.steps(row.Id))
	})
	for _, key := range []string{"sleep", "sleepUntil", "waitForEvent", "invoke", "parallel", "map"} {
		t.Run(key+" is refused", func(t *testing.T) {
			posts := a.count("posts")
			res := a.create("?triggerWorkflows="+key, nil)
			require.Equal(t, 500, res.StatusCode, res.body)
			require.Contains(t, res.body, "can't be used before a write")
			require.Equal(t, "error", a.row(res.id(t, key)).GetString("status"))
			require.Equal(t, posts, a.count("posts"))
		})
	}
}

// TestBefore_Transaction: in mode transaction, what the handler writes stands or
// falls with the write.
func TestBefore_Transaction(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: time.Second}, one(`
const on = { type: "before", collection: "posts" };
const log = (app, message) => { const r = new Record(app.findCollectionByNameOrId("logs")); r.set("message", message); app.save(r) };
workflow("inside", { on, mode: "transaction" }, (ctx) => {
    log($app, "direct");
    ctx.step.transaction("log", (txApp) => log(txApp, "in a step"));
    ctx.record.set("slug", "inside");
    if (ctx.data.title === "bad") ctx.fail("no");
    if (ctx.data.title === "empty") ctx.record.set("title", "");
    if (ctx.data.title === "answer") { ctx.respond("hi"); ctx.end() }
    if (ctx.data.title === "caught") try { ctx.step.transaction("no", () => { throw new Error("in a step") }) } catch (e) {}
});
workflow("loop", { on, mode: "transaction", timeout: "50ms" }, (ctx) => { while (true) {} });
workflow("outside", { on }, (ctx) => { log($app, "outside"); ctx.respond("outside " + (ctx.record.get("slug") || "first")) });
workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.data.slug);
workflow("after", { on: { type: "action", collection: "posts" }, mode: "transaction" }, (ctx) => { if (ctx.data.title === "late") ctx.fail("too late") });
`))
	for _, c := range []struct {
		query, title string
		status       int
		says         string
		logs, posts  int
		status2      string
	}{
		{"note,inside", "good", 200, `"slug":"inside"`, 2, 1, "completed"},
		{"note,inside", "bad", 400, `"inside":{`, 0, 0, "failed"},
		{"note,inside", "empty", 400, `validation_required`, 0, 0, "completed"},
		{"note,inside", "answer", 200, `{"messages":["hi"]}`, 0, 0, "completed"},
		{"note,inside", "caught", 400, `in a step`, 0, 0, "failed"},
		{"after,inside", "late", 400, `too late`, 0, 0, "completed"},
		{"outside,inside", "bad", 400, `"inside":{`, 1, 0, "failed"},
		{"inside,outside", "good", 200, `"slug":"inside"`, 3, 1, "completed"},
	} {
		t.Run(c.query+" "+c.title, func(t *testing.T) {
			posts, logs, notes := a.count("posts"), a.count("logs"), len(a.rows("note"))
			res := a.create("?triggerWorkflows="+c.query, map[string]any{"title": c.title})
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			require.Equal(t, posts+c.posts, a.count("posts"))
			require.Equal(t, logs+c.logs, a.count("logs"))
			row := a.row(res.id(t, "inside"))
			require.Equal(t, c.status2, row.GetString("status"))
			require.Equal(t, "transaction", row.GetString("mode"))
			require.Contains(t, a.steps(row.Id), "transaction log completed")
			if c.posts == 0 {
				require.Len(t, a.rows("note"), notes)
			}
		})
	}
	t.Run("they keep their order, the later ones are inside too", func(t *testing.T) {
		res := a.create("?triggerWorkflows=outside,inside", nil)
		require.Equal(t, []string{"outside first"}, messages(t, res))
		require.Equal(t, "sync", a.row(res.id(t, "outside")).GetString("mode"))
		res = a.create("?triggerWorkflows=inside,outside", nil)
		require.Equal(t, []string{"outside inside"}, messages(t, res))
		require.Equal(t, "transaction", a.row(res.id(t, "outside")).GetString("mode"))
	})
	t.Run("one that never returns is interrupted", func(t *testing.T) {
		res := a.create("?triggerWorkflows=loop", nil)
		require.Equal(t, 500, res.StatusCode, res.body)
		require.Equal(t, "aborted", a.row(res.id(t, "loop")).GetString("status"))
		require.Equal(t, 200, a.create("", nil).StatusCode, "the writer is free")
	})
}

// TestBefore_NothingLeaks: the next execution on a VM sees nothing of the record of
// the one before.
func TestBefore_NothingLeaks(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
let kept;
workflow("keeps", { on: { type: "before", collection: "posts" } }, (ctx) => {
    const seen = [typeof kept, typeof leaked, typeof late];
    kept = ctx.record;
    leaked = ctx.record;
    late = () => ctx.record;
    ctx.step.record = ctx.record;
    return seen.concat(typeof ctx.step.record);
});
workflow("action", { on: { type: "action", collection: "posts" } }, (ctx) => [typeof ctx.record, typeof leaked]);
`))
	for range 4 {
		res := a.create("?triggerWorkflows=keeps,action", nil)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, []any{"undefined", "undefined", "undefined", "undefined"}, output(t, a.row(res.id(t, "keeps"))))
		require.Equal(t, []any{"undefined", "undefined"}, output(t, a.row(res.id(t, "action"))))
	}
}

// TestBefore_Direct: a write after its before workflows goes the short way, and so
// does one beside them.
func TestBefore_Direct(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeWorkflows))
	var inTransaction atomic.Bool
	a.OnRecordValidate("posts").BindFunc(func(e *core.RecordEvent) error {
		inTransaction.Store(e.App.TxInfo() != nil)
		return e.Next()
	})
	for _, query := range []string{"guard", "guard,note", "note"} {
		res := a.create("?triggerWorkflows="+query, nil)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.False(t, inTransaction.Load(), query)
	}
}

// TestBefore_Hooks: hooks of the host run around the before workflows and see what
// became of the write.
func TestBefore_Hooks(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeWorkflows+`
workflow("slug", { on }, (ctx) => ctx.record.get("slug"));`))
	var seen []string
	a.OnRecordCreateRequest("posts").BindFunc(func(e *core.RecordRequestEvent) error {
		e.Record.Set("slug", "by-hook")
		err := e.Next()
		seen = append(seen, fmt.Sprint(err == nil, " ", !e.Record.IsNew()))
		return err
	})
	res := a.create("?triggerWorkflows=slug", nil)
	require.Equal(t, "by-hook", output(t, a.row(res.id(t, "slug"))))
	require.Equal(t, 400, a.create("?triggerWorkflows=guard", titled("bad")).StatusCode)
	require.Equal(t, 200, a.create("?triggerWorkflows=guard", titled("answer")).StatusCode)
	require.Equal(t, []string{"true true", "false false", "false false"}, seen)
}

// TestBefore_Shutdown: a handler that runs when the app terminates is interrupted,
// its request is refused.
func TestBefore_Shutdown(t *testing.T) {
	t.Parallel()
	running := make(chan struct{})
	a := newApp(t, plugin.Config{}, one(`
workflow("slow", { on: { type: "before", collection: "posts" } }, (ctx) => { $app.save($app.findRecordById("posts", "`+bareID+`")); while (true) {} });`))
	a.OnRecordAfterUpdateSuccess("posts").BindFunc(func(e *core.RecordEvent) error {
		close(running)
		return e.Next()
	})
	posts := a.count("posts")
	answers := make(chan answer)
	go func() { answers <- a.create("?triggerWorkflows=slow", nil) }()
	<-running
	require.NoError(t, a.OnTerminate().Trigger(&core.TerminateEvent{App: a.TestApp}, func(*core.TerminateEvent) error { return nil }))
	res := <-answers
	require.Equal(t, 500, res.StatusCode, res.body)
	require.Contains(t, res.body, "the engine is stopping")
	require.Equal(t, posts, a.count("posts"))
	row, err := a.FindRecordById("_workflowExecutions", res.id(t, "slow"))
	require.NoError(t, err)
	require.Equal(t, "aborted", row.GetString("status"))
	require.Equal(t, "interrupted", row.GetString("reason"))
}

// TestBefore_Recursion: a handler that sends its own server the same request does
// not start itself again.
func TestBefore_Recursion(t *testing.T) {
	t.Parallel()
	testApp := newTestApp(t, plugin.Config{}, one(`
workflow("again", { on: { type: "before", collection: "posts", global: true, actions: ["create"] } }, (ctx) => {
    const res = $http.send({ method: "POST", url: $app.settings().meta.appURL + "/api/collections/posts/records", headers: { "content-type": "application/json" }, body: JSON.stringify({ title: "inner" }) });
    return res.statusCode;
});`))
	t.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	a.Settings().Meta.AppURL = server.URL
	require.NoError(t, a.Save(a.Settings()))
	a.serve()
	posts := a.count("posts")
	res := a.create("", nil)
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, posts+2, a.count("posts"))
	require.Len(t, a.rows("again"), 1)
}
