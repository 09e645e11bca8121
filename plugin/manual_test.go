package plugin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
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

func TestManual_Record(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	sees := func(t *testing.T, url, entry, body string) (map[string]any, *core.Record) {
		t.Helper()
		res := a.send("user", http.MethodPost, url+entry, body)
		require.Equal(t, 202, res.StatusCode, res.body)
		row := a.row(res.started(t, entry))
		return output(t, row).(map[string]any), row
	}
	t.Run("the record", func(t *testing.T) {
		out, row := sees(t, onFull, "see", "")
		data := out["data"].(map[string]any)
		require.Equal(t, fullID, data["id"])
		require.Equal(t, "Full", data["title"])
		require.Equal(t, "News", data["expand"].(map[string]any)["category"].(map[string]any)["title"])
		require.Equal(t, map[string]any{}, out["params"])
		require.Equal(t, "posts", out["collection"])
		require.JSONEq(t, `{"type":"manual","action":"trigger","collection":"posts","record":"`+fullID+
			`","request":"POST /api/collections/posts/records/`+fullID+`/trigger"}`, row.GetString("trigger"))
	})
	t.Run("the values of a form over it, which are not saved", func(t *testing.T) {
		out, _ := sees(t, onFull, "see", `{"title":"New","category":"","secret":"hush","nonsense":1,"id":"other","file":"x.txt","tags-":"`+jsTagID+`"}`)
		data := out["data"].(map[string]any)
		require.Equal(t, "New", data["title"])
		require.Empty(t, data["category"])
		require.Equal(t, fullID, data["id"])
		require.Equal(t, []any{goTagID}, data["tags"])
		require.Empty(t, data["file"])
		require.NotContains(t, data, "secret")
		require.NotContains(t, data, "nonsense")
		require.Empty(t, data["expand"])
		require.Equal(t, "New", out["params"].(map[string]any)["title"])
		stored, err := a.FindRecordById("posts", fullID)
		require.NoError(t, err)
		require.Equal(t, "Full", stored.GetString("title"))
		require.Empty(t, stored.GetString("secret"))
	})
	t.Run("values of another type are made ones of the field", func(t *testing.T) {
		out, _ := sees(t, onFull, "see", `{"title":7,"tags":"`+goTagID+`"}`)
		require.Equal(t, "7", out["data"].(map[string]any)["title"])
		require.Equal(t, []any{goTagID}, out["data"].(map[string]any)["tags"])
	})
	t.Run("a record that is not stored yet", func(t *testing.T) {
		before := a.count("posts")
		out, row := sees(t, onPosts+"trigger?triggerWorkflows=", "see", `{"title":"Fresh","category":"`+newsID+`"}`)
		data := out["data"].(map[string]any)
		require.Empty(t, data["id"])
		require.Equal(t, "Fresh", data["title"])
		require.Equal(t, "News", data["expand"].(map[string]any)["category"].(map[string]any)["title"])
		require.JSONEq(t, `{"type":"manual","action":"trigger","collection":"posts","request":"POST /api/collections/posts/records/trigger"}`, row.GetString("trigger"))
		require.Equal(t, before, a.count("posts"))
	})
	t.Run("a condition is about what the form says", func(t *testing.T) {
		sees(t, onFull, "draft", `{"title":"a draft"}`)
		sees(t, onPosts+"trigger?triggerWorkflows=", "draft", `{"title":"a new draft"}`)
		res := a.send("user", http.MethodPost, onFull+"draft", `{}`)
		require.Equal(t, "draft=condition_false", res.skipped())
		require.Equal(t, 200, res.StatusCode)
	})
	t.Run("a list workflow gets a list of one", func(t *testing.T) {
		out, _ := sees(t, onFull, "list", `{"title":"New"}`)
		require.Len(t, out["data"], 1)
		require.Equal(t, "New", out["data"].([]any)[0].(map[string]any)["title"])
	})
	t.Run("a related record", func(t *testing.T) {
		out, row := sees(t, onFull, "aboutCategory!category", "")
		require.Equal(t, "News", out["data"].(map[string]any)["title"])
		require.Equal(t, "category", out["path"])
		require.Contains(t, row.GetString("trigger"), `"record":"`+newsID+`"`)
	})
	t.Run("a record that the form relates to", func(t *testing.T) {
		out, _ := sees(t, onPosts+bareID+"/trigger?triggerWorkflows=", "aboutCategory!category", `{"category":"`+newsID+`"}`)
		require.Equal(t, "News", out["data"].(map[string]any)["title"])
	})
	t.Run("related records: one execution each, or one with all", func(t *testing.T) {
		res := a.send("user", http.MethodPost, onFull+"aboutTags!tags,allTags!tags", nil)
		executions := res.data(t)["executions"].(map[string]any)
		require.Len(t, executions["aboutTags!tags"], 2)
		require.Len(t, output(t, a.row(executions["allTags!tags"].(string))).(map[string]any)["data"], 2)
	})
	t.Run("what can't be started is skipped", func(t *testing.T) {
		res := a.send("user", http.MethodPost, onFull+"see,see,nobody,off,wrong,write,plain,aboutTags,aboutTags!nothing,aboutCategory!tags,aboutVault!vault", nil)
		require.Equal(t, 202, res.StatusCode)
		require.Equal(t, "see=duplicate, nobody=unknown, off=disabled, wrong=invalid, write=wrong_trigger, plain=wrong_trigger, aboutTags=collection_mismatch, "+
			"aboutTags!nothing=unknown_path, aboutCategory!tags=collection_mismatch, aboutVault!vault=no_related_record", res.skipped())
		require.Len(t, res.data(t)["skipped"], 10)
		require.Len(t, res.data(t)["executions"], 1)
		res = a.send("user", http.MethodPost, onPosts+bareID+"/trigger?triggerWorkflows=aboutCategory!category", nil)
		require.Equal(t, "aboutCategory!category=no_related_record", res.skipped())
	})
	many := strings.TrimSuffix(strings.Repeat("see,", 51), ",")
	for _, c := range []struct {
		name, who, url string
		status         int
		says           string
	}{
		{"a guest", "", onFull + "see", 401, "without a login"},
		{"an unknown record", "user", onPosts + "missing00000000/trigger?triggerWorkflows=see", 404, "missing00000000"},
		{"a record that the user may not view", "user", "/api/collections/vaults/records/" + secretID + "/trigger?triggerWorkflows=aboutVault", 404, secretID},
		{"a superuser may", "super", "/api/collections/vaults/records/" + secretID + "/trigger?triggerWorkflows=aboutVault", 202, "aboutVault"},
		{"an unknown collection", "user", "/api/collections/nothing/records/x/trigger?triggerWorkflows=see", 404, "collection"},
		{"no workflow", "user", onPosts + fullID + "/trigger", 400, "must name at least one workflow"},
		{"an empty list of them", "user", onFull + ",%20,", 400, "must name at least one workflow"},
		{"an entry that can't be read", "user", onFull + "see!", 400, "not of the form"},
		{"too many entries", "user", onFull + many, 400, "more than 50"},
		{"neither ids nor values", "user", onPosts + "trigger?triggerWorkflows=see", 400, "?ids=a,b,c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("_workflowExecutions")
			res := a.send(c.who, http.MethodPost, c.url, nil)
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			if c.status >= 400 {
				require.Equal(t, before, a.count("_workflowExecutions"))
			}
		})
	}
}

