package plugin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// seen is a workflow of type record that returns what it was started with.
func seen(key, on, more string) string {
	return fmt.Sprintf(`workflow(%q, { on: { type: "record", %s }, %s }, (ctx) => ({
	action: ctx.action, collection: ctx.collection, title: ctx.data.title, was: ctx.original && ctx.original.title,
	user: ctx.user && ctx.user.id, role: ctx.roleName, depth: ctx.execution.depth,
}));
`, key, on, more)
}

// titles are what executions of a workflow saw, as "action title".
func (a *app) titles(key string) []string {
	a.t.Helper()
	out := []string{}
	for _, r := range a.rows(key) {
		require.Equal(a.t, "completed", r.GetString("status"), r.GetString("error"))
		var o struct{ Action, Title string }
		require.NoError(a.t, json.Unmarshal([]byte(r.GetString("output")), &o))
		out = append(out, o.Action+" "+o.Title)
	}
	return out
}

// trigger column of an execution.
func cause(tb testing.TB, r *core.Record) map[string]any {
	tb.Helper()
	var out map[string]any
	require.NoError(tb, json.Unmarshal([]byte(r.GetString("trigger")), &out))
	return out
}

func (a *app) save(collection, id string, values map[string]any) error {
	a.t.Helper()
	r, err := a.FindRecordById(collection, id)
	require.NoError(a.t, err)
	r.Load(values)
	return a.Save(r)
}

// TestRecord_Whoever: the change starts the workflow whoever makes it.
func TestRecord_Whoever(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(seen("all", `collection: "posts"`, "")+
		`workflow("writer", { on: { type: "action", collection: "categories" } }, (ctx) => {
			ctx.step.run("save", () => { const r = new Record($app.findCollectionByNameOrId("posts")); r.set("title", "by a script"); $app.save(r) });
			ctx.step.transaction("save too", (txApp) => { const r = new Record(txApp.findCollectionByNameOrId("posts")); r.set("title", "in a step"); txApp.save(r) });
		});`))

	res := a.create("", map[string]any{"title": "one"})
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Empty(t, res.executions(), "nobody asked for it")
	id := res.data(t)["id"].(string)
	require.Equal(t, 200, a.send("user", http.MethodPatch, "/api/collections/posts/records/"+id, map[string]any{"title": "two"}).StatusCode)
	require.Equal(t, 204, a.send("super", http.MethodDelete, "/api/collections/posts/records/"+id, nil).StatusCode)
	rows := a.rows("all")
	require.Len(t, rows, 3)
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)
	super, err := a.FindAuthRecordByEmail("_superusers", "test@example.com")
	require.NoError(t, err)
	for i, want := range []struct{ output, trigger string }{
		{
			fmt.Sprintf(`{"action":"create","collection":"posts","title":"one","was":null,"user":%q,"role":"editor","depth":0}`, user.Id),
			fmt.Sprintf(`{"type":"record","action":"create","collection":"posts","record":%q,"request":"POST /api/collections/posts/records"}`, id),
		},
		{
			fmt.Sprintf(`{"action":"update","collection":"posts","title":"two","was":"one","user":%q,"role":"editor","depth":0}`, user.Id),
			fmt.Sprintf(`{"type":"record","action":"update","collection":"posts","record":%q,"request":"PATCH /api/collections/posts/records/%s"}`, id, id),
		},
		{
			fmt.Sprintf(`{"action":"delete","collection":"posts","title":"two","was":null,"user":%q,"role":"","depth":0}`, super.Id),
			fmt.Sprintf(`{"type":"record","action":"delete","collection":"posts","record":%q,"request":"DELETE /api/collections/posts/records/%s"}`, id, id),
		},
	} {
		require.JSONEq(t, want.output, rows[i].GetString("output"), rows[i].GetString("error"))
		require.JSONEq(t, want.trigger, rows[i].GetString("trigger"))
		require.Equal(t, "async", rows[i].GetString("mode"))
	}
	require.Equal(t, user.Id, rows[0].GetString("user"))

	// Go code: nobody is known.
	r := record(t, a, "posts", map[string]any{"title": "by Go"})
	rows = a.rows("all")
	require.JSONEq(t, `{"action":"create","collection":"posts","title":"by Go","was":null,"user":null,"role":"","depth":0}`, rows[3].GetString("output"))
	require.JSONEq(t, fmt.Sprintf(`{"type":"record","action":"create","collection":"posts","record":%q}`, r.Id), rows[3].GetString("trigger"))
	require.NoError(t, a.Delete(r))

	// The script of another workflow: its chain is known.
	res = a.send("user", http.MethodPost, "/api/collections/categories/records?triggerWorkflows=writer", map[string]any{"title": "c"})
	writer := a.row(res.id(t, "writer"))
	require.Equal(t, "completed", writer.GetString("status"), writer.GetString("error"))
	rows = a.rows("all")[5:]
	require.Len(t, rows, 2)
	for i, title := range []string{"by a script", "in a step"} {
		require.JSONEq(t, fmt.Sprintf(`{"action":"create","collection":"posts","title":%q,"was":null,"user":null,"role":"","depth":1}`, title), rows[i].GetString("output"))
		require.Equal(t, writer.Id, rows[i].GetString("parent"))
		require.Equal(t, writer.Id, rows[i].GetString("root"))
	}
}

