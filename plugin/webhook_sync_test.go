package plugin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// syncHooks answer what ctx.data asks for.
const syncHooks = `
const hook = (key, handler, more = {}) => workflow(key, {
    on: { type: "webhook", methods: ["GET", "POST"], auth: { type: "none" }, ...(more.on || {}) }, mode: "sync", ...(more.options || {}),
}, handler);
hook("says", (ctx) => { ctx.respond("hi ü"); ctx.respondWith(ctx.data); return { ignored: true }; });
hook("nothing", (ctx) => { ctx.respondWith({}); return 1; });
hook("output", (ctx) => ({ got: ctx.data }));
hook("quiet", (ctx) => {});
hook("ends", (ctx) => { ctx.respondWith({ body: "first" }); ctx.respondWith({ status: 201, body: "second" }); ctx.end({ x: 1 }); });
hook("fails", (ctx) => { if (ctx.data) ctx.respondWith({ status: 422, body: ctx.data }); ctx.fail("not like this"); });
hook("throws", (ctx) => { ctx.respondWith({ body: "fine" }); throw new Error("a bug"); });
hook("aborts", (ctx) => { while (true) {} }, { options: { timeout: 50 } });
hook("naps", (ctx) => { ctx.respondWith({ body: { before: ctx.execution.attempt } }); ctx.step.sleep("nap", 30); ctx.respond("up"); });
hook("retries", (ctx) => {
    let tries = 0;
    const n = ctx.step.run("flaky", { retries: { limit: 2, delay: 1 } }, () => { if (++tries < 2) throw new Error("no"); return tries; });
    ctx.respondWith({ body: { n } });
});
hook("in-step", (ctx) => { ctx.step.run("a step", () => ctx.respondWith({ body: "x" })); });
hook("in-branch", (ctx) => { ctx.step.parallel("two", { a: () => ctx.respondWith({ body: "x" }), b: () => 1 }); });
hook("branches", (ctx) => { ctx.respondWith({ body: "wait" }); const r = ctx.step.parallel("two", { a: () => 1, b: () => 2 }); ctx.respondWith({ body: r }); });
hook("caught", (ctx) => { try { ctx.respondWith({ status: 1 }); } catch (e) { ctx.respondWith({ body: String(e.message) }); } });
workflow("async", { on: { type: "webhook", auth: { type: "none" } } }, (ctx) => ctx.respondWith({ body: 1 }));
workflow("action", { on: { type: "action", collection: "posts" }, mode: "sync" }, (ctx) => ctx.respondWith({ body: 1 }));
`

// TestWebhook_Sync: what the sender is answered when a workflow has ended.
func TestWebhook_Sync(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(syncHooks))
	const json, text = "application/json", "text/plain; charset=utf-8"
	for _, c := range []struct {
		name, key, body string
		status          int
		contentType     string
		answer          string
	}{
		{"an object is JSON", "says", `{"status":201,"body":{"a":[1,"ü"]}}`, 201, json, `{"a":[1,"ü"]}`},
		{"a list is JSON", "says", `{"body":[]}`, 200, json, `[]`},
		{"null is JSON", "says", `{"body":null}`, 200, json, `null`},
		{"a number is JSON", "says", `{"body":1.5}`, 200, json, `1.5`},
		{"a string is text", "says", `{"body":"<p>ü"}`, 200, text, `<p>ü`},
		{"unless it says otherwise", "says", `{"headers":{"content-type":"text/html"},"body":"<p>"}`, 200, "text/html", `<p>`},
		{"an empty string", "says", `{"body":""}`, 200, text, ``},
		{"no body", "says", `{"status":404}`, 404, "", ``},
		{"no content", "says", `{"status":204}`, 204, "", ``},
		{"a redirect", "says", `{"status":302,"headers":{"Location":"https://example.com"}}`, 302, "", ``},
		{"an error of its own", "says", `{"status":503,"headers":{"Retry-After":30},"body":{"error":"later"}}`, 503, json, `{"error":"later"}`},
		{"like PocketBase's errors, but not one", "says", `{"status":400,"body":{"status":400,"message":"x","more":1}}`, 400, json, `{"status":400,"message":"x","more":1}`},
		{"nothing at all", "nothing", `1`, 200, "", ``},
		{"the output", "output", `{"a":1}`, 200, json, `{"got":{"a":1}}`},
		{"no output", "quiet", `{}`, 200, json, `null`},
		{"the last one counts", "ends", `{}`, 201, text, `second`},
		{"failed", "fails", ``, 400, json, `{"data":{"fails":{"code":"workflow_failed","message":"not like this"}},"message":"Not like this.","status":400}`},
		{"failed, with an answer", "fails", `{"why":1}`, 422, json, `{"why":1}`},
		{"an exception, whatever it said", "throws", `{}`, 500, json, `{"data":{"throws":{"code":"workflow_failed","message":"a bug"}},"message":"A bug.","status":500}`},
		{"aborted", "aborts", `{}`, 500, json, `{"data":{"aborts":{"code":"workflow_failed","message":"the execution ran into its timeout"}},"message":"The execution ran into its timeout.","status":500}`},
		{"after a wait", "naps", `{}`, 200, json, `{"before":2}`},
		{"after retries", "retries", `{}`, 200, json, `{"n":2}`},
		{"after branches", "branches", `{}`, 200, json, `{"a":1,"b":2}`},
		{"inside of a step", "in-step", `{}`, 400, json, "must not be called inside of step"},
		{"inside of a branch", "in-branch", `{}`, 400, json, "must not be called inside of a branch"},
		{"a wrong answer can be caught", "caught", `{}`, 200, text, "ctx.respondWith({ status, headers, body }): response.status: expected a whole number from 200 to 599, got 1"},
		{"no object", "says", `"text"`, 500, json, "response: expected an object"},
		{"an unknown option", "says", `{"code":200}`, 500, json, "response.code: is unknown; did you mean"},
		{"a header that the server sets", "says", `{"headers":{"Transfer-Encoding":"chunked"}}`, 500, json, "the server sets Transfer-Encoding itself"},
		{"a header with a line break", "says", `{"headers":{"X-A":"a\nb"}}`, 500, json, "characters that a header can't have"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := a.send("", "POST", hookURL(c.key), c.body)
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Equal(t, c.contentType, res.Header.Get("Content-Type"))
			if c.status == 500 || strings.HasPrefix(c.key, "in-") {
				require.Contains(t, res.body, c.answer)
			} else {
				require.Equal(t, c.answer, res.body)
			}
			row := a.row(res.id(t, c.key))
			require.Equal(t, "sync", row.GetString("mode"))
		})
	}
	t.Run("headers and messages", func(t *testing.T) {
		res := a.send("", "POST", hookURL("says"), `{"headers":{"X-A":"b"},"body":1}`)
		require.Equal(t, "b", res.Header.Get("X-A"))
		require.Equal(t, `["hi \u00fc"]`, res.Header.Get("X-Workflow-Messages"))
		require.Contains(t, res.Header.Get("Access-Control-Expose-Headers"), "X-Workflow-Messages")
	})
	t.Run("a challenge over GET", func(t *testing.T) {
		res := a.send("", "GET", hookURL("output"), nil)
		require.Equal(t, `{"got":null}`, res.body)
	})
	t.Run("over a real connection", func(t *testing.T) {
		server := httptest.NewServer(a.handler)
		defer server.Close()
		res, err := http.Post(server.URL+hookURL("says"), "application/json", strings.NewReader(`{"status":204}`))
		require.NoError(t, err)
		require.Equal(t, 204, res.StatusCode)
		_ = res.Body.Close()
	})
	t.Run("run again by hand, where nobody waits", func(t *testing.T) {
		id := a.send("", "POST", hookURL("says"), `{"body":1}`).id(t, "says")
		res := a.send("super", "POST", "/api/workflows/executions/"+id+"/rerun", nil)
		require.Equal(t, 200, res.StatusCode, res.body)
		row := a.row(res.data(t)["id"].(string))
		require.Equal(t, "completed", row.GetString("status"), row.GetString("error"))
	})
	t.Run("it is for nobody else", func(t *testing.T) {
		const message = `ctx.respondWith() is for webhooks with mode: \"sync\"`
		row := a.row(a.send("", "POST", hookURL("async"), `{}`).id(t, "async"))
		require.Equal(t, "error", row.GetString("status"))
		require.Contains(t, row.GetString("error"), message)
		res := a.create("?triggerWorkflows=action", nil)
		require.Equal(t, 500, res.StatusCode)
		require.Contains(t, res.body, message)
	})
}

