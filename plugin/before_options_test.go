package plugin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestBefore_Options: each wrong option is told by name.
func TestBefore_Options(t *testing.T) {
	t.Parallel()
	sources, wrongs := files{}, map[string]string{}
	for key, c := range map[string]struct{ on, more, wrong string }{
		"none":        {``, ``, `option "on.collection": is required`},
		"number":      {`collection: 5`, ``, `option "on.collection": expected a string, got 5`},
		"nothing":     {`collection: "nothing"`, ``, `option "on.collection": there is no collection "nothing"`},
		"global":      {`collection: "posts", global: "yes"`, ``, `option "on.global": expected true or false`},
		"actions":     {`collection: "posts", actions: "create"`, ``, `option "on.actions": expected a list of strings`},
		"action":      {`collection: "posts", actions: ["list"]`, ``, `option "on.actions": expected "create", "update" or "delete", got "list"`},
		"condition":   {`collection: "posts", condition: "title != ''"`, ``, `option "on.condition": is unknown`},
		"expand":      {`collection: "posts", expand: ["category"]`, ``, `option "on.expand": is unknown`},
		"async":       {`collection: "posts"`, `mode: "async"`, `option "mode": trigger type "before" can't have mode "async", only "sync" or "transaction"`},
		"mode":        {`collection: "posts"`, `mode: "later"`, `option "mode": expected "sync" or "transaction", got "later"`},
		"dedup":       {`collection: "posts"`, `dedup: "ctx.data.id"`, `option "dedup": means nothing with trigger type "before"`},
		"concurrency": {`collection: "posts"`, `concurrency: 1`, `option "concurrency": means nothing with trigger type "before"`},
		"priority":    {`collection: "posts"`, `priority: 1`, `option "priority": means nothing with trigger type "before"`},
	} {
		sources[key+".js"] = fmt.Sprintf("\n"+`workflow(%q, { on: { type: "before", %s }, %s }, (ctx) => 1);`, key, c.on, c.more)
		wrongs[key] = key + ".js:2: " + c.wrong
	}
	sources["good.js"] = `workflow("good", { on: { type: "before", collection: "posts", global: true, actions: ["create", "delete"] }, rule: null, timeout: "5s", retries: 2 }, (ctx) => 1);`
	a := newApp(t, plugin.Config{}, sources)
	for key, wrong := range wrongs {
		t.Run(key, func(t *testing.T) {
			row := workflowRow(a, key)
			require.Equal(t, false, row["valid"])
			require.Contains(t, row["error"], wrong)
		})
	}
	row := workflowRow(a, "good")
	require.Equal(t, true, row["valid"], row["error"])
	require.Equal(t, "sync", row["mode"], "the default")
	require.Equal(t, map[string]any{"type": "before", "collection": "posts", "global": true, "actions": []any{"create", "delete"}}, row["trigger"])
}

// TestBefore_CollectionDeleted: the workflow turns invalid with the reason.
func TestBefore_CollectionDeleted(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`workflow("guard", { on: { type: "before", collection: "comments" } }, (ctx) => 1);`))
	require.Equal(t, true, workflowRow(a, "guard")["valid"])
	comments, err := a.FindCollectionByNameOrId("comments")
	require.NoError(t, err)
	require.NoError(t, a.Delete(comments))
	row := workflowRow(a, "guard")
	require.Equal(t, false, row["valid"])
	require.Contains(t, row["error"], `there is no collection "comments"`)
	require.Equal(t, "guard=invalid", said(a, "guard"))
}

