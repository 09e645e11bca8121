package plugin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// actionWorkflows is one workflow for every way to be skipped, and some that
// start.
var actionWorkflows = files{
	"good.js": `
const posts = { type: "action", collection: "posts" };
workflow("note", { on: posts }, (ctx) => ctx.data.title);
workflow("other", { on: posts }, (ctx) => ctx.data.title);
workflow("greet", { on: { type: "action", collection: "categories" } }, (ctx) => ctx.data.title);
workflow("label", { on: { type: "action", collection: "tags" } }, (ctx) => ctx.data.title);
workflow("peek", { on: { type: "action", collection: "vaults" } }, (ctx) => ctx.data.title);
workflow("commented", { on: { type: "action", collection: "comments" } }, (ctx) => ctx.data.content);
workflow("off", { on: posts, enabled: false }, (ctx) => {});
workflow("worldwide", { on: { ...posts, global: true, actions: ["delete"] } }, (ctx) => ctx.data.title);
workflow("nowhere", { on: { ...posts, global: true } }, (ctx) => ctx.data.title);
workflow("onlyCreate", { on: { ...posts, actions: ["create"] } }, (ctx) => ctx.action);
workflow("longTitle", { on: { ...posts, condition: "title ~ 'long'" } }, (ctx) => ctx.data.title);
workflow("bySlug", { on: { ...posts, fields: ["slug"] } }, (ctx) => ctx.data.slug);
workflow("anyone", { on: posts, rule: "" }, (ctx) => ctx.user);
workflow("adminOnly", { on: posts, rule: null }, (ctx) => true);
workflow("editorsOnly", { on: posts, rule: "@request.auth.role:each ?= 'editor'" }, (ctx) => true);
workflow("nobody", { on: posts, rule: "@request.auth.id = 'x'" }, (ctx) => true);
`,
	"bad.js": `workflow("broken", { on: { type: "action", collection: "nothing" } }, (ctx) => {});`,
}

// TestAction_Entries is DESIGN's table: what starts, what is skipped and why.
func TestAction_Entries(t *testing.T) {
	t.Parallel()
	t.Run("in a commit of its own", func(t *testing.T) { testEntries(t, newTestApp, false) })
	t.Run("with hooks of the host around", func(t *testing.T) { testEntries(t, newHookedApp, true) })
}

