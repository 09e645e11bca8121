package plugin_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestBefore_NocoBase: NocoBase's URLs answer in its shapes.
func TestBefore_NocoBase(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(beforeWorkflows))
	for _, c := range []struct {
		title  string
		status int
		body   string
	}{
		{"bad", 400, `{"errors":[{"message":"This title is bad."}]}`},
		{"bug", 500, `{"errors":[{"message":"Oops."}]}`},
		{"answer", 200, `{"messages":[{"message":"looked at answer"},{"message":"nothing to do"}]}`},
		{"change", 200, ""},
	} {
		for _, url := range []string{"/api/posts:create?triggerWorkflows=guard", "/api/posts:update?filterByTk=" + fullID + "&triggerWorkflows=guard"} {
			posts := a.count("posts")
			res := a.send("user", "POST", url, titled(c.title))
			require.Equal(t, c.status, res.StatusCode, res.body)
			res.id(t, "guard")
			if c.body != "" {
				require.JSONEq(t, c.body, res.body)
				require.Equal(t, posts, a.count("posts"))
				continue
			}
			require.Equal(t, "by-workflow", res.data(t)["data"].(map[string]any)["slug"])
			require.Equal(t, []any{map[string]any{"message": "looked at change"}}, res.data(t)["messages"])
		}
	}
}

