package plugin_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

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

func TestBefore(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{ScriptTimeout: 300 * time.Millisecond}, one(beforeWorkflows))
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
