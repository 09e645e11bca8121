package plugin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const syncWorkflows = `
const on = { type: "action", collection: "posts" };
workflow("check", { on, mode: "sync" }, (ctx) => {
    ctx.respond("checked " + ctx.data.title);
    if (ctx.data.title === "bad") ctx.fail("This title is bad.", { field: "title" });
    if (ctx.data.title === "bug") throw new Error("oops");
    if (ctx.data.title === "loop") while (true) {}
    if (ctx.data.title === "end") ctx.end({ ended: true });
    return { ok: true };
});
workflow("second", { on, mode: "sync" }, (ctx) => { ctx.respond("second"); });
workflow("later", { on }, (ctx) => "async");
workflow("everywhere", { on: { ...on, global: true, actions: ["create"] }, mode: "sync" }, (ctx) => { ctx.respond("global ü 😀"); });
`

func TestSync(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{ScriptTimeout: 300 * time.Millisecond}, one(syncWorkflows))
	messages := func(t *testing.T, r answer) []string {
		t.Helper()
		var out []string
		raw := r.Header.Get("X-Workflow-Messages")
		require.NotContains(t, raw, "ü", "ASCII only")
		require.NoError(t, json.Unmarshal([]byte(raw), &out))
		require.Contains(t, r.Header.Get("Access-Control-Expose-Headers"), "X-Workflow-Messages")
		return out
	}
	for _, c := range []struct {
		name, query, title string
		status             int
		says               string
		messages           []string
		ended              map[string]string
	}{
		{
			"completed: the usual answer", "check", "good", 200, `"title":"good"`,
			[]string{"checked good", "global ü 😀"}, map[string]string{"check": "completed", "everywhere": "completed"},
		},
		{
			"failed: 400", "check", "bad", 400, `"check":{"code":"workflow_failed","message":"This title is bad."}`,
			[]string{"checked bad"}, map[string]string{"check": "failed", "everywhere": "canceled"},
		},
		{
			"an exception: 500", "check", "bug", 500, `"code":"workflow_failed"`,
			[]string{"checked bug"}, map[string]string{"check": "error"},
		},
		{
			"never returns: interrupted, 500", "check", "loop", 500, `"code":"workflow_failed"`,
			[]string{"checked loop"}, map[string]string{"check": "aborted"},
		},
		{
			"one after another in the named order, globals last", "second,check", "good", 200, `"title":"good"`,
			[]string{"second", "checked good", "global ü 😀"}, map[string]string{"check": "completed", "second": "completed"},
		},
		{
			"the first failure ends the chain", "check,second", "bad", 400, `This title is bad.`,
			[]string{"checked bad"}, map[string]string{"check": "failed", "second": "canceled"},
		},
		{
			"ctx.end ends the chain with success", "check,second", "end", 200, `"title":"end"`,
			[]string{"checked end"}, map[string]string{"check": "completed", "second": "canceled", "everywhere": "canceled"},
		},
		{
			"async ones go on whatever happens", "check,later", "bad", 400, `This title is bad.`,
			[]string{"checked bad"}, map[string]string{"later": "completed"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("posts")
			res := a.create("?triggerWorkflows="+c.query, map[string]any{"title": c.title})
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			require.Equal(t, c.messages, messages(t, res))
			for key, status := range c.ended {
				require.Equal(t, status, a.row(res.id(t, key)).GetString("status"), key)
			}
			require.Equal(t, before+1, a.count("posts"), "the record stays")
		})
	}
}

func TestSync_ErrorShape(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(syncWorkflows))
	res := a.create("?triggerWorkflows=check", map[string]any{"title": "bad"})
	require.JSONEq(t, `{"status":400,"message":"This title is bad.","data":{"check":{"code":"workflow_failed","message":"This title is bad."}}}`, res.body)
	row := a.row(res.id(t, "check"))
	require.Equal(t, "failed", row.GetString("status"))
	require.Contains(t, row.GetString("error"), "This title is bad.")
	require.Equal(t, `["checked bad"]`, row.GetString("messages"))
}

// TestSync_Update and delete hold their answers back as well.
func TestSync_Update(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(syncWorkflows))
	url := "/api/collections/posts/records/" + bareID + "?triggerWorkflows=check"
	require.Equal(t, 400, a.send("user", http.MethodPatch, url, map[string]any{"title": "bad"}).StatusCode)
	res := a.send("user", http.MethodDelete, url, nil)
	require.Equal(t, 400, res.StatusCode, "the deleted record's title was bad")
	url = strings.Replace(url, bareID, fullID, 1)
	res = a.send("user", http.MethodDelete, url, nil)
	require.Equal(t, 204, res.StatusCode)
	require.Empty(t, res.body)
}

func TestSync_Timeout(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: 50 * time.Millisecond}, one(`
workflow("slow", { on: { type: "action", collection: "posts" }, mode: "sync" }, (ctx) => {
    ctx.respond("slow");
    sleep(400);
    return "done";
});`))
	res := a.create("?triggerWorkflows=slow", nil)
	require.Equal(t, http.StatusAccepted, res.StatusCode, res.body)
	require.Contains(t, res.body, `"title":"A post"`)
	row := a.row(res.id(t, "slow"))
	require.Equal(t, "completed", row.GetString("status"), "it goes on in the background")
	require.Equal(t, "done", output(t, row))
}