// TestBefore_Idempotency: what was answered is answered again without running
// again; what was refused is asked again.
func TestBefore_Idempotency(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"a.js": beforeWorkflows, "b.js": `
workflow("everywhere", { on: { type: "before", collection: "comments", global: true, actions: ["create"] } }, (ctx) => { ctx.respond("hi") });`})
	for _, c := range []struct{ name, method, url, body string }{
		{"completed", "POST", postsURL + "?triggerWorkflows=guard", `{"title":"change"}`},
		{"with an action workflow", "POST", postsURL + "?triggerWorkflows=note,guard,checked", `{"title":"change"}`},
		{"answered in place of the write", "POST", postsURL + "?triggerWorkflows=guard", `{"title":"answer"}`},
		{"answered in place of an update", "PATCH", postsURL + "/" + fullID + "?triggerWorkflows=guard", `{"title":"answer"}`},
		{"answered with nested values", "POST", postsURL + "?triggerWorkflows=guard", `{"title":"answer","category":{"title":"Fresh"}}`},
		{"NocoBase", "POST", "/api/posts:create?triggerWorkflows=guard", `{"title":"answer"}`},
		{"a global one only", "POST", "/api/collections/comments/records", `{"content":"x"}`},
		{"a batch", "POST", "/api/batch", `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=guard","body":{"title":"answer"}},
			{"method":"POST","url":"` + postsURL + `?triggerWorkflows=guard","body":{"title":"good"}}]}`},
		{"a batch with a global one only", "POST", "/api/batch", `{"requests":[{"method":"POST","url":"/api/collections/comments/records","body":{"content":"x"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := a.keyed(strings.ReplaceAll(c.name, " ", "-"), "user", c.method, c.url, c.body)
			require.Equal(t, 200, first.StatusCode, first.body)
			posts, rows := a.count("posts")+a.count("categories"), a.count("_workflowExecutions")
			requireReplay(t, first, a.keyed(strings.ReplaceAll(c.name, " ", "-"), "user", c.method, c.url, c.body))
			require.Equal(t, posts, a.count("posts")+a.count("categories"))
			require.Equal(t, rows, a.count("_workflowExecutions"))
		})
	}
	t.Run("refused: nothing is remembered", func(t *testing.T) {
		for range 2 {
			res := a.keyed("refused", "user", "POST", postsURL+"?triggerWorkflows=guard", `{"title":"bad"}`)
			require.Equal(t, 400, res.StatusCode, res.body)
			require.Empty(t, res.Header.Get("Idempotency-Replayed"))
			res.id(t, "guard")
		}
	})
	t.Run("answers that were lost tell what ran", func(t *testing.T) {
		first := a.keyed("lost", "user", "POST", postsURL+"?triggerWorkflows=note,guard", `{"title":"good"}`)
		a.execute(`UPDATE _workflowRequests SET status = 0, body = '', headers = (SELECT headers FROM _workflowRequests r2 WHERE r2.id = _workflowRequests.id)`)
		again := a.keyed("lost", "user", "POST", postsURL+"?triggerWorkflows=note,guard", `{"title":"good"}`)
		require.Equal(t, 200, again.StatusCode, again.body)
		require.Equal(t, first.executions(), again.executions())
	})
}

// TestBefore_Multipart: a form's values are ctx.data, its files are listed there
// and are in ctx.record.
func TestBefore_Multipart(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("form", { on: { type: "before", collection: "posts" } }, (ctx) => {
    const files = ctx.record.getUnsavedFiles("file");
    if (files.length && files[0].size > 10) ctx.fail("That is a large file.");
    return [ctx.data, files.map((f) => f.originalName), ctx.record.get("title")];
});
workflow("attach", { on: { type: "before", collection: "posts" } }, (ctx) => {
    ctx.record.set("file", $filesystem.fileFromBytes("by a workflow", "made.txt"));
});`))
	form := func(fields map[string]string, content string) (*bytes.Buffer, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for k, v := range fields {
			require.NoError(t, w.WriteField(k, v))
		}
		f, err := w.CreateFormFile("file", "hello.txt")
		require.NoError(t, err)
		_, err = f.Write([]byte(content))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return &b, w.FormDataContentType()
	}
	listed := []any{map[string]any{"name": "hello.txt", "size": 5.0}}
	for _, c := range []struct {
		name, method, url string
		fields            map[string]string
		data              map[string]any
	}{
		{"fields", "POST", postsURL, map[string]string{"title": "A"}, map[string]any{"title": "A", "file": listed}},
		{"@jsonPayload", "POST", postsURL, map[string]string{"@jsonPayload": `{"title":"A","category":{"title":"Fresh"}}`}, map[string]any{"title": "A", "category": titled("Fresh"), "file": listed}},
		{"an update", "PATCH", postsURL + "/" + bareID, map[string]string{"title": "A"}, map[string]any{"title": "A", "file": listed}},
		{"NocoBase", "POST", "/api/posts:create", map[string]string{"title": "A"}, map[string]any{"title": "A", "file": listed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, contentType := form(c.fields, "hello")
			res := a.send("user", c.method, c.url+"?triggerWorkflows=form", body, "Content-Type", contentType)
			require.Equal(t, 200, res.StatusCode, res.body)
			require.Equal(t, []any{c.data, []any{"hello.txt"}, "A"}, output(t, a.row(res.id(t, "form"))))
			require.Contains(t, res.body, "hello")
		})
	}
	t.Run("a batch", func(t *testing.T) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		require.NoError(t, w.WriteField("@jsonPayload", `{"requests":[{"method":"POST","url":"`+postsURL+`?triggerWorkflows=form","body":{"title":"A"}}]}`))
		f, err := w.CreateFormFile("requests.0.file", "hello.txt")
		require.NoError(t, err)
		_, err = f.Write([]byte("hello"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		res := a.send("user", "POST", "/api/batch", &b, "Content-Type", w.FormDataContentType())
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, map[string]any{"title": "A", "file": listed}, output(t, a.row(res.id(t, "0:form"))).([]any)[0])
	})
	t.Run("refused", func(t *testing.T) {
		posts := a.count("posts")
		body, contentType := form(map[string]string{"title": "A"}, "hello, hello, hello")
		res := a.send("user", "POST", postsURL+"?triggerWorkflows=form", body, "Content-Type", contentType)
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Equal(t, posts, a.count("posts"))
	})
	t.Run("the handler adds a file", func(t *testing.T) {
		res := a.create("?triggerWorkflows=attach", nil)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.True(t, strings.HasPrefix(res.data(t)["file"].(string), "made"), res.body)
	})
}

