package plugin_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const manualWorkflows = `
const seen = (ctx) => ({ data: ctx.data, params: ctx.params, user: ctx.user && ctx.user.id, role: ctx.roleName, action: ctx.action, collection: ctx.collection, path: ctx.path });
const none = { type: "manual" };
const post = { type: "manual", context: "record", collection: "posts" };
workflow("plain", { on: none }, seen);
workflow("answers", { on: none, mode: "sync" }, (ctx) => {
	ctx.respond("hello " + ctx.data.name);
	if (ctx.data.name === "bad") ctx.fail("No such name.");
	if (ctx.data.name === "bug") throw new Error("oops");
	if (ctx.data.name === "slow") ctx.step.sleep("nap", "1h");
	return { name: ctx.data.name };
});
workflow("open", { on: none, rule: "" }, seen);
workflow("closed", { on: none, rule: null }, seen);
workflow("never", { on: none, rule: "@request.auth.id = 'nobody'" }, seen);
workflow("body", { on: none, rule: "@request.body.secret = 'abc'" }, seen);
workflow("off", { on: none, enabled: false }, seen);
workflow("wrong", { on: { type: "manual", context: "record", collection: "nothing" } }, seen);
workflow("once", { on: none, dedup: "data.order" }, (ctx) => { ctx.step.sleep("nap", "1h") });
workflow("same", { on: none, dedup: { key: "data.order", policy: "return" } }, (ctx) => { ctx.step.sleep("nap", "1h") });
workflow("write", { on: { type: "action", collection: "posts" } }, seen);
workflow("see", { on: { ...post, expand: ["category"] } }, seen);
workflow("seeSync", { on: post, mode: "sync" }, (ctx) => { ctx.respond(ctx.data.title); return ctx.data.title });
workflow("draft", { on: { ...post, condition: "title ~ 'draft'" } }, seen);
workflow("list", { on: { ...post, context: "records" } }, seen);
workflow("aboutCategory", { on: { type: "manual", context: "record", collection: "categories" } }, seen);
workflow("aboutTags", { on: { type: "manual", context: "record", collection: "tags" } }, seen);
workflow("allTags", { on: { type: "manual", context: "records", collection: "tags" } }, seen);
workflow("aboutUser", { on: { type: "manual", context: "record", collection: "users" } }, seen);
workflow("aboutVault", { on: { type: "manual", context: "record", collection: "vaults" } }, seen);
`

const (
	onPosts = "/api/collections/posts/records/"
	onFull  = onPosts + fullID + "/trigger?triggerWorkflows="
)

// started is the id of the only execution that an answer names for an entry.
func (r answer) started(t *testing.T, entry string) string {
	t.Helper()
	id, ok := r.data(t)["executions"].(map[string]any)[entry].(string)
	require.Truef(t, ok, "%d %s", r.StatusCode, r.body)
	return id
}