const transactionWorkflows = `
const on = { type: "action", collection: "posts" };
workflow("inside", { on, mode: "transaction" }, (ctx) => {
    const log = (app, message) => {
        const record = new Record(app.findCollectionByNameOrId("logs"));
        record.set("message", message);
        app.save(record);
    };
    log($app, "$app is the transaction's app");
    ctx.step.transaction("step", (txApp) => log(txApp, "in a step"));
    const post = $app.findRecordById("posts", ctx.data.id);
    post.set("slug", "by-workflow");
    $app.save(post);
    if (ctx.data.title === "bad") ctx.fail("Not this one.");
    if (ctx.data.title === "bug") throw new TypeError("oops");
    if (ctx.data.title === "loop") while (true) {}
    if (ctx.data.title === "caught") try {
        ctx.step.transaction("doomed", (txApp) => { log(txApp, "undone"); throw new Error("in a step"); });
    } catch (e) {}
    if (ctx.data.title === "sleep") ctx.step.sleep("nap", "1s");
    return "ok";
});
workflow("short", { on, mode: "transaction", timeout: "100ms" }, (ctx) => { while (true) {} });
workflow("note", { on }, (ctx) => ctx.data.title);
`

func TestTransaction(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{ScriptTimeout: 300 * time.Millisecond}, one(transactionWorkflows))
	t.Run("completed: all is there", func(t *testing.T) {
		res := a.create("?triggerWorkflows=inside,note", map[string]any{"title": "good"})
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, "ok", output(t, a.row(res.id(t, "inside"))))
		require.Equal(t, 2, a.count("logs"))
		post, err := a.FindRecordById("posts", res.data(t)["id"].(string))
		require.NoError(t, err)
		require.Equal(t, "by-workflow", post.GetString("slug"))
	})
	for _, c := range []struct {
		key, title string
		status     int
		ended      string
		says       string
	}{
		{"inside", "bad", 400, "failed", "Not this one."},
		{"inside", "bug", 500, "error", "oops"},
		{"inside", "loop", 500, "aborted", ""},
		{"inside", "caught", 400, "failed", "in a step"},
		{"inside", "sleep", 500, "error", "sleep"},
		{"short", "x", 500, "aborted", ""},
	} {
		t.Run(c.title+": nothing stays but the row that tells why", func(t *testing.T) {
			posts, logs, rows, steps := a.count("posts"), a.count("logs"), len(a.rows(c.key)), a.count("_workflowSteps")
			res := a.create("?triggerWorkflows=note,"+c.key, map[string]any{"title": c.title})
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, `"code":"workflow_failed"`)
			require.Contains(t, res.body, c.says)
			require.Equal(t, posts, a.count("posts"))
			require.Equal(t, logs, a.count("logs"))
			require.Equal(t, steps, a.count("_workflowSteps"))
			after := a.rows(c.key)
			require.Len(t, after, rows+1)
			require.Equal(t, c.ended, after[rows].GetString("status"))
			require.Contains(t, after[rows].GetString("error"), c.says)
		})
	}
	require.Len(t, a.rows("note"), 1, "the others of a rolled back request never start")
}

// TestRecursion: a workflow's own writes trigger others, but not itself again
// for the same record.
func TestRecursion(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "action", collection: "posts" };
workflow("again", { on }, (ctx) => {
    try { return $workflows.trigger("again", $app.findRecordById("posts", ctx.data.id)); } catch (e) { return "refused: " + e.message; }
});
workflow("downwards", { on, allowReentry: true }, (ctx) => {
    try { $workflows.trigger("downwards", $app.findRecordById("posts", ctx.data.id)); } catch (e) { return e.message; }
});
workflow("first", { on }, (ctx) => $workflows.trigger("next", $app.findRecordById("posts", ctx.data.id)));
workflow("next", { on }, (ctx) => ctx.execution.depth);
`))
	t.Run("the same workflow for the same target", func(t *testing.T) {
		res := a.create("?triggerWorkflows=again", nil)
		require.Contains(t, output(t, a.row(res.id(t, "again"))), "recursion")
		require.Len(t, a.rows("again"), 1)
	})
	t.Run("allowReentry goes as deep as 10", func(t *testing.T) {
		a.create("?triggerWorkflows=downwards", nil)
		rows := a.rows("downwards")
		require.Len(t, rows, 11)
		require.Contains(t, output(t, rows[10]), "recursion")
		require.EqualValues(t, 10, rows[10].GetInt("depth"))
	})
	t.Run("another one knows its chain", func(t *testing.T) {
		res := a.create("?triggerWorkflows=first", nil)
		first := a.row(res.id(t, "first"))
		child := a.row(output(t, first).(string))
		require.Equal(t, first.Id, child.GetString("parent"))
		require.Equal(t, first.Id, child.GetString("root"))
		require.EqualValues(t, 1, output(t, child))
	})
}
