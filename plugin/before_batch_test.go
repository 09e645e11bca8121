package plugin_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

func titled(s string) map[string]any { return map[string]any{"title": s} }

// subAnswers decodes the answer of a batch.
func subAnswers(tb testing.TB, r answer) (out []struct {
	Status int            `json:"status"`
	Body   map[string]any `json:"body"`
},
) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(r.body), &out), r.body)
	return out
}

func TestBefore_Batch(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"a.js": beforeWorkflows, "b.js": `
workflow("view", { on: { type: "before", collection: "posts" } }, (ctx) => [ctx.action, ctx.data, ctx.record.id, ctx.original && ctx.original.title]);
workflow("writes", { on: { type: "before", collection: "posts" } }, (ctx) => {
    ctx.step.transaction("log", (txApp) => { const r = new Record(txApp.findCollectionByNameOrId("logs")); r.set("message", ctx.data.title); txApp.save(r) });
    const seen = $app.countRecords("posts");
    if (ctx.data.title === "caught") try { ctx.step.transaction("no", () => { throw new Error("in a step") }) } catch (e) {}
    return seen;
});
workflow("short", { on: { type: "before", collection: "posts" }, timeout: "100ms" }, (ctx) => { while (true) {} });
`})
	t.Run("every sub-request has its own", func(t *testing.T) {
		res := a.batch("user",
			sub{"POST", postsURL + "?triggerWorkflows=note,guard", titled("change")},
			sub{"PATCH", postsURL + "/" + fullID + "?triggerWorkflows=view", titled("two")},
			sub{"POST", postsURL, titled("three")},
			sub{"PUT", postsURL + "?triggerWorkflows=view,nope", map[string]any{"id": bareID, "title": "upsert"}},
			sub{"PUT", postsURL + "?triggerWorkflows=view", map[string]any{"id": "newpost00000001", "title": "insert"}},
			sub{"DELETE", postsURL + "/" + bareID + "?triggerWorkflows=guard", nil},
		)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, "3:nope=unknown", res.skipped())
		require.Equal(t, []string{"looked at change", "looked at upsert"}, messages(t, res))
		require.Equal(t, "by-workflow", subAnswers(t, res)[0].Body["slug"])
		require.Equal(t, "change by-workflow", output(t, a.row(res.id(t, "0:note"))))
		require.Equal(t, []any{"update", titled("two"), fullID, "Full"}, output(t, a.row(res.id(t, "1:view"))))
		require.Equal(t, []any{"update", map[string]any{"id": bareID, "title": "upsert"}, bareID, "Bare"}, output(t, a.row(res.id(t, "3:view"))))
		require.Equal(t, []any{"create", map[string]any{"id": "newpost00000001", "title": "insert"}, "newpost00000001", nil}, output(t, a.row(res.id(t, "4:view"))))
		require.Equal(t, "transaction", a.row(res.id(t, "5:guard")).GetString("mode"), "it runs inside the batch's transaction")
	})
	t.Run("one that refuses fails the batch", func(t *testing.T) {
		for title, status := range map[string]int{"bad": 400, "bug": 500} {
			posts, notes, guards := a.count("posts"), len(a.rows("note")), len(a.rows("guard"))
			res := a.batch("user", sub{"POST", postsURL + "?triggerWorkflows=note,guard", titled("good")}, sub{"POST", postsURL + "?triggerWorkflows=guard", titled(title)})
			require.Contains(t, res.body, `"1":{`)
			require.Contains(t, res.body, `"workflow_failed"`)
			require.Contains(t, res.body, `"status":`+map[int]string{400: "400", 500: "500"}[status])
			require.Equal(t, posts, a.count("posts"))
			require.Len(t, a.rows("note"), notes)
			after := a.rows("guard")
			require.Len(t, after, guards+2, "rows tell what ran")
			require.Equal(t, "completed", a.row(res.id(t, "0:guard")).GetString("status"))
			require.Equal(t, map[int]string{400: "failed", 500: "error"}[status], a.row(res.id(t, "1:guard")).GetString("status"))
			require.Equal(t, []string{"looked at good", "looked at " + title}, messages(t, res))
		}
	})
	t.Run("ctx.end with messages answers for its sub-request, the others go on", func(t *testing.T) {
		posts := a.count("posts")
		res := a.batch("user",
			sub{"POST", postsURL + "?triggerWorkflows=note", titled("one")},
			sub{"POST", postsURL + "?triggerWorkflows=note,guard", titled("answer")},
			sub{"POST", postsURL, titled("three")},
		)
		require.Equal(t, 200, res.StatusCode, res.body)
		subs := subAnswers(t, res)
		require.Equal(t, []int{200, 200, 200}, []int{subs[0].Status, subs[1].Status, subs[2].Status})
		require.Equal(t, map[string]any{"messages": []any{"looked at answer", "nothing to do"}}, subs[1].Body)
		require.Equal(t, "three", subs[2].Body["title"])
		require.Equal(t, posts+2, a.count("posts"))
		require.NotContains(t, res.executions(), "1:note")
		require.Equal(t, "completed", a.row(res.id(t, "1:guard")).GetString("status"))
	})
	t.Run("steps are part of the batch's transaction", func(t *testing.T) {
		posts, logs := a.count("posts"), a.count("logs")
		res := a.batch("user", sub{"POST", postsURL, titled("one")}, sub{"POST", postsURL + "?triggerWorkflows=writes", titled("two")})
		require.Equal(t, 200, res.StatusCode, res.body)
		id := res.id(t, "1:writes")
		require.EqualValues(t, posts+1, output(t, a.row(id)), "$app sees what the batch wrote so far")
		require.Equal(t, []string{"transaction log completed"}, a.steps(id))
		require.Equal(t, logs+1, a.count("logs"))

		for _, bad := range []sub{{"POST", postsURL, titled("")}, {"POST", postsURL + "?triggerWorkflows=writes", titled("caught")}} {
			rows := len(a.rows("writes"))
			res = a.batch("user", sub{"POST", postsURL + "?triggerWorkflows=writes", titled("two")}, bad)
			require.Equal(t, 400, res.StatusCode, res.body)
			require.Equal(t, logs+1, a.count("logs"), "rolled back with the batch")
			id = res.id(t, "0:writes")
			require.Equal(t, "completed", a.row(id).GetString("status"), "what ran is told")
			require.Equal(t, []string{"transaction log completed"}, a.steps(id))
			require.Greater(t, len(a.rows("writes")), rows)
		}
	})
	t.Run("one that never returns is interrupted", func(t *testing.T) {
		posts := a.count("posts")
		res := a.batch("user", sub{"POST", postsURL + "?triggerWorkflows=short", titled("one")})
		require.Contains(t, res.body, `"status":500`)
		row := a.row(res.id(t, "0:short"))
		require.Equal(t, "aborted", row.GetString("status"))
		require.Equal(t, "timeout", row.GetString("reason"))
		require.Equal(t, posts, a.count("posts"))
	})
}