func TestManual_WithoutRecord(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	post := func(who, url string, body any, headers ...string) answer {
		return a.send(who, http.MethodPost, url, body, headers...)
	}

	t.Run("the body is the data", func(t *testing.T) {
		res := post("user", "/api/workflows/plain/trigger", `{"n":1,"list":[{"a":true}]}`, "X-Role", "member")
		require.Equal(t, 202, res.StatusCode, res.body)
		id := res.started(t, "plain")
		require.JSONEq(t, `{"executions":{"plain":"`+id+`"}}`, res.body)
		require.Equal(t, "plain="+id, res.executions())
		require.Contains(t, res.Header.Get("Access-Control-Expose-Headers"), "X-Workflow-Executions")
		row := a.row(id)
		user, err := a.FindAuthRecordByEmail("users", "test@example.com")
		require.NoError(t, err)
		require.JSONEq(t, `{"data":{"n":1,"list":[{"a":true}]},"params":{"n":1,"list":[{"a":true}]},"user":"`+user.Id+
			`","role":"member","action":"trigger","collection":"","path":""}`, row.GetString("output"))
		require.JSONEq(t, `{"type":"manual","action":"trigger","request":"POST /api/workflows/plain/trigger"}`, row.GetString("trigger"))
		require.Equal(t, "async", row.GetString("mode"))
		require.Equal(t, user.Id, row.GetString("user"))
		require.Equal(t, "users", row.GetString("userCollection"))
	})
	t.Run("nothing is an empty object", func(t *testing.T) {
		res := post("user", "/api/workflows/plain/trigger", nil)
		require.Equal(t, map[string]any{}, output(t, a.row(res.started(t, "plain"))).(map[string]any)["data"])
	})
	t.Run("a form, without the query", func(t *testing.T) {
		res := post("user", "/api/workflows/plain/trigger?x=query", strings.NewReader("name=Ann&n=3&tag=a&tag=b"), "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, map[string]any{"name": "Ann", "n": 3.0, "tag": []any{"a", "b"}}, output(t, a.row(res.started(t, "plain"))).(map[string]any)["data"])
	})
	t.Run("multipart, whose files are listed", func(t *testing.T) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		require.NoError(t, w.WriteField("name", "Ann"))
		f, err := w.CreateFormFile("scan", "a.txt")
		require.NoError(t, err)
		_, err = f.Write([]byte("hello"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		res := post("user", "/api/workflows/plain/trigger", &body, "Content-Type", w.FormDataContentType())
		require.Equal(t, map[string]any{
			"name": "Ann", "scan": []any{map[string]any{"name": "a.txt", "size": 5.0, "type": "application/octet-stream"}},
		}, output(t, a.row(res.started(t, "plain"))).(map[string]any)["data"])
	})
	t.Run("the token may stand in the query", func(t *testing.T) {
		res := post("", "/api/workflows/plain/trigger?token="+token(t, a.TestApp, "user"), `{}`)
		require.Equal(t, 202, res.StatusCode, res.body)
	})
	for _, c := range []struct {
		name, who, url string
		body           any
		headers        []string
		status         int
		says           string
	}{
		{"a guest", "", "/api/workflows/plain/trigger", `{}`, nil, 401, "without a login"},
		{"a guest where the rule lets anyone", "", "/api/workflows/open/trigger", `{}`, nil, 202, "executions"},
		{"superusers only", "user", "/api/workflows/closed/trigger", `{}`, nil, 403, "not allowed"},
		{"a superuser", "super", "/api/workflows/closed/trigger", `{}`, nil, 202, "executions"},
		{"a rule that is false", "user", "/api/workflows/never/trigger", `{}`, nil, 403, "not allowed"},
		{"a rule about the body", "user", "/api/workflows/body/trigger", `{"secret":"abc"}`, nil, 202, "executions"},
		{"a rule about the body that is false", "user", "/api/workflows/body/trigger", `{"secret":"abd"}`, nil, 403, "not allowed"},
		{"a role that the user lacks", "user", "/api/workflows/plain/trigger", `{}`, []string{"X-Role", "boss"}, 403, "role"},
		{"an unknown key", "user", "/api/workflows/nobody/trigger", `{}`, nil, 404, `There is no workflow`},
		{"a disabled one", "user", "/api/workflows/off/trigger", `{}`, nil, 404, `is disabled`},
		{"an invalid one", "user", "/api/workflows/wrong/trigger", `{}`, nil, 404, `is invalid`},
		{"another type of trigger", "user", "/api/workflows/write/trigger", `{}`, nil, 400, `of type \"action\"`},
		{"one for records", "user", "/api/workflows/see/trigger", `{}`, nil, 400, `is for records`},
		{"a list", "user", "/api/workflows/plain/trigger", `[1]`, nil, 400, "The body can't be read"},
		{"no JSON", "user", "/api/workflows/plain/trigger", `{"a":`, nil, 400, "The body can't be read"},
		{"text", "user", "/api/workflows/plain/trigger", `hello`, []string{"Content-Type", "text/plain"}, 400, "Unsupported Content-Type"},
		{"over the limit of an input", "user", "/api/workflows/plain/trigger", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "1 MiB"},
		{"over the limit of a body", "user", "/api/workflows/plain/trigger", `{"a":"` + strings.Repeat("x", 3<<20) + `"}`, nil, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("_workflowExecutions")
			res := post(c.who, c.url, c.body, c.headers...)
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			if c.status >= 400 {
				require.Equal(t, before, a.count("_workflowExecutions"))
			}
		})
	}
	t.Run("another method", func(t *testing.T) {
		res := a.send("user", http.MethodGet, "/api/workflows/plain/trigger", nil)
		require.Equal(t, 405, res.StatusCode)
	})
	t.Run("a duplicate is skipped, or answered with the first one", func(t *testing.T) {
		first := post("user", "/api/workflows/once/trigger", `{"order":1}`)
		require.Equal(t, 202, first.StatusCode)
		second := post("user", "/api/workflows/once/trigger", `{"order":1}`)
		require.Equal(t, 200, second.StatusCode)
		require.JSONEq(t, `{"executions":{},"skipped":{"once":"duplicate"}}`, second.body)
		require.Equal(t, "once=duplicate", second.skipped())
		require.Equal(t, post("user", "/api/workflows/same/trigger", `{"order":1}`).started(t, "same"),
			post("user", "/api/workflows/same/trigger", `{"order":1}`).started(t, "same"))
	})
}

func TestManual_Sync(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: 150 * time.Millisecond}, one(manualWorkflows))
	ask := func(name string, headers ...string) answer {
		return a.send("user", http.MethodPost, "/api/workflows/answers/trigger", `{"name":"`+name+`"}`, headers...)
	}
	res := ask("Ann")
	require.Equal(t, 200, res.StatusCode, res.body)
	require.JSONEq(t, `{"executions":{"answers":"`+res.started(t, "answers")+`"},"outputs":{"answers":{"name":"Ann"}},"messages":["hello Ann"]}`, res.body)
	require.Equal(t, `["hello Ann"]`, res.Header.Get("X-Workflow-Messages"))
	require.Equal(t, "completed", a.status(res.started(t, "answers")))

	res = ask("bad")
	require.Equal(t, 400, res.StatusCode)
	require.JSONEq(t, `{"status":400,"message":"No such name.","data":{"answers":{"code":"workflow_failed","message":"No such name."}}}`, res.body)
	require.Equal(t, "failed", a.status(res.id(t, "answers")))
	require.Equal(t, `["hello bad"]`, res.Header.Get("X-Workflow-Messages"))

	require.Equal(t, 500, ask("bug").StatusCode)

	res = ask("slow")
	require.Equal(t, 202, res.StatusCode, res.body)
	require.Equal(t, "waiting", a.becomes(res.started(t, "answers"), "waiting").GetString("status"))

	res = a.send("user", http.MethodPost, onFull+"seeSync,see", `{"title":"Now"}`)
	require.Equal(t, 202, res.StatusCode, "an async one is not waited for")
	require.Equal(t, map[string]any{"seeSync": "Now"}, res.data(t)["outputs"])
	a.drain()
}