// TestBefore_AuthCollection: sign-ups and profile changes; passwords are for
// ctx.record, nothing stores them.
func TestBefore_AuthCollection(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "before", collection: "users" };
workflow("join", { on: { ...on, global: true, actions: ["create"] } }, (ctx) => {
    if (ctx.data.email.endsWith("@spam.example")) ctx.fail("Not from there.");
    ctx.record.set("name", ctx.record.get("password").length + " characters");
    return [ctx.data, ctx.record];
});
workflow("change", { on, rule: "" }, (ctx) => [ctx.data, ctx.original]);
workflow("reset", { on, rule: "" }, (ctx) => { ctx.record.setPassword("chosen-by-workflow") });
workflow("author", { on: { type: "before", collection: "notes" }, rule: "" }, (ctx) => ctx.data);
`))
	notes := core.NewBaseCollection("notes")
	users, err := a.FindCollectionByNameOrId("users")
	require.NoError(t, err)
	open := ""
	notes.CreateRule = &open
	notes.Fields.Add(&core.RelationField{Name: "author", CollectionId: users.Id, MaxSelect: 1})
	require.NoError(t, a.Save(notes))

	const secret = "a-long-secret"
	signUp := map[string]any{"email": "new@example.com", "password": secret, "passwordConfirm": secret, "emailVisibility": true}
	res := a.send("", "POST", "/api/collections/users/records", signUp)
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, "13 characters", res.data(t)["name"])
	id := res.data(t)["id"].(string)
	row := a.row(res.id(t, "join"))
	require.Equal(t, map[string]any{"email": "new@example.com", "emailVisibility": true}, output(t, row).([]any)[0])
	require.Empty(t, row.GetString("user"), "a guest")

	count := a.count("users")
	res = a.send("", "POST", "/api/collections/users/records", map[string]any{"email": "a@spam.example", "password": secret, "passwordConfirm": secret})
	require.Equal(t, 400, res.StatusCode, res.body)
	require.Contains(t, res.body, "Not from there.")
	res = a.send("", "POST", "/api/collections/users/records", map[string]any{"email": "b@example.com", "password": secret, "passwordConfirm": "other"})
	require.Equal(t, 400, res.StatusCode, "PocketBase validates as usual")
	res = a.send("", "POST", "/api/collections/notes/records?triggerWorkflows=author", map[string]any{"author": map[string]any{"email": "c@spam.example", "password": secret, "passwordConfirm": secret}})
	require.Equal(t, 400, res.StatusCode, res.body)
	require.Contains(t, res.body, "author.join")
	require.Equal(t, count, a.count("users"))

	res = a.send("", "POST", "/api/collections/notes/records?triggerWorkflows=author", map[string]any{"author": map[string]any{"email": "c@example.com", "password": secret, "passwordConfirm": secret}})
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, map[string]any{"author": map[string]any{"email": "c@example.com"}}, output(t, a.row(res.id(t, "author"))))

	res = a.send("", "PATCH", "/api/collections/users/records/"+id+"?triggerWorkflows=change", map[string]any{"oldPassword": secret, "password": "another-secret", "passwordConfirm": "another-secret"})
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, map[string]any{}, output(t, a.row(res.id(t, "change"))).([]any)[0])

	user, err := a.FindRecordById("users", id)
	require.NoError(t, err)
	require.True(t, user.ValidatePassword("another-secret"))
	res = a.send("", "PATCH", "/api/collections/users/records/"+id+"?triggerWorkflows=reset", map[string]any{"name": "x"})
	require.Equal(t, 200, res.StatusCode, res.body)
	user, err = a.FindRecordById("users", id)
	require.NoError(t, err)
	require.True(t, user.ValidatePassword("chosen-by-workflow"))

	var rows []struct {
		Input  string `db:"input"`
		Output string `db:"output"`
	}
	require.NoError(t, a.DB().NewQuery("SELECT input, coalesce(output, '') output FROM _workflowExecutions").All(&rows))
	raw, err := json.Marshal(rows)
	require.NoError(t, err)
	for _, s := range []string{"secret", "tokenKey", "assword"} {
		require.NotContains(t, string(raw), s)
	}
	require.Equal(t, http.StatusOK, res.StatusCode)
}
