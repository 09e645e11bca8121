package plugin_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const guardWorkflow = `
workflow("guard", { on: { type: "record", collection: "posts", condition: "title != 'free'" }, mode: "transaction" }, (ctx) => {
	ctx.step.run("look", () => 1);
	const log = new Record($app.findCollectionByNameOrId("logs"));
	log.set("message", ctx.action + " " + ctx.data.title);
	$app.save(log);
	if (ctx.data.title === "bad") ctx.fail("This title is bad.");
	if (ctx.data.title === "bug") throw new Error("oops");
	if (ctx.data.title === "wait") ctx.step.sleep("nap", "1s");
	if (ctx.data.title === "loop") for (;;) {}
	return ctx.data.title;
});`

// TestRecord_Transaction: the handler is part of the change, which it can undo,
// however that is made.
func TestRecord_Transaction(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(guardWorkflow+seen("all", `collection: "posts"`, "")+
		`workflow("after", { on: { type: "record", collection: "logs" } }, (ctx) => { $app.store().set("after", true) });
workflow("writer", { on: { type: "action", collection: "categories" } }, (ctx) => {
	const save = (app, title) => { const r = new Record(app.findCollectionByNameOrId("posts")); r.set("title", title); app.save(r) };
	try {
		ctx.step.transaction("bad", (txApp) => { save(txApp, "good"); save(txApp, "bad") });
	} catch (e) {
		ctx.step.transaction("caught", (txApp) => {
			save(txApp, "good 2");
			try { save(txApp, "bad") } catch (e) { return "" + e }
		});
		return "" + e;
	}
});`))
	posts, logs := a.count("posts"), a.count("logs")
	rows := 0
	last := func(status, failure string) *core.Record {
		t.Helper()
		found := a.rows("guard")
		rows++
		require.Len(t, found, rows)
		r := found[rows-1]
		require.Equal(t, status, r.GetString("status"), r.GetString("error"))
		require.Contains(t, r.GetString("error"), failure)
		require.Equal(t, "transaction", r.GetString("mode"))
		return r
	}
	unchanged := func() {
		t.Helper()
		require.Equal(t, posts, a.count("posts"))
		require.Equal(t, logs, a.count("logs"))
		require.Empty(t, a.rows("all"))
		require.Empty(t, a.rows("after"))
	}

	for _, c := range []struct {
		title      string
		code       int
		message    string
		status, is string
	}{
		{"bad", 400, "This title is bad.", "failed", "This title is bad."},
		{"bug", 500, "ops", "error", "oops"},
		{"wait", 500, "transaction", "error", "transaction"},
	} {
		// From Go.
		_, err := newRecord(a, "posts", map[string]any{"title": c.title})
		require.ErrorContains(t, err, c.message)
		last(c.status, c.is)
		unchanged()
		// Over REST, alone and in a batch.
		res := a.create("", map[string]any{"title": c.title})
		require.Equal(t, c.code, res.StatusCode, res.body)
		data := res.data(t)["data"].(map[string]any)["guard"].(map[string]any)
		require.Equal(t, "workflow_failed", data["code"])
		require.Contains(t, data["message"], c.message)
		r := last(c.status, c.is)
		require.NotEmpty(t, r.GetString("user"))
		unchanged()
		res = a.send("user", http.MethodPatch, "/api/collections/posts/records/"+fullID, map[string]any{"title": c.title})
		require.Equal(t, c.code, res.StatusCode, res.body)
		last(c.status, c.is)
		unchanged()
		res = a.send("user", http.MethodPost, "/api/batch", map[string]any{"requests": []any{
			map[string]any{"method": "POST", "url": "/api/collections/posts/records", "body": map[string]any{"title": "free"}},
			map[string]any{"method": "POST", "url": "/api/collections/posts/records", "body": map[string]any{"title": c.title}},
		}})
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, `"workflow_failed"`)
		last(c.status, c.is)
		unchanged()
	}
	r, err := a.FindRecordById("posts", fullID)
	require.NoError(t, err)
	require.Equal(t, "Full", r.GetString("title"))

	// The owner of a larger transaction may go on without the change.
	require.NoError(t, a.RunInTransaction(func(tx core.App) error {
		record(t, tx, "posts", map[string]any{"title": "free"})
		_, err := newRecord(tx, "posts", map[string]any{"title": "bad"})
		require.ErrorContains(t, err, "This title is bad.")
		return nil
	}))
	last("failed", "bad")
	require.Equal(t, posts+1, a.count("posts"))
	require.Equal(t, logs, a.count("logs"))
	require.Equal(t, []string{"create free"}, a.titles("all"))
	require.Empty(t, a.rows("after"))
	require.Nil(t, a.Store().Get("after"), "what was undone behind the savepoint is not run without a row either")

	// Or be undone with it.
	require.Error(t, a.RunInTransaction(func(tx core.App) error {
		record(t, tx, "posts", map[string]any{"title": "good"})
		_, err := newRecord(tx, "posts", map[string]any{"title": "bad"})
		return err
	}))
	last("failed", "bad")
	require.Equal(t, posts+1, a.count("posts"))

	// What goes well commits with the change, and what it writes itself starts others.
	ok := record(t, a, "posts", map[string]any{"title": "good"})
	require.Equal(t, "good", output(t, last("completed", "")))
	require.Equal(t, logs+1, a.count("logs"))
	require.Len(t, a.rows("after"), 1)
	require.Equal(t, true, a.Store().Get("after"))
	require.Equal(t, rows, len(a.rows("guard")))
	require.Equal(t, a.rows("guard")[rows-1].Id, a.rows("after")[0].GetString("parent"))

	// A delete is undone too.
	require.NoError(t, a.save("posts", ok.Id, map[string]any{"title": "free"}))
	_, err = a.NonconcurrentDB().NewQuery("UPDATE posts SET title='bad' WHERE id='" + ok.Id + "'").Execute()
	require.NoError(t, err)
	res := a.send("user", http.MethodDelete, "/api/collections/posts/records/"+ok.Id, nil)
	require.Equal(t, 400, res.StatusCode, res.body)
	require.Contains(t, res.body, `"workflow_failed"`)
	last("failed", "bad")
	_, err = a.FindRecordById("posts", ok.Id)
	require.NoError(t, err)

	// From another workflow's step: the step is undone as a whole.
	before := a.count("posts")
	all := len(a.rows("all"))
	res = a.send("user", http.MethodPost, "/api/collections/categories/records?triggerWorkflows=writer", map[string]any{"title": "c"})
	w := a.row(res.id(t, "writer"))
	require.Equal(t, "completed", w.GetString("status"), w.GetString("error"))
	require.Contains(t, w.GetString("output"), "This title is bad.")
	require.Equal(t, before+1, a.count("posts"), "good 2")
	require.Len(t, a.rows("all"), all+1)
	found := a.rows("guard")
	var said []string
	for _, r := range found[rows:] {
		require.Equal(t, w.Id, r.GetString("parent"))
		said = append(said, r.GetString("status"))
	}
	require.Equal(t, []string{"failed", "completed", "failed"}, said)
}