func TestManual_Strict(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{Strict: true}, one(manualWorkflows))
	for _, url := range []string{onFull + "see,nobody", onFull + "see,draft", onFull + "see,aboutVault!vault"} {
		res := a.send("user", http.MethodPost, url, nil)
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.body, "workflow_skipped")
		require.Zero(t, a.count("_workflowExecutions"))
	}
	require.Equal(t, 202, a.send("user", http.MethodPost, onFull+"see", nil).StatusCode)
	require.Equal(t, 202, a.send("user", http.MethodPost, "/api/workflows/once/trigger", `{"order":1}`).StatusCode)
	require.Equal(t, 400, a.send("user", http.MethodPost, "/api/workflows/once/trigger", `{"order":1}`).StatusCode)
}

func TestManual_IdempotencyKey(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	for _, c := range []struct{ url, other string }{
		{"/api/workflows/plain/trigger", "/api/workflows/open/trigger"},
		{"/api/workflows/answers/trigger", "/api/workflows/plain/trigger"},
		{onFull + "see,nobody", onFull + "list"},
		{"/api/posts:trigger/" + fullID + "?triggerWorkflows=see", "/api/posts:trigger/" + bareID + "?triggerWorkflows=see"},
	} {
		ask := func(url, body string) answer {
			return a.send("user", http.MethodPost, url, body, "Idempotency-Key", "a key")
		}
		require.Equal(t, 400, ask(c.url, `{"name":"a"}`).StatusCode, "a key with a blank")
		ask = func(url, body string) answer {
			return a.send("user", http.MethodPost, url, body, "Idempotency-Key", strings.ReplaceAll(c.url, " ", ""))
		}
		before := a.count("_workflowExecutions")
		first, again := ask(c.url, `{"name":"a"}`), ask(c.url, `{"name":"a"}`)
		require.Less(t, first.StatusCode, 300, first.body)
		require.Equal(t, first.StatusCode, again.StatusCode)
		require.JSONEq(t, first.body, again.body)
		require.Equal(t, first.executions(), again.executions())
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		require.Equal(t, before+1, a.count("_workflowExecutions"))
		require.Equal(t, 422, ask(c.url, `{"name":"b"}`).StatusCode)
		require.Equal(t, 422, ask(c.other, `{"name":"a"}`).StatusCode)
	}
	failing := func() answer {
		return a.send("user", http.MethodPost, "/api/workflows/answers/trigger", `{"name":"bad"}`, "Idempotency-Key", "failing")
	}
	first, again := failing(), failing()
	require.Equal(t, 400, again.StatusCode)
	require.JSONEq(t, first.body, again.body)
	require.Equal(t, first.executions(), again.executions())
	a.drain()
}