// TestWebhook_Late: an execution that takes too long goes on in the background.
func TestWebhook_Late(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: 30 * time.Millisecond}, one(`
workflow("late", { on: { type: "webhook", auth: { type: "none" } }, mode: "sync" }, (ctx) => {
    const event = ctx.step.waitForEvent("go", { event: "go" });
    ctx.respondWith({ status: 201, headers: { "X-A": "b" }, body: { event } });
});`))
	res := a.send("", "POST", hookURL("late"), `{}`, keyHeader, "one")
	require.Equal(t, http.StatusAccepted, res.StatusCode, res.body)
	id := res.id(t, "late")
	require.JSONEq(t, `{"execution":"`+id+`"}`, res.body)
	again := a.send("", "POST", hookURL("late"), `{}`, keyHeader, "one")
	requireReplay(t, res, again)

	a.becomes(id, "waiting")
	require.Equal(t, 200, a.send("super", "POST", "/api/workflows/executions/"+id+"/events/go", `7`).StatusCode)
	a.becomes(id, "completed")
	for range 2 { // the second time as it is remembered
		again = a.send("", "POST", hookURL("late"), `{}`, keyHeader, "one")
		require.Equal(t, 201, again.StatusCode, again.body)
		require.Equal(t, `{"event":7}`, again.body)
		require.Equal(t, "b", again.Header.Get("X-A"))
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		require.Equal(t, id, again.id(t, "late"))
	}
}

// TestWebhook_SyncInASecondProcess: a process that does not run the workflows
// answers with what the one said that does.
func TestWebhook_SyncInASecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	owner := newApp(t, plugin.Config{WorkflowsDir: dir}, one(deliveries))
	base := core.NewBaseApp(core.BaseAppConfig{DataDir: owner.DataDir()})
	require.NoError(t, base.Bootstrap())
	second := withPlugin(t, &tests.TestApp{BaseApp: base, TestMailer: &tests.TestMailer{}}, plugin.Config{WorkflowsDir: dir}, nil)
	t.Cleanup(func() {
		_ = second.OnTerminate().Trigger(&core.TerminateEvent{App: second})
		_ = second.ResetBootstrapState()
	})
	b := &app{TestApp: second, t: t, dir: dir, plugin: plugin.Get(second)}
	b.serve()
	first := b.send("", "POST", hookURL("sync"), `{}`, keyHeader, "d")
	require.Equal(t, 201, first.StatusCode, first.body)
	require.Contains(t, first.body, `{"random":`)
	require.Equal(t, "b", first.Header.Get("X-A"))
	requireSameAnswer(t, first, owner.send("", "POST", hookURL("sync"), `{}`, keyHeader, "d"))
	id := b.send("", "POST", hookURL("async"), `{"n":1}`).id(t, "async")
	owner.becomes(id, "completed")
}