// TestRecord_Options: events, fields, condition and expand.
func TestRecord_Options(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(
		seen("created", `collection: "posts", events: ["create"]`, "")+
			seen("gone", `collection: "posts", events: ["delete", "delete"], condition: "title ~ 'X'"`, "")+
			seen("slug", `collection: "posts", events: ["update"], fields: ["slug"]`, "")+
			seen("tagged", `collection: "posts", fields: ["tags", "category"], events: ["update"]`, "")+
			seen("filed", `collection: "posts", fields: ["file"], events: ["update"]`, "")+
			seen("renamed", `collection: "posts", condition: "@original.title != '' && @original.title != title"`, "")+
			seen("first", `collection: "posts", condition: "@original.id = null && title != 'zero'"`, "")+
			seen("moved", `collection: "posts", condition: "@original.category.title = 'News' && category.title = 'Other'"`, "")+
			seen("untagged", `collection: "posts", events: ["update"], condition: "@original.tags:length > tags:length && @original.tags:each ?= '`+goTagID+`'"`, "")+
			seen("mixed", `collection: "posts", condition: "(@original.slug = 'a' || @original.slug = 'b') && category.title ~ 'new'"`, "")+
			seen("upper", `collection: "POSTS", events: ["delete"]`, "")+
			`workflow("expanded", { on: { type: "record", collection: "posts", events: ["create", "delete"], expand: ["category", "tags"] } },
				(ctx) => ctx.action + " " + ctx.data.expand.category.title + " " + ctx.data.expand.tags.length);`+
			seen("off", `collection: "posts"`, "enabled: false,")))
	for _, r := range listed(a, "super", "_workflows", "") {
		require.Equal(t, true, r["valid"], "%v: %v", r["key"], r["error"])
	}
	other := record(t, a, "categories", map[string]any{"title": "Other"})
	p := record(t, a, "posts", map[string]any{"title": "zero", "slug": "a", "category": newsID, "tags": []string{goTagID, jsTagID}})
	update := func(values map[string]any) {
		t.Helper()
		require.NoError(t, a.save("posts", p.Id, values))
	}
	update(map[string]any{})                                          // nothing
	update(map[string]any{"title": "zero", "slug": "a"})              // the same values
	update(map[string]any{"slug": "b"})                               // slug, mixed
	update(map[string]any{"title": "oneX"})                           // renamed
	update(map[string]any{"tags-": goTagID})                          // tagged, untagged
	update(map[string]any{"tags": []string{jsTagID}})                 // the same tags
	update(map[string]any{"+tags": goTagID})                          // tagged
	update(map[string]any{"category": other.Id, "slug": "c"})         // tagged, moved, slug
	file, err := filesystem.NewFileFromBytes([]byte("x"), "note.txt") // filed
	require.NoError(t, err)
	update(map[string]any{"file": file})
	update(map[string]any{"file": ""}) // filed
	r, err := a.FindRecordById("posts", p.Id)
	require.NoError(t, err)
	require.NoError(t, a.Delete(r))
	record(t, a, "posts", map[string]any{"title": "plain"})

	require.Equal(t, []string{"create zero", "create plain"}, a.titles("created"))
	require.Equal(t, []string{"delete oneX"}, a.titles("gone"))
	require.Equal(t, []string{"update zero", "update oneX"}, a.titles("slug"))
	require.Len(t, a.titles("tagged"), 3)
	require.Len(t, a.titles("filed"), 2)
	require.Equal(t, []string{"update oneX"}, a.titles("renamed"))
	require.Equal(t, []string{"delete oneX", "create plain"}, a.titles("first"))
	require.Len(t, a.titles("moved"), 1)
	require.Len(t, a.titles("untagged"), 1)
	// The slug was "a" before three updates, "b" before five, the last with another
	// category.
	require.Len(t, a.titles("mixed"), 7)
	require.Equal(t, []string{"delete oneX"}, a.titles("upper"))
	require.Empty(t, a.rows("off"))
	rows := a.rows("expanded")
	require.Equal(t, "create News 2", output(t, rows[0]))
	require.Equal(t, "delete Other 2", output(t, rows[1]))
	require.Equal(t, "error", rows[2].GetString("status"), "nothing to expand")
}