// TestRecord_TransactionTimeout: a handler that does not end is ended, and the
// change with it.
func TestRecord_TransactionTimeout(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`workflow("slow", { on: { type: "record", collection: "posts" }, mode: "transaction", timeout: "100ms" }, () => { for (;;) {} });`))
	posts := a.count("posts")
	res := a.create("", nil)
	require.Equal(t, 500, res.StatusCode, res.body)
	require.Equal(t, posts, a.count("posts"))
	require.Equal(t, "aborted", a.rows("slow")[0].GetString("status"))
}

// TestRecord_Cascade: what PocketBase deletes or changes because of a change is a
// change itself, of the same author.
func TestRecord_Cascade(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(seen("comment", `collection: "comments"`, "")+seen("post", `collection: "posts"`, "")+`
workflow("remover", { on: { type: "action", collection: "tags" } }, (ctx) => {
	ctx.step.run("delete", () => $app.delete($app.findRecordById("posts", "`+bareID+`")));
});`))
	comments, err := a.FindCollectionByNameOrId("comments")
	require.NoError(t, err)
	comments.Fields.GetByName("post").(*core.RelationField).CascadeDelete = true
	require.NoError(t, a.Save(comments))
	for i := range 3 {
		record(t, a, "comments", map[string]any{"post": fullID, "content": fmt.Sprint(i)})
	}
	record(t, a, "comments", map[string]any{"post": bareID})
	require.Equal(t, 204, a.send("user", http.MethodDelete, "/api/collections/categories/records/"+newsID, nil).StatusCode)
	rows := a.rows("post")
	require.Len(t, rows, 1, "the post has lost its category")
	require.Equal(t, "update", cause(t, rows[0])["action"])
	require.NotEmpty(t, rows[0].GetString("user"), "though nobody listens to categories")
	require.Equal(t, 204, a.send("user", http.MethodDelete, "/api/collections/posts/records/"+fullID, nil).StatusCode)
	rows = a.rows("comment")[4:]
	require.Len(t, rows, 3)
	for _, r := range rows {
		require.Equal(t, "delete", cause(t, r)["action"])
		require.NotEmpty(t, r.GetString("user"))
	}
	res := a.send("user", http.MethodPost, "/api/collections/tags/records?triggerWorkflows=remover", map[string]any{"title": "c"})
	w := a.row(res.id(t, "remover"))
	require.Equal(t, "completed", w.GetString("status"), w.GetString("error"))
	require.Equal(t, w.Id, a.rows("post")[2].GetString("parent"))
	require.Equal(t, w.Id, a.rows("comment")[7].GetString("parent"))

	// A cascade that a handler forbids undoes all of it.
	a.write("all.js", `workflow("keep", { on: { type: "record", collection: "comments", events: ["delete"] }, mode: "transaction" }, (ctx) => ctx.fail("Kept."));`)
	reloaded(a)
	p := record(t, a, "posts", map[string]any{"title": "p"})
	record(t, a, "comments", map[string]any{"post": p.Id})
	require.ErrorContains(t, a.Delete(p), "Kept.")
	_, err = a.FindRecordById("posts", p.Id)
	require.NoError(t, err)
	require.Len(t, a.rows("keep"), 1)
}

