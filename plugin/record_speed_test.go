package plugin_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestRecord_Bulk: more changes in one transaction than are handed over whole
// and than the engine keeps in memory all start, once each and in order.
func TestRecord_Bulk(t *testing.T) {
	t.Parallel()
	const n = 1500
	a := newApp(t, plugin.Config{Buffer: 64}, one(`workflow("bulk", { on: { type: "record", collection: "tags" } }, (ctx) => ctx.data.title);`))
	require.NoError(t, a.RunInTransaction(func(tx core.App) error {
		for i := range n {
			record(t, tx, "tags", map[string]any{"title": fmt.Sprint(i)})
		}
		return nil
	}))
	rows := a.rows("bulk")
	require.Len(t, rows, n)
	for i, r := range rows {
		require.Equal(t, "completed", r.GetString("status"), r.GetString("error"))
		require.Equal(t, fmt.Sprintf("%q", fmt.Sprint(i)), r.GetString("output"))
		require.Equal(t, 1, r.GetInt("attempt"))
	}
}

// TestRecord_OnlyWhereNeeded: a change that nobody listens to is written as
// without the plugin, and an action goes the short way.
func TestRecord_OnlyWhereNeeded(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(seen("tag", `collection: "tags", events: ["create"]`, "")+
		`workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => 1);
		 workflow("label", { on: { type: "action", collection: "tags" } }, (ctx) => 1);`))
	var executes, validates atomic.Bool
	a.OnRecordValidate().BindFunc(func(e *core.RecordEvent) error {
		validates.Store(e.App.TxInfo() != nil)
		return e.Next()
	})
	// After the success: this one must not keep writes from the short way.
	a.OnRecordAfterCreateSuccess().BindFunc(noHook)
	require.Equal(t, "completed", a.row(a.create("?triggerWorkflows=note", nil).id(t, "note")).GetString("status"))
	require.False(t, validates.Load(), "posts: the short way")
	res := a.send("user", http.MethodPost, "/api/collections/tags/records?triggerWorkflows=label", map[string]any{"title": "x"})
	require.Equal(t, "completed", a.row(res.id(t, "label")).GetString("status"))
	require.True(t, validates.Load(), "tags: one transaction for both")
	require.Len(t, a.rows("tag"), 1)

	see := func(e *core.RecordEvent) error {
		executes.Store(e.App.TxInfo() != nil)
		return e.Next()
	}
	a.OnRecordCreateExecute().BindFunc(see)
	a.OnRecordUpdateExecute().BindFunc(see)
	for _, c := range []struct {
		collection string
		create     bool
		in         bool
	}{{"posts", true, false}, {"tags", true, true}, {"tags", false, false}} {
		r := record(t, a, c.collection, map[string]any{"title": "x"})
		if !c.create {
			require.NoError(t, a.Save(r))
		}
		require.Equal(t, c.in, executes.Load(), "%+v", c)
		require.False(t, validates.Load(), "validation stays outside")
	}
}

// TestRecord_HooksThatWrite: callbacks of what a change causes may write with the
// app, whatever goroutine they run on.
func TestRecord_HooksThatWrite(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(seen("comment", `collection: "comments"`, "")+seen("log", `collection: "logs"`, "")+
		`workflow("guard", { on: { type: "record", collection: "posts" }, mode: "transaction" }, (ctx) => {
			const r = new Record($app.findCollectionByNameOrId("comments"));
			r.set("post", ctx.data.id);
			$app.save(r);
			if (ctx.data.title === "bad") ctx.fail("Bad.");
		});
		workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.step.transaction("save", (txApp) => {
			const r = new Record(txApp.findCollectionByNameOrId("comments"));
			txApp.save(r);
		}));`))
	log := func(e *core.RecordEvent) error {
		_, err := newRecord(a, "logs", map[string]any{"message": e.Record.Collection().Name})
		return errors.Join(err, e.Next())
	}
	a.OnRecordAfterCreateSuccess("comments").BindFunc(log)
	a.OnRecordAfterCreateError("posts").BindFunc(func(e *core.RecordErrorEvent) error {
		_, err := newRecord(e.App, "logs", map[string]any{"message": "error"})
		return errors.Join(err, e.Next())
	})
	require.Equal(t, "completed", a.row(a.create("?triggerWorkflows=note", nil).id(t, "note")).GetString("status"))
	require.Len(t, a.rows("comment"), 2)
	require.Len(t, a.rows("log"), 2)
	require.Equal(t, 400, a.create("?triggerWorkflows=note", map[string]any{"title": "bad"}).StatusCode)
	require.Len(t, a.rows("comment"), 2)
	require.Equal(t, "failed", a.rows("guard")[1].GetString("status"))
}

// TestRecord_RecursionOverHTTP: a script's requests to its own server carry its
// chain.
func TestRecord_RecursionOverHTTP(t *testing.T) {
	t.Parallel()
	testApp := newTestApp(t, plugin.Config{}, one(`
workflow("self", { on: { type: "record", collection: "posts" } }, (ctx) => ctx.step.run("send", () => {
	const res = $http.send({ url: $app.store().get("url") + "/api/collections/posts/records/" + ctx.data.id, method: "PATCH",
		headers: { "Content-Type": "application/json" }, body: JSON.stringify({ slug: $security.randomString(5) }) });
	return res.statusCode;
}));`))
	t.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	router, err := apis.NewRouter(testApp)
	require.NoError(t, err)
	event := &core.ServeEvent{App: testApp, Router: router}
	event.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, testApp.OnServe().Trigger(event, func(e *core.ServeEvent) error {
		a.handler, err = e.Router.BuildMux()
		server := &httptest.Server{Listener: e.Listener, Config: &http.Server{Handler: a.handler, ReadHeaderTimeout: time.Second}}
		server.Start()
		t.Cleanup(server.Close)
		testApp.Store().Set("url", server.URL)
		return err
	}))
	require.Equal(t, 200, a.create("", nil).StatusCode)
	rows := a.rows("self")
	require.Len(t, rows, 1)
	require.EqualValues(t, 200, output(t, rows[0]))
}