// TestManual_ViewRule: what a rule hides does not exist, here as everywhere.
func TestManual_ViewRule(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	rule := "title != 'Bare' && @request.auth.id != ''"
	posts.ViewRule = &rule
	require.NoError(t, a.Save(posts))
	res := a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=see&ids="+fullID+","+bareID, nil)
	require.Equal(t, 404, res.StatusCode)
	require.Contains(t, res.body, bareID)
	require.NotContains(t, res.body, fullID)
	require.Zero(t, a.count("_workflowExecutions"))
	require.Equal(t, 404, a.send("user", http.MethodPost, onPosts+bareID+"/trigger?triggerWorkflows=see", `{"title":"mine"}`).StatusCode,
		"the rule is about what is stored")
	require.Equal(t, 202, a.send("super", http.MethodPost, onPosts+bareID+"/trigger?triggerWorkflows=see", nil).StatusCode)
}

func TestManual_Many(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	const url = onPosts + "trigger?ids=" + bareID + ",%20" + fullID + "," + bareID + "&triggerWorkflows="
	res := a.send("user", http.MethodPost, url+"see,list,aboutTags!tags,allTags!tags", `{"title":"Form"}`)
	require.Equal(t, 202, res.StatusCode, res.body)
	executions := res.data(t)["executions"].(map[string]any)
	each := executions["see"].([]any)
	require.Len(t, each, 2)
	require.Equal(t, "Bare", output(t, a.row(each[0].(string))).(map[string]any)["data"].(map[string]any)["title"], "in the order of the ids, as stored")
	require.Equal(t, "Full", output(t, a.row(each[1].(string))).(map[string]any)["data"].(map[string]any)["title"])
	row := a.row(executions["list"].(string))
	all := output(t, row).(map[string]any)
	require.Equal(t, bareID, all["data"].([]any)[0].(map[string]any)["id"])
	require.Equal(t, fullID, all["data"].([]any)[1].(map[string]any)["id"])
	require.Equal(t, map[string]any{"title": "Form"}, all["params"])
	require.JSONEq(t, `{"type":"manual","action":"trigger","collection":"posts","request":"POST /api/collections/posts/records/trigger"}`, row.GetString("trigger"))
	require.Len(t, executions["aboutTags!tags"], 2, "of those that have some")
	require.IsType(t, "", executions["allTags!tags"])

	ids := make([]string, 101)
	for i := range ids {
		ids[i] = fmt.Sprintf("post%011d", i)
	}
	res = a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=see&ids="+strings.Join(ids, ","), nil)
	require.Equal(t, 400, res.StatusCode)
	require.Contains(t, res.body, "At most 100 records")
	res = a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=see&ids=,", `{"title":"x"}`)
	require.Equal(t, 400, res.StatusCode)

	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	for _, id := range ids[10:15] {
		r := core.NewRecord(posts)
		r.Load(map[string]any{"id": id, "title": "draft " + id})
		require.NoError(t, a.Save(r))
	}
	res = a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=draft&ids="+fullID+","+strings.Join(ids[10:15], ","), nil)
	require.Len(t, res.data(t)["executions"].(map[string]any)["draft"], 5, "those that satisfy the condition")
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
			return a.send("user", http.MethodPost, url, body, "Idempotency-Key", "key of "+"x")
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

func TestManual_NocoBase(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	ask := func(url, body string) answer {
		return a.send("user", http.MethodPost, url, strings.NewReader(body), "Content-Type", "")
	}
	executions := func(t *testing.T, res answer) map[string]any {
		t.Helper()
		require.Less(t, res.StatusCode, 300, res.body)
		return res.data(t)["data"].(map[string]any)["executions"].(map[string]any)
	}
	sees := func(t *testing.T, res answer, key string) map[string]any {
		t.Helper()
		return output(t, a.row(executions(t, res)[key].(string))).(map[string]any)
	}
	t.Run("no record", func(t *testing.T) {
		require.Equal(t, map[string]any{"a": 1.0}, sees(t, ask("/api/workflows:trigger?triggerWorkflows=plain", `{"values":{"a":1}}`), "plain")["data"])
		require.Equal(t, map[string]any{"a": 1.0}, sees(t, ask("/api/workflows:trigger?triggerWorkflows=plain", `{"a":1}`), "plain")["data"])
		res := ask("/api/workflows:trigger?triggerWorkflows=plain,open,see", `{}`)
		require.Len(t, executions(t, res), 2)
		require.Equal(t, "see=wrong_trigger", res.skipped())
	})
	t.Run("one record", func(t *testing.T) {
		for _, url := range []string{"/api/posts:trigger/" + fullID + "?triggerWorkflows=see", "/api/posts:trigger?filterByTk=" + fullID + "&triggerWorkflows=see"} {
			res := ask(url, `{"values":{"title":"New"}}`)
			require.Equal(t, 202, res.StatusCode)
			out := sees(t, res, "see")
			require.Equal(t, "New", out["data"].(map[string]any)["title"])
			require.Equal(t, fullID, out["data"].(map[string]any)["id"])
		}
		require.Equal(t, "New", sees(t, ask("/api/posts:trigger?triggerWorkflows=see", `{"title":"New"}`), "see")["data"].(map[string]any)["title"], "not stored yet")
	})
	t.Run("many", func(t *testing.T) {
		for _, list := range []string{"filterByTk[]=" + fullID + "&filterByTk[]=" + bareID, "filterByTk[0]=" + fullID + "&filterByTk[1]=" + bareID, "filterByTk=" + fullID + "," + bareID} {
			res := ask("/api/posts:trigger?triggerWorkflows=see,list&"+list, `{"values":{"title":"New"}}`)
			require.Len(t, executions(t, res)["see"], 2)
			require.Equal(t, "Full", sees(t, res, "list")["data"].([]any)[0].(map[string]any)["title"])
		}
	})
	t.Run("messages and errors", func(t *testing.T) {
		res := ask("/api/workflows:trigger?triggerWorkflows=answers", `{"values":{"name":"Ann"}}`)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, []any{map[string]any{"message": "hello Ann"}}, res.data(t)["messages"])
		require.Equal(t, map[string]any{"answers": map[string]any{"name": "Ann"}}, res.data(t)["data"].(map[string]any)["outputs"])
		res = ask("/api/workflows:trigger?triggerWorkflows=answers", `{"values":{"name":"bad"}}`)
		require.Equal(t, 400, res.StatusCode)
		require.JSONEq(t, `{"errors":[{"message":"No such name."}]}`, res.body)
		require.NotEmpty(t, res.executions())
		require.Equal(t, 401, a.send("", http.MethodPost, "/api/workflows:trigger?triggerWorkflows=plain", `{}`).StatusCode)
		require.Equal(t, 202, a.send("", http.MethodPost, "/api/posts:trigger/"+fullID+"?triggerWorkflows=see&token="+token(t, a.TestApp, "user"), `{}`).StatusCode)
		for url, status := range map[string]int{
			"/api/posts:trigger/missing00000000?triggerWorkflows=see": 404, "/api/nothing:trigger/x?triggerWorkflows=see": 404,
			"/api/posts:trigger/" + fullID: 400, "/api/workflows:trigger": 400, "/api/posts:publish/" + fullID: 404,
		} {
			res := ask(url, `{}`)
			require.Equal(t, status, res.StatusCode, url)
			if status == 400 {
				require.NotEmpty(t, res.data(t)["errors"])
			}
		}
		require.Equal(t, 404, a.send("user", http.MethodGet, "/api/posts:trigger/"+fullID, nil).StatusCode)
	})
}