// testEntries runs the table; startedOnly leaves out what is skipped before
// anything is written, which is the same for every way of writing.
func testEntries(t *testing.T, newTestApp func(testing.TB, plugin.Config, files) *tests.TestApp, startedOnly bool) {
	t.Helper()
	const posts = "/api/collections/posts/records"
	full, bare := posts+"/"+fullID, posts+"/"+bareID
	for _, c := range []struct {
		name, method, url, body string
		started                 string // keys of X-Workflow-Executions
		skipped                 string
	}{
		{"create", "POST", posts + "?triggerWorkflows=note", `{"title":"A"}`, "note", ""},
		{"update", "PATCH", bare + "?triggerWorkflows=note", `{"title":"B"}`, "note", ""},
		{"delete", "DELETE", bare + "?triggerWorkflows=note", ``, "note worldwide", ""},
		{"nothing named", "POST", posts, `{"title":"A"}`, "", ""},
		{"an empty list", "POST", posts + "?triggerWorkflows=,%20,", `{"title":"A"}`, "", ""},
		{"two, in order, white space dropped", "POST", posts + "?triggerWorkflows=%20other%20,,%20note", `{"title":"A"}`, "other note", ""},
		{"an exact repeat counts once", "POST", posts + "?triggerWorkflows=note,note", `{"title":"A"}`, "note", "note=duplicate"},
		{"to-one path", "PATCH", full + "?triggerWorkflows=greet!category", `{"title":"B"}`, "greet!category", ""},
		{"to-many path fans out", "PATCH", full + "?triggerWorkflows=label!tags", `{"title":"B"}`, "label!tags label!tags", ""},
		{"dotted path", "POST", "/api/collections/comments/records?triggerWorkflows=greet!post.category,note!post", `{"post":"` + fullID + `"}`, "greet!post.category note!post", ""},
		{"dotted to-many path", "POST", "/api/collections/comments/records?triggerWorkflows=label!post.tags", `{"post":"` + fullID + `"}`, "label!post.tags label!post.tags", ""},
		{"global on its action", "DELETE", bare, ``, "worldwide", ""},
		{"fields: one of them changed", "PATCH", bare + "?triggerWorkflows=bySlug", `{"slug":"new"}`, "bySlug", ""},
		{"condition is true", "POST", posts + "?triggerWorkflows=longTitle", `{"title":"a long title"}`, "longTitle", ""},
		{"action is listed", "POST", posts + "?triggerWorkflows=onlyCreate", `{"title":"A"}`, "onlyCreate", ""},

		{"unknown", "POST", posts + "?triggerWorkflows=nope", `{"title":"A"}`, "", "nope=unknown"},
		{"a key of another shape is unknown too", "POST", posts + "?triggerWorkflows=no%20pe", `{"title":"A"}`, "", "no%20pe=unknown"},
		{"disabled", "POST", posts + "?triggerWorkflows=off", `{"title":"A"}`, "", "off=disabled"},
		{"invalid", "POST", posts + "?triggerWorkflows=broken", `{"title":"A"}`, "", "broken=invalid"},
		{"not local", "POST", posts + "?triggerWorkflows=worldwide", `{"title":"A"}`, "", "worldwide=not_local"},
		{"global without actions never runs", "POST", posts + "?triggerWorkflows=nowhere", `{"title":"A"}`, "", "nowhere=not_local"},
		{"a named global does not run twice", "DELETE", bare + "?triggerWorkflows=worldwide", ``, "worldwide", "worldwide=not_local"},
		{"collection mismatch", "POST", posts + "?triggerWorkflows=greet", `{"title":"A"}`, "", "greet=collection_mismatch"},
		{"collection mismatch at the end of a path", "PATCH", full + "?triggerWorkflows=note!category", `{"title":"B"}`, "", "note!category=collection_mismatch"},
		{"action mismatch", "PATCH", bare + "?triggerWorkflows=onlyCreate", `{"title":"B"}`, "", "onlyCreate=action_mismatch"},
		{"unknown path", "POST", posts + "?triggerWorkflows=greet!nope", `{"title":"A"}`, "", "greet!nope=unknown_path"},
		{"a path over a field that is no relation", "POST", posts + "?triggerWorkflows=greet!title", `{"title":"A"}`, "", "greet!title=unknown_path"},
		{"no related record", "POST", posts + "?triggerWorkflows=greet!category", `{"title":"A"}`, "", "greet!category=no_related_record"},
		{"a related record the caller may not view", "PATCH", full + "?triggerWorkflows=peek!vault", `{"title":"B"}`, "", "peek!vault=no_related_record"},
		{"condition is false", "POST", posts + "?triggerWorkflows=longTitle", `{"title":"short"}`, "", "longTitle=condition_false"},
		{"fields: none of them changed", "PATCH", bare + "?triggerWorkflows=bySlug", `{"title":"B"}`, "", "bySlug=condition_false"},
		{"some start, some don't", "POST", posts + "?triggerWorkflows=nope,note,off", `{"title":"A"}`, "note", "nope=unknown, off=disabled"},
	} {
		if startedOnly && c.started == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			scenario := tests.ApiScenario{
				Method: c.method, URL: c.url, Body: strings.NewReader(c.body),
				Headers:        map[string]string{},
				ExpectedStatus: http.StatusOK, ExpectedContent: []string{`"id":`},
				TestAppFactory: func(tb testing.TB) *tests.TestApp { return newTestApp(tb, plugin.Config{}, actionWorkflows) },
			}
			if c.method == http.MethodDelete {
				scenario.ExpectedStatus, scenario.ExpectedContent = http.StatusNoContent, nil
			}
			scenario.BeforeTestFunc = func(tb testing.TB, app *tests.TestApp, _ *core.ServeEvent) {
				scenario.Headers["Authorization"] = token(tb, app, "user")
			}
			scenario.AfterTestFunc = func(tb testing.TB, app *tests.TestApp, res *http.Response) {
				var started []string
				for entry := range strings.SplitSeq(res.Header.Get("X-Workflow-Executions"), ", ") {
					name, id, ok := strings.Cut(entry, "=")
					if !ok {
						continue
					}
					started = append(started, name)
					row, err := app.FindRecordById("_workflowExecutions", id)
					require.NoError(tb, err)
					key, _, _ := strings.Cut(name, "!")
					require.Equal(tb, key, row.GetString("workflow"))
				}
				require.Equal(tb, c.started, strings.Join(started, " "))
				require.Equal(tb, c.skipped, res.Header.Get("X-Workflow-Skipped"))
				rows, err := app.CountRecords("_workflowExecutions")
				require.NoError(tb, err)
				require.Len(tb, started, int(rows), "rows and headers agree")
				for _, name := range []string{"X-Workflow-Executions", "X-Workflow-Skipped"} {
					if res.Header.Get(name) != "" {
						require.Contains(tb, res.Header.Get("Access-Control-Expose-Headers"), name)
					}
				}
			}
			scenario.Test(t)
		})
	}
}