// TestBefore_BatchTimeout: when PocketBase gives a batch up, the workflow that runs
// in it is interrupted and its row tells so.
func TestBefore_BatchTimeout(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("slow", { on: { type: "before", collection: "posts" }, timeout: "1m" }, (ctx) => { while (true) {} });
workflow("quick", { on: { type: "before", collection: "posts" } }, (ctx) => 1);`))
	a.Settings().Batch.Timeout = 1
	require.NoError(t, a.Save(a.Settings()))
	posts := a.count("posts")
	res := a.batch("user", sub{"POST", postsURL + "?triggerWorkflows=quick", titled("one")}, sub{"POST", postsURL + "?triggerWorkflows=slow", titled("two")})
	require.Equal(t, 400, res.StatusCode, res.body)
	require.Equal(t, posts, a.count("posts"))
	require.Eventually(t, func() bool { return len(a.rows("slow")) == 1 }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, "aborted", a.rows("slow")[0].GetString("status"))
	require.Equal(t, "interrupted", a.rows("slow")[0].GetString("reason"))
	require.Equal(t, "completed", a.rows("quick")[0].GetString("status"))
	require.Equal(t, 200, a.create("", nil).StatusCode, "the writer is free")

	a.write("held.js", `workflow("held", { on: { type: "before", collection: "posts" } }, (ctx) => { sleep(60000) });`)
	reloaded(a)
	a.Settings().Batch.Timeout = 60
	require.NoError(t, a.Save(a.Settings()))
	began := time.Now()
	res = a.batch("user", sub{"POST", postsURL + "?triggerWorkflows=held", titled("one")})
	require.Contains(t, res.body, `"status":500`)
	require.Less(t, time.Since(began), 20*time.Second, "inside a transaction the default is 3 s, not SyncTimeout")
	require.Equal(t, "timeout", a.row(res.id(t, "0:held")).GetString("reason"))
}

const nestedBefore = `
const on = { type: "before", collection: "posts" };
const everywhere = { type: "before", collection: "categories", global: true, actions: ["create", "update"] };
workflow("view", { on }, (ctx) => [ctx.data, ctx.record.get("category")]);
workflow("refuse", { on }, (ctx) => { ctx.fail("No.") });
workflow("instead", { on }, (ctx) => { ctx.respond("kept"); ctx.end() });
workflow("category", { on: everywhere }, (ctx) => {
    ctx.respond("category " + ctx.data.title);
    if (ctx.data.title === "bad") ctx.fail("Not this category.");
    if (ctx.data.title === "answer") ctx.end();
    ctx.record.set("title", ctx.data.title + "!");
    return ctx.data;
});
workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => 1);
`

// TestBefore_Nested: nested records are as submitted for the workflow, and undone
// with the write.
func TestBefore_Nested(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(nestedBefore))
	body := func(category string) map[string]any {
		return map[string]any{"title": "x", "category": titled(category)}
	}
	t.Run("ctx.data has the objects, ctx.record the ids", func(t *testing.T) {
		res := a.create("?triggerWorkflows=view", body("Fresh"))
		require.Equal(t, 200, res.StatusCode, res.body)
		out := output(t, a.row(res.id(t, "view"))).([]any)
		require.Equal(t, body("Fresh"), out[0])
		category, err := a.FindRecordById("categories", out[1].(string))
		require.NoError(t, err)
		require.Equal(t, "Fresh!", category.GetString("title"), "global ones run for nested records")
		require.Equal(t, titled("Fresh"), output(t, a.row(res.id(t, "category"))))
		require.Equal(t, []string{"category Fresh"}, messages(t, res))
	})
	t.Run("nothing at all is written", func(t *testing.T) {
		for _, c := range []struct {
			query, category string
			status          int
			says            string
			ended           map[string]string
		}{
			{"note,refuse", "Fresh", 400, `"refuse":{"code":"workflow_failed","message":"No."}`, map[string]string{"refuse": "failed", "category": "completed"}},
			{"note,instead", "Fresh", 200, `{"messages":["category Fresh","kept"]}`, map[string]string{"instead": "completed", "category": "completed"}},
			{"note,view", "bad", 400, `"category.category":{"code":"workflow_failed"`, map[string]string{"category": "failed"}},
			{"", "answer", 200, `{"messages":["category answer"]}`, map[string]string{"category": "completed"}},
		} {
			posts, categories, notes := a.count("posts"), a.count("categories"), len(a.rows("note"))
			res := a.create("?triggerWorkflows="+c.query, body(c.category))
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			for key, status := range c.ended {
				require.Equal(t, status, a.row(res.id(t, key)).GetString("status"))
			}
			require.Equal(t, posts, a.count("posts"))
			require.Equal(t, categories, a.count("categories"))
			require.Len(t, a.rows("note"), notes)
		}
	})
	t.Run("in a batch", func(t *testing.T) {
		res := a.batch("user", sub{"POST", postsURL, titled("x")}, sub{"POST", postsURL + "?triggerWorkflows=view", body("Fresh")})
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Len(t, subAnswers(t, res), 2)
		require.Equal(t, body("Fresh"), output(t, a.row(res.id(t, "1:view"))).([]any)[0])
		require.Equal(t, titled("Fresh"), output(t, a.row(res.id(t, "1:category"))).(map[string]any))

		posts, categories := a.count("posts"), a.count("categories")
		for _, c := range []struct{ query, category, says string }{
			{"refuse", "Fresh", "No."},
			{"instead", "Fresh", "nested values: kept"},
			{"view", "bad", "category.category"},
			{"view", "answer", "nested values: category answer"},
		} {
			res := a.batch("user", sub{"POST", postsURL, titled("x")}, sub{"POST", postsURL + "?triggerWorkflows=" + c.query, body(c.category)})
			require.Equal(t, 400, res.StatusCode, res.body)
			require.Contains(t, res.body, `"1":{`)
			require.Contains(t, res.body, c.says)
			require.Equal(t, posts, a.count("posts"))
			require.Equal(t, categories, a.count("categories"))
		}
	})
}
