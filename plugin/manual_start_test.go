package plugin_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

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
	t.Cleanup(a.Cleanup)
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