// TestRecord_Recursion: a workflow's own writes do not start it for ever.
func TestRecord_Recursion(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const bump = (ctx) => ctx.step.run("bump", () => {
	const r = $app.findRecordById("posts", ctx.data.id);
	r.set("slug", r.getString("slug") + "x");
	$app.save(r);
});
workflow("self", { on: { type: "record", collection: "posts", condition: "title = 'self'" } }, bump);
workflow("again", { on: { type: "record", collection: "posts", condition: "title = 'again'" }, allowReentry: true }, bump);
workflow("inside", { on: { type: "record", collection: "posts", condition: "title = 'inside'" }, mode: "transaction" }, bump);
workflow("tx", { on: { type: "record", collection: "posts", condition: "title = 'tx'" } }, (ctx) => $app.runInTransaction((txApp) => {
	const r = txApp.findRecordById("posts", ctx.data.id);
	r.set("slug", "x");
	txApp.save(r);
}));
workflow("form", { on: { type: "record", collection: "posts", condition: "title = 'form'" } }, (ctx) => ctx.step.run("submit", () => {
	const form = new RecordUpsertForm($app, $app.findRecordById("posts", ctx.data.id));
	form.load({ slug: "x" });
	form.submit();
}));
workflow("more", { on: { type: "record", collection: "posts", condition: "title = 'more'" } }, (ctx) => ctx.step.run("create", () => {
	const r = new Record($app.findCollectionByNameOrId("posts"));
	r.set("title", "more");
	$app.save(r);
}));
workflow("gone", { on: { type: "record", collection: "posts", condition: "title = 'gone'" } }, (ctx) => ctx.step.run("delete", () => {
	$app.delete($app.findRecordById("posts", ctx.data.id));
}));
`))
	for key, want := range map[string]int{"self": 1, "again": 11, "inside": 1, "tx": 1, "form": 1, "more": 11, "gone": 1} {
		record(t, a, "posts", map[string]any{"title": key})
		rows := a.rows(key)
		require.Len(t, rows, want, key)
		for i, r := range rows {
			require.Equal(t, "completed", r.GetString("status"), r.GetString("error"))
			require.Equal(t, i, r.GetInt("depth"))
			require.Equal(t, rows[0].Id, r.GetString("root"))
		}
	}
}

// TestRecord_Dedup: a second change while the first execution waits.
func TestRecord_Dedup(t *testing.T) {
	t.Parallel()
	on := `{ type: "record", collection: "posts", events: ["update"] }`
	a := newApp(t, plugin.Config{}, one(`
const wait = (ctx) => { ctx.step.waitForEvent("go", { event: "go", timeout: "1h" }); return ctx.data.slug };
workflow("skip", { on: `+on+`, dedup: { key: "data.id", policy: "skip" } }, wait);
workflow("replace", { on: `+on+`, dedup: { key: "data.id", policy: "replace" } }, wait);`))
	for _, slug := range []string{"a", "b", "c"} {
		require.NoError(t, a.save("posts", fullID, map[string]any{"slug": slug}))
	}
	rows := a.rows("skip")
	require.Len(t, rows, 1)
	a.becomes(rows[0].Id, "waiting")
	rows = a.rows("replace")
	require.Len(t, rows, 3)
	require.Equal(t, "canceled", a.becomes(rows[1].Id, "canceled").GetString("status"))
	require.NoError(t, a.plugin.Send(a.TestApp, rows[2].Id, "go", 1))
	require.JSONEq(t, `"c"`, a.ends(rows[2].Id).GetString("output"))

	// Undone, a replacement has replaced nothing.
	require.NoError(t, a.save("posts", bareID, map[string]any{"slug": "a"}))
	rows = a.rows("replace")
	a.becomes(rows[3].Id, "waiting")
	require.Error(t, a.RunInTransaction(func(tx core.App) error {
		r, err := tx.FindRecordById("posts", bareID)
		require.NoError(t, err)
		r.Set("slug", "b")
		require.NoError(t, tx.Save(r))
		return http.ErrAbortHandler
	}))
	require.Len(t, a.rows("replace"), 4)
	require.NoError(t, a.plugin.Send(a.TestApp, rows[3].Id, "go", 1))
	require.JSONEq(t, `"a"`, a.ends(rows[3].Id).GetString("output"))
}

// TestRecord_Auth: auth collections and PocketBase's own.
func TestRecord_Auth(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("account", { on: { type: "record", collection: "users", fields: ["password", "role"] } }, (ctx) => [ctx.action, ctx.data, ctx.original]);
workflow("super", { on: { type: "record", collection: "_superusers" } }, (ctx) => ctx.action);`))
	res := a.send("", http.MethodPost, "/api/collections/users/records", map[string]any{"email": "new@example.com", "password": "1234567890", "passwordConfirm": "1234567890"})
	require.Equal(t, 200, res.StatusCode, res.body)
	id := res.data(t)["id"].(string)
	rows := a.rows("account")
	require.Len(t, rows, 1)
	require.NotContains(t, rows[0].GetString("input"), "tokenKey")
	require.NotContains(t, rows[0].GetString("input"), "1234567890")
	require.NotContains(t, rows[0].GetString("input"), "$2a$")
	require.NoError(t, a.save("users", id, map[string]any{"name": "other"}))
	require.Len(t, a.rows("account"), 1)
	require.NoError(t, a.save("users", id, map[string]any{"password": "0987654321"}))
	require.NoError(t, a.save("users", id, map[string]any{"role": []string{"member"}}))
	require.Len(t, a.rows("account"), 3)

	// No author of an update is known but by its request: a password reset.
	user, err := a.FindRecordById("users", id)
	require.NoError(t, err)
	token, err := user.NewPasswordResetToken()
	require.NoError(t, err)
	res = a.send("", http.MethodPost, "/api/collections/users/confirm-password-reset", map[string]any{"token": token, "password": "abcdefghij", "passwordConfirm": "abcdefghij"})
	require.Equal(t, 204, res.StatusCode, res.body)
	require.Len(t, a.rows("account"), 4)

	_, err = newRecord(a, "_superusers", map[string]any{"email": "second@example.com", "password": "1234567890"})
	require.NoError(t, err)
	require.Equal(t, "create", output(t, a.rows("super")[0]))

	// A role that the caller does not have.
	res = a.send("user", http.MethodPatch, "/api/collections/users/records/"+id, map[string]any{"role": []string{"editor"}}, "X-Role", "boss")
	require.Equal(t, 403, res.StatusCode, res.body)
	require.Len(t, a.rows("account"), 4)
}