// TestManual_Start: $workflows.trigger and Go start them too, with what they are
// for.
func TestManual_Start(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows+`
const call = (key, fn) => workflow(key, { on: { type: "manual" } }, fn);
call("startsOne", () => $workflows.trigger("see", $app.findRecordById("posts", "`+fullID+`")));
call("startsList", () => $workflows.trigger("list", $app.findRecordsByIds("posts", ["`+fullID+`", "`+bareID+`"])));
call("startsArray", () => $workflows.trigger("list", [$app.findRecordById("posts", "`+bareID+`")]));
call("startsAny", () => $workflows.trigger("plain", [1, 2]));
call("mistakes", () => $workflows.trigger("see", { id: "`+fullID+`" }));
call("invokes", (ctx) => ctx.step.invoke("child", "plain", { data: { a: 1 } }));
`))
	returned := func(key string) map[string]any {
		id := output(t, a.row(a.trigger(key, nil))).(string)
		return output(t, a.row(id)).(map[string]any)
	}
	require.Equal(t, fullID, returned("startsOne")["data"].(map[string]any)["id"])
	list := returned("startsList")
	require.Len(t, list["data"], 2)
	require.Equal(t, "posts", list["collection"])
	require.Equal(t, bareID, returned("startsArray")["data"].([]any)[0].(map[string]any)["id"])
	require.Equal(t, []any{1.0, 2.0}, returned("startsAny")["data"])
	require.Equal(t, map[string]any{"a": 1.0}, output(t, a.ends(a.trigger("invokes", nil))).(map[string]any)["data"])
	failed := a.row(a.trigger("mistakes", nil))
	require.Equal(t, "error", failed.GetString("status"))
	require.Contains(t, failed.GetString("error"), `is for a record of \"posts\", got none`)

	post, err := a.FindRecordById("posts", fullID)
	require.NoError(t, err)
	tag, err := a.FindRecordById("tags", goTagID)
	require.NoError(t, err)
	for _, c := range []struct {
		key    string
		target any
		says   string
	}{
		{"see", post, ""},
		{"see", tag, `is for records of "posts", got one of "tags"`},
		{"see", nil, `is for a record of "posts"`},
		{"see", []*core.Record{post}, `is for a record of "posts"`},
		{"list", []*core.Record{post, post}, ""},
		{"list", post, `is for a list of records of "posts"`},
		{"list", []*core.Record{}, `is for a list of records of "posts"`},
		{"list", []map[string]any{{"id": fullID}}, `is for a list of records of "posts"`},
		{"list", []*core.Record{post, tag}, `number 2 of the list is none`},
		{"list", make([]*core.Record, 101), "at most 100 records"},
		{"plain", "anything", ""},
	} {
		_, err := a.plugin.Trigger(a.TestApp, c.key, c.target, plugin.TriggerOptions{})
		if c.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.says)
		}
	}
	a.drain()
}