// TestBefore_OnlyBeforeWrites: nothing else starts them, nothing runs them again.
func TestBefore_OnlyBeforeWrites(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"a.js": beforeWorkflows, "b.js": `
workflow("calls", { on: { type: "action", collection: "posts" } }, (ctx) => { ctx.step.invoke("call", "guard", { data: 1 }) });
workflow("fills", { on: { type: "action", collection: "posts" } }, (ctx) => { const r = new Record($app.findCollectionByNameOrId("posts")); r.set("title", "bad"); $app.save(r) });
workflow("strict", { on: { type: "before", collection: "posts", global: true, actions: ["create"] } }, (ctx) => { if (ctx.data.title === "bad") ctx.fail("no") });
`})
	_, err := a.plugin.Trigger(a.TestApp, "guard", nil, plugin.TriggerOptions{})
	require.ErrorContains(t, err, `workflow "guard" runs before a write only`)
	res := a.create("?triggerWorkflows=guard,calls,fills", nil)
	require.Contains(t, a.row(res.id(t, "calls")).GetString("error"), "runs before a write only")
	require.Equal(t, "completed", a.row(res.id(t, "fills")).GetString("status"), "a write that is no request is none of theirs")

	id := a.row(res.id(t, "guard")).Id
	again := a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/rerun", nil)
	require.Equal(t, 400, again.StatusCode, again.body)
	require.Contains(t, again.body, "ran before a write whose request is over")
	_, err = a.plugin.Find(context.Background(), id)
	require.NoError(t, err)
}

// TestBefore_OtherRoutes: a create that comes over another route, as a sign-up over
// OAuth2 does, is refused where it can't be answered in place.
func TestBefore_OtherRoutes(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("everywhere", { on: { type: "before", collection: "posts", global: true, actions: ["create"] } }, (ctx) => {
    ctx.respond("You are on the list."); ctx.end();
});`))
	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	event := &core.RecordRequestEvent{}
	event.RequestEvent = &core.RequestEvent{App: a.TestApp}
	event.Request = httptest.NewRequest(http.MethodPost, "/api/collections/posts/auth-with-oauth2", nil)
	event.Collection, event.Record = posts, core.NewRecord(posts)
	err = a.OnRecordCreateRequest().Trigger(event, func(*core.RecordRequestEvent) error {
		t.Error("the write must not be done")
		return nil
	})
	api := router.ToApiError(err)
	require.Equal(t, 400, api.Status)
	require.Equal(t, "You are on the list.", api.Message)
	require.Equal(t, "completed", a.rows("everywhere")[0].GetString("status"))
}

// TestBefore_TwoProcesses: they run in the process that has the request, whichever
// runs the others.
func TestBefore_TwoProcesses(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeWorkflows))
	base := core.NewBaseApp(core.BaseAppConfig{DataDir: a.DataDir()})
	require.NoError(t, base.Bootstrap())
	base.Settings().Logs.MaxDays = 0
	other := &tests.TestApp{BaseApp: base, TestMailer: &tests.TestMailer{}}
	require.NoError(t, plugin.Register(other, plugin.Config{WorkflowsDir: a.dir}))
	b := &app{TestApp: other, t: t, dir: a.dir, plugin: plugin.Get(other)}
	b.serve()
	t.Cleanup(func() {
		_ = other.OnTerminate().Trigger(&core.TerminateEvent{App: other})
		_ = base.ResetBootstrapState()
	})
	for title, status := range map[string]int{"change": 200, "bad": 400} {
		res := b.create("?triggerWorkflows=guard,note", titled(title))
		require.Equal(t, status, res.StatusCode, res.body)
		res.id(t, "guard")
		if status == 200 {
			require.Equal(t, "change by-workflow", output(t, a.ends(res.id(t, "note"))))
		}
	}
}

// TestBefore_Concurrent: many requests at a time each have their own record.
func TestBefore_Concurrent(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("slug", { on: { type: "before", collection: "posts" } }, (ctx) => {
    ctx.step.transaction("log", (txApp) => { const r = new Record(txApp.findCollectionByNameOrId("logs")); r.set("message", ctx.data.title); txApp.save(r) });
    ctx.record.set("slug", "of " + ctx.data.title);
});`))
	const n = 40
	answers := make(chan answer, n)
	for i := range n {
		go func() { answers <- a.create("?triggerWorkflows=slug", titled(fmt.Sprint("post ", i))) }()
	}
	for range n {
		res := <-answers
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, "of "+res.data(t)["title"].(string), res.data(t)["slug"])
	}
	require.Equal(t, n, a.count("logs"))
	require.Len(t, a.rows("slug"), n)
}
