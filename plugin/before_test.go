package plugin_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const beforeWorkflows = `
const on = { type: "before", collection: "posts" };
workflow("guard", { on, title: "Look at a post first" }, (ctx) => {
    ctx.respond("looked at " + (ctx.data.title || ctx.record.get("title")));
    switch (ctx.data.title) {
    case "bad": ctx.fail("This title is bad.", { field: "title" });
    case "bug": throw new Error("oops");
    case "loop": while (true) {}
    case "answer": ctx.respond("nothing to do"); ctx.end({ done: true });
    case "change": ctx.record.set("slug", "by-workflow"); break;
    case "empty": ctx.record.set("title", ""); break;
    }
    return { ok: true };
});
workflow("second", { on }, (ctx) => { ctx.respond("second saw " + ctx.record.get("slug")) });
workflow("quiet", { on }, (ctx) => { ctx.record.set("slug", "quiet"); ctx.end("early") });
workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.data.title + " " + ctx.data.slug);
workflow("checked", { on: { type: "action", collection: "posts" }, mode: "sync" }, (ctx) => { ctx.respond("after") });
`

// messages are those of an answer's header.
func messages(tb testing.TB, r answer) []string {
	tb.Helper()
	var out []string
	if raw := r.Header.Get("X-Workflow-Messages"); raw != "" {
		require.NoError(tb, json.Unmarshal([]byte(raw), &out))
		require.Contains(tb, r.Header.Get("Access-Control-Expose-Headers"), "X-Workflow-Messages")
	}
	return out
}

// TestBefore: what a before workflow does to a create, with and without hooks of
// the host around the write.
func TestBefore(t *testing.T) {
	t.Parallel()
	t.Run("alone", func(t *testing.T) { testBefore(t, newTestApp) })
	t.Run("with hooks of the host around", func(t *testing.T) { testBefore(t, newHookedApp) })
}

func testBefore(t *testing.T, newTestApp func(testing.TB, plugin.Config, files) *tests.TestApp) {
	t.Helper()
	testApp := newTestApp(t, plugin.Config{ScriptTimeout: 300 * time.Millisecond}, one(beforeWorkflows))
	t.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	a.serve()
	for _, c := range []struct {
		name, query, title string
		status             int
		body               string
		messages           []string
		ended              map[string]string
		written            bool
	}{
		{
			"completed: the write is done", "guard", "good", 200, `"title":"good"`,
			[]string{"looked at good"}, map[string]string{"guard": "completed"}, true,
		},
		{
			"the handler changes the record", "guard", "change", 200, `"slug":"by-workflow"`,
			[]string{"looked at change"}, map[string]string{"guard": "completed"}, true,
		},
		{
			"one after another in the named order", "guard,second", "change", 200, `"slug":"by-workflow"`,
			[]string{"looked at change", "second saw by-workflow"}, map[string]string{"guard": "completed", "second": "completed"}, true,
		},
		{
			"mixed with action workflows: each goes its way", "note,checked,guard", "change", 200, `"slug":"by-workflow"`,
			[]string{"looked at change", "after"}, map[string]string{"guard": "completed", "note": "completed", "checked": "completed"}, true,
		},
		{
			"ctx.fail: 400, nothing is written", "note,guard,second", "bad", 400, `"guard":{"code":"workflow_failed","message":"This title is bad."}`,
			[]string{"looked at bad"}, map[string]string{"guard": "failed"}, false,
		},
		{
			"an exception: 500, nothing is written", "note,guard,second", "bug", 500, `"code":"workflow_failed"`,
			[]string{"looked at bug"}, map[string]string{"guard": "error"}, false,
		},
		{
			"never returns: interrupted, 500, nothing is written", "note,guard,second", "loop", 500, `"code":"workflow_failed"`,
			[]string{"looked at loop"}, map[string]string{"guard": "aborted"}, false,
		},
		{
			"ctx.end with messages: 200 with them, nothing is written", "note,guard,second", "answer", 200, `{"messages":["looked at answer","nothing to do"]}`,
			[]string{"looked at answer", "nothing to do"}, map[string]string{"guard": "completed"}, false,
		},
		{
			"ctx.end without messages: the chain ends, the write is done", "note,quiet,second", "x", 200, `"slug":"quiet"`,
			nil, map[string]string{"quiet": "completed", "note": "completed"}, true,
		},
		{
			"a changed record is validated by PocketBase", "note,guard", "empty", 400, `"title":{"code":"validation_required"`,
			[]string{"looked at empty"}, map[string]string{"guard": "completed"}, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			posts, notes := a.count("posts"), len(a.rows("note"))
			res := a.create("?triggerWorkflows="+c.query, map[string]any{"title": c.title})
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.body)
			require.Equal(t, c.messages, messages(t, res))
			for key, status := range c.ended {
				require.Equal(t, status, a.row(res.id(t, key)).GetString("status"), key)
			}
			if !c.written {
				require.Equal(t, posts, a.count("posts"))
				require.Len(t, a.rows("note"), notes)
				require.NotContains(t, res.executions(), "second", "the first that does not complete ends the chain")
			} else {
				require.Equal(t, posts+1, a.count("posts"))
			}
			if c.status == http.StatusOK && !c.written {
				require.JSONEq(t, c.body, res.body)
				require.Equal(t, "application/json", res.Header.Get("Content-Type"))
			}
		})
	}
}