// TestManual_Chain: what a script starts over HTTP knows its chain.
func TestManual_Chain(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "manual" };
const again = (ctx) => {
	const res = $http.send({ url: ctx.data.url + "/api/workflows/" + ctx.execution.key + "/trigger", method: "POST",
		headers: { "Content-Type": "application/json" }, body: JSON.stringify(ctx.data) });
	return res.json;
};
workflow("loops", { on, rule: "" }, again);
workflow("may", { on, rule: "", allowReentry: true }, (ctx) => ctx.execution.depth < 2 ? again(ctx) : "deep");
`))
	server := httptest.NewServer(a.handler)
	t.Cleanup(server.Close)
	a.Settings().Meta.AppURL = server.URL
	data, err := json.Marshal(map[string]any{"url": server.URL})
	require.NoError(t, err)
	out := output(t, a.row(a.send("", http.MethodPost, "/api/workflows/loops/trigger", string(data)).started(t, "loops")))
	require.Equal(t, map[string]any{"executions": map[string]any{}, "skipped": map[string]any{"loops": "recursion"}}, out)
	first := a.send("", http.MethodPost, "/api/workflows/may/trigger", string(data)).started(t, "may")
	require.Eventually(t, func() bool { return len(a.rows("may")) == 3 }, 10*time.Second, 5*time.Millisecond)
	rows := a.rows("may")
	require.Equal(t, first, rows[2].GetString("root"))
	require.Equal(t, rows[1].Id, rows[2].GetString("parent"))
	require.Equal(t, 2, rows[2].GetInt("depth"))
}

// TestManual_HostTransaction: where the host runs requests in a transaction of its
// own, what they start is part of it.
func TestManual_HostTransaction(t *testing.T) {
	t.Parallel()
	a := &app{TestApp: newTestApp(t, plugin.Config{}, one(manualWorkflows)), t: t}
	t.Cleanup(a.TestApp.Cleanup)
	a.plugin = plugin.Get(a.TestApp)
	a.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.BindFunc(func(e *core.RequestEvent) error {
			outer := e.App
			defer func() { e.App = outer }()
			return outer.RunInTransaction(func(tx core.App) error {
				e.App = tx
				if err := e.Next(); err != nil || e.Request.URL.Query().Get("fail") == "" {
					return err
				}
				return errors.New("the host changed its mind")
			})
		})
		return e.Next()
	})
	a.serve()
	for _, url := range []string{"/api/workflows/plain/trigger", "/api/workflows/answers/trigger", onFull + "see"} {
		before := a.count("_workflowExecutions")
		res := a.send("user", http.MethodPost, url, `{"name":"Ann"}`)
		require.Equal(t, 202, res.StatusCode, res.body)
		for _, id := range res.data(t)["executions"].(map[string]any) {
			require.Equal(t, "completed", a.ends(id.(string)).GetString("status"))
		}
		fail := url + "?fail=1"
		if strings.Contains(url, "?") {
			fail = url + "&fail=1"
		}
		a.send("user", http.MethodPost, fail, `{"name":"Ann"}`)
		a.drain()
		require.Equal(t, before+1, a.count("_workflowExecutions"), "rolled back")
	}
}

// TestManual_Options: what "on" of a manual workflow may say.
func TestManual_Options(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, options, wrong string }{
		{"the least", `on: { type: "manual" }`, ""},
		{"context none", `on: { type: "manual", context: "none" }, mode: "sync"`, ""},
		{"a record", `on: { type: "manual", context: "record", collection: "posts", expand: ["category"], condition: "title != ''" }`, ""},
		{"records", `on: { type: "manual", context: "records", collection: "posts" }`, ""},
		{"records of a view", `on: { type: "manual", context: "record", collection: "titles" }`, ""},
		{"a context that does not exist", `on: { type: "manual", context: "one" }`, `option "on.context": expected "none", "record" or "records", got "one"`},
		{"a context of another type", `on: { type: "manual", context: 1 }`, `option "on.context": expected a string, got 1`},
		{"a record of no collection", `on: { type: "manual", context: "record" }`, `option "on.collection": is required`},
		{"a collection without a record", `on: { type: "manual", collection: "posts" }`, `option "on.collection": needs a record: give context "record" or "records"`},
		{"a condition without a record", `on: { type: "manual", condition: "id != ''" }`, `option "on.condition": needs a record`},
		{"expand without a record", `on: { type: "manual", context: "none", expand: ["x"] }`, `option "on.expand": needs a record`},
		{"an option of another trigger", `on: { type: "manual", actions: ["create"] }`, `option "on.actions": is unknown`},
		{"mode transaction", `on: { type: "manual" }, mode: "transaction"`, `option "mode": trigger type "manual" can't have mode "transaction", only "async" or "sync"`},
		{"an unknown collection", `on: { type: "manual", context: "record", collection: "nothing" }`, `option "on.collection": there is no collection "nothing"`},
		{"an unknown relation", `on: { type: "manual", context: "record", collection: "posts", expand: ["title"] }`, `option "on.expand": collection "posts" has no relation "title"`},
		{"a condition that is none", `on: { type: "manual", context: "record", collection: "posts", condition: "a = = b" }`, `option "on.condition": expected a PocketBase filter`},
		{"a condition about an unknown field", `on: { type: "manual", context: "record", collection: "posts", condition: "nothing = 1" }`, `option "on.condition"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			testApp := newTestApp(t, plugin.Config{}, one(`workflow("one", { `+c.options+` }, (ctx) => ctx.data);`))
			t.Cleanup(testApp.Cleanup)
			titles := core.NewViewCollection("titles")
			titles.ViewQuery, titles.ViewRule = "SELECT id, title FROM posts", new(string)
			require.NoError(t, testApp.Save(titles))
			a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
			a.serve()
			row := workflowRow(a, "one")
			if c.wrong == "" {
				require.Equal(t, true, row["valid"], row["error"])
			} else {
				require.Equal(t, false, row["valid"])
				require.Contains(t, row["error"], c.wrong)
			}
			if c.name != "records of a view" {
				return
			}
			res := a.send("user", http.MethodPost, "/api/collections/titles/records/"+fullID+"/trigger?triggerWorkflows=one", nil)
			require.Equal(t, "Full", output(t, a.row(res.started(t, "one"))).(map[string]any)["title"])
			require.NoError(t, a.Delete(titles))
			row = workflowRow(a, "one")
			require.Equal(t, false, row["valid"], "a collection that is deleted later makes it invalid")
			require.Contains(t, row["error"], `there is no collection "titles"`)
		})
	}
}