// TestRecord_Stale: what changed is told from what was stored, not from what the
// record's owner had loaded.
func TestRecord_Stale(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(seen("slug", `collection: "posts", events: ["update"], fields: ["slug"]`, "")+
		seen("title", `collection: "posts", events: ["update"], fields: ["title"]`, "")+
		seen("gone", `collection: "posts", events: ["delete"]`, "")))
	r := record(t, a, "posts", map[string]any{"title": "one"}) // the object stays in use
	r.Set("slug", "a")
	require.NoError(t, a.Save(r))
	r.Set("title", "two")
	require.NoError(t, a.Save(r))
	require.Equal(t, []string{"update one"}, a.titles("slug"))
	require.Equal(t, []string{"update two"}, a.titles("title"))

	stale, err := a.FindRecordById("posts", r.Id)
	require.NoError(t, err)
	require.NoError(t, a.save("posts", r.Id, map[string]any{"title": "three"}))
	stale.IgnoreUnchangedFields(true)
	stale.Set("slug", "b")
	require.NoError(t, a.Save(stale))
	require.Equal(t, []string{"update one", "update three"}, a.titles("slug"))
	require.Equal(t, []string{"update two", "update three"}, a.titles("title"))

	stale.Set("title", "never saved")
	require.NoError(t, a.Delete(stale))
	require.Equal(t, []string{"delete three"}, a.titles("gone"))
	require.NoError(t, a.Delete(stale), "it is gone already")
	require.Len(t, a.rows("gone"), 1)
}

// TestRecord_Rollback: what is undone never started, and what is not was.
func TestRecord_Rollback(t *testing.T) {
	t.Parallel()
	late := errors.New("late")
	a := newApp(t, plugin.Config{}, one(seen("all", `collection: "posts"`, "")))
	posts := a.count("posts")
	err := a.RunInTransaction(func(tx core.App) error {
		for i := range 3 {
			record(t, tx, "posts", map[string]any{"title": fmt.Sprint(i)})
		}
		n, err := tx.CountRecords("_workflowExecutions")
		require.NoError(t, err)
		require.EqualValues(t, 3, n, "in the very transaction")
		return late
	})
	require.ErrorIs(t, err, late)
	require.Empty(t, a.rows("all"))
	require.Equal(t, posts, a.count("posts"))

	a.OnRecordCreateExecute("posts").Bind(&hook.Handler[*core.RecordEvent]{Id: "late", Func: func(e *core.RecordEvent) error {
		return errors.Join(e.Next(), late)
	}})
	_, err = newRecord(a, "posts", map[string]any{"title": "x"})
	require.ErrorIs(t, err, late)
	require.Equal(t, 400, a.create("", nil).StatusCode)
	require.Empty(t, a.rows("all"))
	require.Equal(t, posts, a.count("posts"))
	a.OnRecordCreateExecute("posts").Unbind("late")

	require.NoError(t, a.RunInTransaction(func(tx core.App) error {
		return tx.RunInTransaction(func(tx core.App) error {
			record(t, tx, "posts", map[string]any{"title": "in"})
			return nil
		})
	}))
	require.Equal(t, []string{"create in"}, a.titles("all"))
}

// TestRecord_Multipart: a file that a form uploads.
func TestRecord_Multipart(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`workflow("filed", { on: { type: "record", collection: "posts", fields: ["file"] } }, (ctx) => ctx.action + " " + ctx.data.file);`))
	send := func(method, path, field, value string) answer {
		body := &bytes.Buffer{}
		form := multipart.NewWriter(body)
		if field == "file" {
			w, err := form.CreateFormFile("file", value)
			require.NoError(t, err)
			_, _ = w.Write([]byte("x"))
			require.NoError(t, form.WriteField("title", "t"))
		} else {
			require.NoError(t, form.WriteField(field, value))
		}
		require.NoError(t, form.Close())
		return a.send("user", method, path, body, "Content-Type", form.FormDataContentType())
	}
	res := send(http.MethodPost, "/api/collections/posts/records", "file", "note.txt")
	require.Equal(t, 200, res.StatusCode, res.body)
	stored := res.data(t)["file"].(string)
	require.NotEmpty(t, stored)
	path := "/api/collections/posts/records/" + res.data(t)["id"].(string)
	require.Equal(t, 200, send(http.MethodPatch, path, "title", "other").StatusCode)
	require.Equal(t, 200, send(http.MethodPatch, path, "file", "second.txt").StatusCode)
	rows := a.rows("filed")
	require.Len(t, rows, 2)
	require.Equal(t, "create "+stored, output(t, rows[0]))
	require.Regexp(t, `^update second_\w+\.txt$`, output(t, rows[1]))
}
