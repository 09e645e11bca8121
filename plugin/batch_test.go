package plugin_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

type sub struct {
	Method string         `json:"method"`
	URL    string         `json:"url"`
	Body   map[string]any `json:"body,omitempty"`
}

func (a *app) batch(who string, requests ...sub) answer {
	a.t.Helper()
	return a.send(who, http.MethodPost, "/api/batch", map[string]any{"requests": requests})
}

func TestBatch(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"a.js": syncWorkflows, "b.js": `
workflow("note", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.action + " " + ctx.data.title);
workflow("greet", { on: { type: "action", collection: "categories" } }, (ctx) => ctx.data.title);
workflow("inside", { on: { type: "action", collection: "posts" }, mode: "transaction" }, (ctx) => { ctx.fail("no"); });
`})
	const posts = "/api/collections/posts/records"
	title := func(s string) map[string]any { return map[string]any{"title": s} }

	t.Run("every sub-request triggers, under its index", func(t *testing.T) {
		res := a.batch("user",
			sub{"POST", posts + "?triggerWorkflows=note,nope", title("one")},
			sub{"PATCH", posts + "/" + fullID + "?triggerWorkflows=greet!category", title("two")},
			sub{"POST", posts, title("three")},
			sub{"PUT", posts + "?triggerWorkflows=note", map[string]any{"id": bareID, "title": "upsert"}},
			sub{"PUT", posts + "?triggerWorkflows=note", map[string]any{"id": "newpost00000001", "title": "insert"}},
			sub{"DELETE", posts + "/" + bareID + "?triggerWorkflows=note", nil},
		)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Equal(t, "0:nope=unknown", res.skipped())
		require.Equal(t, "create one", output(t, a.row(res.id(t, "0:note"))))
		require.Equal(t, "News", output(t, a.row(res.id(t, "1:greet!category"))))
		require.Equal(t, "update upsert", output(t, a.row(res.id(t, "3:note"))))
		require.Equal(t, "create insert", output(t, a.row(res.id(t, "4:note"))))
		require.Equal(t, "delete upsert", output(t, a.row(res.id(t, "5:note"))))
	})
	t.Run("one that fails takes all with it", func(t *testing.T) {
		before, rows := a.count("posts"), len(a.rows("note"))
		for _, bad := range []sub{
			{"POST", posts, title("")},
			{"POST", posts + "?triggerWorkflows=a!b!c", title("x")},
			{"POST", posts + "?triggerWorkflows=inside", title("x")},
		} {
			res := a.batch("user", sub{"POST", posts + "?triggerWorkflows=note", title("one")}, bad)
			require.Equal(t, 400, res.StatusCode, res.body)
			require.Contains(t, res.body, `"1":{`)
			require.Empty(t, res.executions())
		}
		require.Equal(t, before, a.count("posts"))
		require.Len(t, a.rows("note"), rows)
	})
	t.Run("rights hold for every sub-request", func(t *testing.T) {
		res := a.batch("", sub{"POST", posts, title("one")}, sub{"POST", posts + "?triggerWorkflows=note", title("two")})
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, `"status":401`)
	})
	t.Run("sync: run after the commit, before the answer", func(t *testing.T) {
		res := a.batch("user", sub{"POST", posts + "?triggerWorkflows=check", title("one")}, sub{"POST", posts + "?triggerWorkflows=second", title("two")})
		require.Equal(t, 200, res.StatusCode, res.body)
		var messages []string
		require.NoError(t, json.Unmarshal([]byte(res.Header.Get("X-Workflow-Messages")), &messages))
		require.Equal(t, []string{"checked one", "global ü 😀", "second", "global ü 😀"}, messages)
	})
	t.Run("sync: a failing one names its sub-request, the records stay", func(t *testing.T) {
		before := a.count("posts")
		res := a.batch("user", sub{"POST", posts, title("one")}, sub{"POST", posts + "?triggerWorkflows=check", title("bad")})
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, `"1":{`)
		require.Contains(t, res.body, "This title is bad.")
		require.Equal(t, before+2, a.count("posts"))
	})
	t.Run("nested values", func(t *testing.T) {
		before := a.count("categories")
		res := a.batch("user",
			sub{"POST", posts + "?triggerWorkflows=greet!category", map[string]any{"title": "x", "category": title("Fresh")}},
			sub{"POST", posts + "?triggerWorkflows=note", title("y")},
		)
		require.Equal(t, 200, res.StatusCode, res.body)
		var subs []struct {
			Status int            `json:"status"`
			Body   map[string]any `json:"body"`
		}
		require.NoError(t, json.Unmarshal([]byte(res.body), &subs))
		require.Len(t, subs, 2, "the client's own sub-requests only")
		require.Equal(t, "y", subs[1].Body["title"])
		require.Equal(t, "Fresh", output(t, a.row(res.id(t, "0:greet!category"))))
		res.id(t, "1:note")
		require.Equal(t, before+1, a.count("categories"))
	})
	t.Run("a failing nested value names its path and sub-request", func(t *testing.T) {
		before := a.count("posts")
		res := a.batch("user", sub{"POST", posts, title("y")}, sub{"POST", posts, map[string]any{"title": "x", "category": title("")}})
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, `"1":{`)
		require.Contains(t, res.body, "category.title")
		require.Equal(t, before, a.count("posts"))
	})
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("file", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.data.file);
workflow("greet", { on: { type: "action", collection: "categories" } }, (ctx) => ctx.data.title);
`))
	form := func(fields map[string]string) (*bytes.Buffer, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for k, v := range fields {
			require.NoError(t, w.WriteField(k, v))
		}
		f, err := w.CreateFormFile("file", "hello.txt")
		require.NoError(t, err)
		_, err = f.Write([]byte("hello"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return &b, w.FormDataContentType()
	}
	t.Run("a file", func(t *testing.T) {
		body, contentType := form(map[string]string{"title": "With a file"})
		res := a.send("user", "POST", "/api/collections/posts/records?triggerWorkflows=file", body, "Content-Type", contentType)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Contains(t, output(t, a.row(res.id(t, "file"))), "hello")
	})
	t.Run("nested values as @jsonPayload beside a file", func(t *testing.T) {
		body, contentType := form(map[string]string{"@jsonPayload": `{"title":"x","category":{"title":"Fresh"}}`})
		res := a.send("user", "POST", "/api/collections/posts/records?triggerWorkflows=file,greet!category", body, "Content-Type", contentType)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Contains(t, output(t, a.row(res.id(t, "file"))), "hello")
		require.Equal(t, "Fresh", output(t, a.row(res.id(t, "greet!category"))))
	})
}

func TestAuthCollection(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("welcome", { on: { type: "action", collection: "users" }, rule: "" }, (ctx) => ctx.data);
workflow("joined", { on: { type: "action", collection: "users", global: true, actions: ["create"] } }, (ctx) => ctx.data.id);
`))
	res := a.send("", "POST", "/api/collections/users/records?triggerWorkflows=welcome", map[string]any{
		"email": "new@example.com", "password": "1234567890", "passwordConfirm": "1234567890", "emailVisibility": true,
	})
	require.Equal(t, 200, res.StatusCode, res.body)
	seen := a.row(res.id(t, "welcome"))
	require.NotContains(t, seen.GetString("output"), "password")
	require.NotContains(t, seen.GetString("output"), "tokenKey")
	require.Equal(t, res.data(t)["id"], output(t, a.row(res.id(t, "joined"))))
	require.Empty(t, seen.GetString("user"), "a guest caused it")
}