// TestBefore_ErrorShape: a refused write answers as a failed sync workflow does,
// and its one row tells what happened.
func TestBefore_ErrorShape(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeWorkflows))
	res := a.create("?triggerWorkflows=guard", map[string]any{"title": "bad", "category": newsID})
	require.JSONEq(t, `{"status":400,"message":"This title is bad.","data":{"guard":{"code":"workflow_failed","message":"This title is bad."}}}`, res.body)
	row := a.row(res.id(t, "guard"))
	require.Equal(t, "failed", row.GetString("status"))
	require.Equal(t, "sync", row.GetString("mode"))
	require.Contains(t, row.GetString("error"), "This title is bad.")
	require.JSONEq(t, `{"field":"title"}`, row.GetString("output"))
	require.JSONEq(t, `["looked at bad"]`, row.GetString("messages"))
	require.JSONEq(t, `{"type":"before","action":"create","collection":"posts","request":"POST /api/collections/posts/records"}`, row.GetString("trigger"))
	require.NotEmpty(t, row.GetString("user"))
	require.False(t, row.GetDateTime("startedAt").IsZero())
	require.False(t, row.GetDateTime("finishedAt").IsZero())
	var input map[string]any
	require.NoError(t, json.Unmarshal([]byte(row.GetString("input")), &input))
	require.Equal(t, map[string]any{"title": "bad", "category": newsID}, input["data"], "what was submitted")
	require.Equal(t, "create", input["action"])
	require.Equal(t, "posts", input["collection"])
	require.Equal(t, "editor", input["roleName"])
	require.NotContains(t, input, "original")
	require.Len(t, a.rows("guard"), 1)
}

const beforeViews = `
const on = { type: "before", collection: "posts" };
workflow("view", { on }, (ctx) => ({
    action: ctx.action, data: ctx.data, original: ctx.original,
    record: { id: ctx.record.id, title: ctx.record.get("title"), isNew: ctx.record.isNew(), was: ctx.record.original().get("title") },
    user: ctx.user && ctx.user.id, role: ctx.roleName, collection: ctx.collection, key: ctx.execution.key,
}));
workflow("rename", { on: { ...on, actions: ["update"] } }, (ctx) => { ctx.record.set("title", ctx.original.title + " -> " + ctx.data.title) });
workflow("refuse", { on }, (ctx) => { ctx.fail("No " + ctx.action + ".") });
workflow("instead", { on }, (ctx) => { ctx.respond("kept"); ctx.end() });
workflow("deletes", { on: { ...on, global: true, actions: ["delete"] } }, (ctx) => { if (ctx.data.title === "Full") ctx.fail("Not this one.") });
workflow("greet", { on: { type: "before", collection: "categories" } }, (ctx) => 1);
workflow("all", { on: { ...on, global: true } }, (ctx) => 1);
workflow("off", { on: { ...on, global: true, actions: ["create"] }, enabled: false }, (ctx) => 1);
workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.original && ctx.original.title);
`