// TestAction_Refused: what answers an error writes nothing.
func TestAction_Refused(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	strict := newApp(t, plugin.Config{Strict: true}, actionWorkflows)
	many := strings.TrimSuffix(strings.Repeat("k,", 51), ",")
	for _, c := range []struct {
		name    string
		app     *app
		who     string
		query   string
		headers []string
		status  int
		says    string
	}{
		{"a!b!c", a, "user", "a!b!c", nil, 400, `a!b!c`},
		{"no key", a, "user", "!category", nil, 400, `!category`},
		{"no path", a, "user", "greet!", nil, 400, `greet!`},
		{"an empty hop", a, "user", "greet!a..b", nil, 400, `greet!a..b`},
		{"control characters", a, "user", "a%00b", nil, 400, `control characters`},
		{"more than 50 entries", a, "user", many, nil, 400, `more than 50`},
		{"more than 4 KiB", a, "user", strings.Repeat("x", 4097), nil, 400, `4096`},
		{"a rule that needs a login, for a guest", a, "", "note", nil, 401, `note`},
		{"a rule that is false, for a user", a, "user", "nobody", nil, 403, `nobody`},
		{"superusers only, for a user", a, "user", "adminOnly", nil, 403, `adminOnly`},
		{"superusers only, for a guest", a, "", "adminOnly", nil, 401, `adminOnly`},
		{"one of two refused", a, "user", "note,nobody", nil, 403, `nobody`},
		{"a role the user has not", a, "user", "note", []string{"X-Role", "admin"}, 403, `admin`},
		{"a role as a guest", a, "", "anyone", []string{"X-Role", "editor"}, 403, `editor`},
		{"strict: unknown", strict, "user", "nope", nil, 400, `unknown`},
		{"strict: no related record", strict, "user", "greet!category", nil, 400, `no_related_record`},
		{"strict: condition", strict, "user", "longTitle", nil, 400, `condition_false`},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.app.count("posts")
			res := c.app.send(c.who, http.MethodPost, "/api/collections/posts/records?triggerWorkflows="+c.query, map[string]any{"title": "A"}, c.headers...)
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			require.Contains(t, res.body, `"message"`)
			require.Equal(t, before, c.app.count("posts"))
			require.Zero(t, c.app.count("_workflowExecutions"))
			require.Empty(t, res.executions())
		})
	}
}

func TestAction_Rules(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	for _, c := range []struct{ who, key string }{
		{"", "anyone"}, {"user", "anyone"}, {"user", "note"}, {"user", "editorsOnly"},
		{"super", "note"}, {"super", "adminOnly"}, {"super", "nobody"}, {"super", "editorsOnly"},
	} {
		t.Run(c.who+" "+c.key, func(t *testing.T) {
			res := a.send(c.who, http.MethodPost, "/api/collections/posts/records?triggerWorkflows="+c.key, map[string]any{"title": "A"})
			require.Equal(t, 200, res.StatusCode, res.body)
			require.Equal(t, "completed", a.row(res.id(t, c.key)).GetString("status"))
		})
	}
}

// TestAction_RelatedRecordForSuperuser: the view rule is about the caller.
func TestAction_RelatedRecordForSuperuser(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	res := a.send("super", http.MethodPatch, "/api/collections/posts/records/"+fullID+"?triggerWorkflows=peek!vault", map[string]any{"title": "B"})
	require.Equal(t, "Secret", output(t, a.row(res.id(t, "peek!vault"))))
}

func TestAction_TooManyTargets(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	ids := make([]string, 0, 101)
	for range 101 {
		ids = append(ids, record(t, a, "tags", map[string]any{"title": "T"}).Id)
	}
	res := a.create("?triggerWorkflows=label!tags", map[string]any{"tags": ids})
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, "label!tags=too_many_targets", res.skipped())
	res = a.create("?triggerWorkflows=label!tags", map[string]any{"tags": ids[:100]})
	require.Empty(t, res.skipped())
	require.Len(t, a.rows("label"), 100)
}

// TestAction_Input: what the handler sees.
func TestAction_Input(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const see = (ctx) => ({
    data: ctx.data, user: ctx.user, role: ctx.roleName, action: ctx.action, collection: ctx.collection, path: ctx.path,
    original: ctx.original, execution: ctx.execution,
});
workflow("see", { on: { type: "action", collection: "posts", expand: ["category", "tags"] } }, see);
workflow("seeCategory", { on: { type: "action", collection: "categories" } }, see);
`))
	type object = map[string]any
	t.Run("update", func(t *testing.T) {
		res := a.send("user", http.MethodPatch, "/api/collections/posts/records/"+fullID+"?triggerWorkflows=see,seeCategory!category", object{"title": "New", "secret": "hush"})
		see := output(t, a.row(res.id(t, "see"))).(object)
		data := see["data"].(object)
		require.Equal(t, "New", data["title"])
		require.Equal(t, "News", data["expand"].(object)["category"].(object)["title"])
		require.Len(t, data["expand"].(object)["tags"], 2)
		require.NotContains(t, data, "secret", "hidden fields stay hidden")
		require.Equal(t, "Full", see["original"].(object)["title"])
		require.Equal(t, "editor", see["role"])
		require.Equal(t, "update", see["action"])
		require.Equal(t, "posts", see["collection"])
		require.Equal(t, "", see["path"])
		user := see["user"].(object)
		require.NotEmpty(t, user["id"])
		require.NotContains(t, user, "tokenKey")
		require.NotContains(t, user, "password")
		execution := see["execution"].(object)
		require.Equal(t, res.id(t, "see"), execution["id"])
		require.Equal(t, "see", execution["key"])
		require.EqualValues(t, 1, execution["version"])
		require.EqualValues(t, 1, execution["attempt"])
		require.EqualValues(t, 0, execution["depth"])
		require.NotEmpty(t, execution["startedAt"])

		related := output(t, a.row(res.id(t, "seeCategory!category"))).(object)
		require.Equal(t, "News", related["data"].(object)["title"])
		require.Equal(t, "category", related["path"])
		require.Equal(t, "categories", related["collection"])
		require.Nil(t, related["original"])
	})
	t.Run("delete", func(t *testing.T) {
		res := a.send("super", http.MethodDelete, "/api/collections/posts/records/"+bareID+"?triggerWorkflows=see", nil, "X-Role", "anything")
		see := output(t, a.row(res.id(t, "see"))).(object)
		require.Equal(t, "Bare", see["data"].(object)["title"])
		require.Equal(t, "delete", see["action"])
		require.Equal(t, "anything", see["role"], "superusers act as any role")
	})
	t.Run("create, second role", func(t *testing.T) {
		res := a.send("user", http.MethodPost, "/api/collections/posts/records?triggerWorkflows=see", object{"title": "C"}, "X-Role", "member")
		row := a.row(res.id(t, "see"))
		see := output(t, row).(object)
		require.Equal(t, "member", see["role"])
		require.Equal(t, "member", row.GetString("roleName"))
		require.Nil(t, see["original"])
		require.Equal(t, "users", row.GetString("userCollection"))
		require.Equal(t, see["user"].(object)["id"], row.GetString("user"))
	})
}

// TestAction_DeletedRelation: the path of a deleted record is followed before it
// is gone.
func TestAction_DeletedRelation(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	res := a.send("user", http.MethodDelete, "/api/collections/posts/records/"+fullID+"?triggerWorkflows=greet!category,label!tags", nil)
	require.Equal(t, http.StatusNoContent, res.StatusCode, res.body)
	require.Equal(t, "News", output(t, a.row(res.id(t, "greet!category"))))
	require.Len(t, a.rows("label"), 2)
}

// TestAction_FailedWrite: no execution without its write.
func TestAction_FailedWrite(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	for _, c := range []struct {
		method, url string
		body        any
		status      int
	}{
		{"POST", "/api/collections/posts/records", map[string]any{"title": ""}, 400},
		{"POST", "/api/collections/posts/records", `{"title":`, 400},
		{"PATCH", "/api/collections/posts/records/missing00000000", map[string]any{"title": "x"}, 404},
		{"DELETE", "/api/collections/posts/records/missing00000000", nil, 404},
		{"POST", "/api/collections/missing/records", map[string]any{}, 404},
	} {
		res := a.send("user", c.method, c.url+"?triggerWorkflows=note", c.body)
		require.Equal(t, c.status, res.StatusCode, res.body)
		require.Empty(t, res.executions())
	}
	require.Zero(t, a.count("_workflowExecutions"))
}

// TestAction_HookRefuses: a hook that fails after the save takes the executions
// with it.
func TestAction_HookRefuses(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, actionWorkflows)
	a.OnRecordAfterCreateSuccess("logs").BindFunc(func(e *core.RecordEvent) error { return e.Next() })
	a.OnRecordCreate("posts").BindFunc(func(e *core.RecordEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		return e.App.Save(core.NewRecord(e.Record.Collection())) // a post without a title
	})
	before := a.count("posts")
	res := a.create("?triggerWorkflows=note", nil)
	require.Equal(t, 400, res.StatusCode, res.body)
	require.Equal(t, before, a.count("posts"), "the post itself is rolled back")
	require.Zero(t, a.count("_workflowExecutions"))
}