func TestBefore_UpdateAndDelete(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeViews))
	post := func(id string) string {
		r, err := a.FindRecordById("posts", id)
		require.NoError(t, err)
		return r.GetString("title")
	}
	t.Run("an update sees what was submitted, the record and the values before", func(t *testing.T) {
		res := a.send("user", "PATCH", postsURL+"/"+bareID+"?triggerWorkflows=view", map[string]any{"slug": "s", "tags+": goTagID})
		require.Equal(t, 200, res.StatusCode, res.body)
		row := a.row(res.id(t, "view"))
		out := output(t, row).(map[string]any)
		require.Equal(t, map[string]any{"slug": "s", "tags+": goTagID}, out["data"])
		require.Equal(t, "Bare", out["original"].(map[string]any)["title"])
		require.Empty(t, out["original"].(map[string]any)["slug"])
		require.NotContains(t, out["original"], "secret", "a public export")
		require.Equal(t, map[string]any{"id": bareID, "title": "Bare", "isNew": false, "was": "Bare"}, out["record"])
		require.Equal(t, "update", out["action"])
		require.Contains(t, row.GetString("trigger"), `"record":"`+bareID+`"`)
		require.Contains(t, row.GetString("trigger"), `"type":"before"`)
	})
	t.Run("an update is changed", func(t *testing.T) {
		res := a.send("user", "PATCH", postsURL+"/"+bareID+"?triggerWorkflows=rename,note", map[string]any{"title": "New"})
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, "Bare -> New", post(bareID))
		require.Equal(t, "Bare", output(t, a.row(res.id(t, "note"))))
	})
	t.Run("an update is refused, or answered in its place", func(t *testing.T) {
		before := post(bareID)
		res := a.send("user", "PATCH", postsURL+"/"+bareID+"?triggerWorkflows=refuse", map[string]any{"title": "X"})
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, "No update.")
		res = a.send("user", "PATCH", postsURL+"/"+bareID+"?triggerWorkflows=instead", map[string]any{"title": "X"})
		require.Equal(t, 200, res.StatusCode, res.body)
		require.JSONEq(t, `{"messages":["kept"]}`, res.body)
		require.Equal(t, before, post(bareID))
	})
	t.Run("a delete sees the record", func(t *testing.T) {
		posts := a.count("posts")
		res := a.send("user", "DELETE", postsURL+"/"+bareID+"?triggerWorkflows=refuse", nil)
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, "No delete.")
		res = a.send("user", "DELETE", postsURL+"/"+bareID+"?triggerWorkflows=instead", nil)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.JSONEq(t, `{"messages":["kept"]}`, res.body)
		require.Equal(t, posts, a.count("posts"))

		res = a.send("user", "DELETE", postsURL+"/"+bareID+"?triggerWorkflows=view", nil)
		require.Equal(t, 204, res.StatusCode, res.body)
		require.Empty(t, res.body)
		require.Equal(t, posts-1, a.count("posts"))
		out := output(t, a.row(res.id(t, "view"))).(map[string]any)
		require.Equal(t, "s", out["data"].(map[string]any)["slug"], "the record's export")
		require.Nil(t, out["original"])
		require.Equal(t, bareID, out["record"].(map[string]any)["id"])
	})
	t.Run("a global one runs whenever its action happens, and only then", func(t *testing.T) {
		res := a.send("user", "DELETE", postsURL+"/"+fullID, nil)
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, "Not this one.")
		res.id(t, "deletes")
		require.Equal(t, 200, a.send("user", "PATCH", postsURL+"/"+fullID, map[string]any{"title": "Other"}).StatusCode)
		require.Equal(t, 204, a.send("user", "DELETE", postsURL+"/"+fullID, nil).StatusCode)
		require.Empty(t, a.rows("all"), "a global one without actions never does")
		require.Empty(t, a.rows("off"))
	})
}

// TestBefore_Skips: what can't run is skipped and told, the write is done.
func TestBefore_Skips(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeViews))
	res := a.create("?triggerWorkflows=view!category,view,view,greet,rename,deletes,off,nope", map[string]any{"category": newsID})
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, "view!category=wrong_trigger, view=duplicate, greet=collection_mismatch, rename=action_mismatch, deletes=not_local, off=disabled, nope=unknown", res.skipped())
	require.Len(t, a.rows("view"), 1)

	strict := newApp(t, plugin.Config{Strict: true}, one(beforeViews))
	posts := strict.count("posts")
	for _, entry := range []string{"view!category", "view,greet", "view,nope", "note,rename"} {
		res := strict.create("?triggerWorkflows="+entry, map[string]any{"category": newsID})
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, "workflow_skipped")
	}
	require.Equal(t, posts, strict.count("posts"))
	require.Empty(t, strict.rows("view"), "nothing runs before all is checked")
}

// TestBefore_Rights: who may not name a workflow does not make it run.
func TestBefore_Rights(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "before", collection: "posts" };
workflow("login", { on }, (ctx) => 1);
workflow("supers", { on, rule: null }, (ctx) => 1);
workflow("anyone", { on, rule: "" }, (ctx) => ctx.user);
`))
	posts := a.count("posts")
	title := map[string]any{"title": "x"}
	require.Equal(t, 401, a.send("", "POST", postsURL+"?triggerWorkflows=anyone,login", title).StatusCode)
	require.Equal(t, 403, a.send("user", "POST", postsURL+"?triggerWorkflows=anyone,supers", title).StatusCode)
	require.Equal(t, 403, a.send("user", "POST", postsURL+"?triggerWorkflows=anyone", title, "X-Role", "boss").StatusCode)
	require.Equal(t, 400, a.batch("", sub{"POST", postsURL + "?triggerWorkflows=anyone", title}, sub{"POST", postsURL + "?triggerWorkflows=login", title}).StatusCode)
	require.Equal(t, posts, a.count("posts"))
	require.Empty(t, a.rows("anyone"), "rights come before anything runs")
	require.Equal(t, 403, a.send("user", "POST", "/api/collections/vaults/records?triggerWorkflows=anyone", title).StatusCode, "PocketBase's own rule")
	require.Empty(t, a.rows("anyone"))
	require.Equal(t, 200, a.send("", "POST", postsURL+"?triggerWorkflows=anyone", title).StatusCode)
	require.Equal(t, 200, a.send("super", "POST", postsURL+"?triggerWorkflows=supers", title, "X-Role", "boss").StatusCode)
	require.Equal(t, "boss", a.rows("supers")[0].GetString("roleName"))
}
