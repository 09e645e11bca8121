package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// trace leaves a record in vaults: a run that has no row would show there.
const trace = `
const trace = () => {
    const record = new Record($app.findCollectionByNameOrId("vaults"));
    record.set("title", "trace");
    $app.save(record);
};
`

const boundWorkflows = trace + `
const posts = { type: "action", collection: "posts" };
workflow("echo", { on: { ...posts, expand: ["category"] }, rule: null }, (ctx) => {
    trace();
    return { data: ctx.data, user: ctx.user, role: ctx.roleName, action: ctx.action, collection: ctx.collection };
});
workflow("fails", { on: posts }, (ctx) => { ctx.respond("almost"); ctx.step.run("try", () => 1); ctx.fail("Not today."); });
workflow("throws", { on: posts }, (ctx) => ctx.step.run("try", () => { throw new TypeError("oops"); }));
workflow("hurried", { on: posts, mode: "sync" }, (ctx) => "done");
workflow("off", { on: posts, enabled: false }, (ctx) => {});
workflow("unfit", { on: { type: "action", collection: "nothing" } }, (ctx) => {});
workflow("labels", { on: { type: "action", collection: "tags" } }, (ctx) => {});
`

// bound is a PocketBase runtime as jsvm makes it for hooks, with $workflows.
func bound(a *app) *goja.Runtime {
	vm := goja.New()
	jsvm.BindCore(vm)
	jsvm.BindDbx(vm)
	_ = vm.Set("$app", a.TestApp)
	a.plugin.BindVM(vm)
	return vm
}

// eval is the value of a script as JSON decodes it.
func eval(tb testing.TB, vm *goja.Runtime, script string) any {
	tb.Helper()
	v, err := vm.RunString("JSON.stringify(" + script + ")")
	require.NoError(tb, err)
	var out any
	require.NoError(tb, json.Unmarshal([]byte(v.String()), &out))
	return out
}

// TestBindVM_Trigger: what the handler sees and what the row keeps.
func TestBindVM_Trigger(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	vm := bound(a)
	type object = map[string]any
	started := func(t *testing.T, args string) (*core.Record, object) {
		t.Helper()
		id, ok := eval(t, vm, `$workflows.trigger("echo", `+args+`)`).(string)
		require.True(t, ok, "an id")
		row := a.row(id)
		return row, output(t, row).(object)
	}
	t.Run("a record", func(t *testing.T) {
		row, saw := started(t, `$app.findRecordById("posts", "`+fullID+`")`)
		data := saw["data"].(object)
		require.Equal(t, "Full", data["title"])
		require.Equal(t, "News", data["expand"].(object)["category"].(object)["title"], "expanded as the trigger says")
		require.NotContains(t, data, "secret", "hidden fields stay hidden")
		require.Equal(t, "posts", saw["collection"])
		require.Nil(t, saw["user"])
		require.Equal(t, "", saw["role"])
		require.Equal(t, "", saw["action"])
		require.Equal(t, "async", row.GetString("mode"))
		require.JSONEq(t, `{"type":"manual","collection":"posts","record":"`+fullID+`"}`, row.GetString("trigger"))
		require.Empty(t, row.GetString("user"))
		require.Empty(t, row.GetString("userCollection"))
		require.Empty(t, row.GetString("parent"))
		require.Equal(t, row.Id, row.GetString("root"))
		require.Zero(t, row.GetInt("depth"))
		require.Equal(t, 1, row.GetInt("version"))
	})
	t.Run("on behalf of a user", func(t *testing.T) {
		row, saw := started(t, `{ n: 1 }, { user: $app.findAuthRecordByEmail("users", "test@example.com"), roleName: "editor" }`)
		user, err := a.FindAuthRecordByEmail("users", "test@example.com")
		require.NoError(t, err)
		require.Equal(t, user.Id, saw["user"].(object)["id"])
		require.NotContains(t, saw["user"], "tokenKey")
		require.Equal(t, "editor", saw["role"])
		require.Equal(t, user.Id, row.GetString("user"))
		require.Equal(t, "users", row.GetString("userCollection"))
		require.Equal(t, "editor", row.GetString("roleName"))
		require.Len(t, listed(a, "user", "_workflowExecutions", ""), 1, "who then sees it as their own")
	})
	for args, want := range map[string]any{
		`{ a: [1, "zwei", { b: null }], ü: "größer" }`: object{"a": []any{1.0, "zwei", object{"b": nil}}, "ü": "größer"},
		`[1, "ü"]`:            []any{1.0, "ü"},
		`"text"`:              "text",
		`1.5`:                 1.5,
		`false`:               false,
		`null`:                nil,
		`undefined`:           nil,
		`{ n: 1 }, undefined`: object{"n": 1.0},
		`{ n: 1 }, { user: null, roleName: null }`: object{"n": 1.0},
		`new Date(0)`: "1970-01-01T00:00:00.000Z",
		`$app.findRecordsByFilter("tags", "id!=''")`: "records",
	} {
		t.Run("data: "+args, func(t *testing.T) {
			row, saw := started(t, args)
			if want == "records" {
				require.Len(t, saw["data"], 2)
				require.Equal(t, goTagID, saw["data"].([]any)[0].(object)["id"])
			} else {
				require.Equal(t, want, saw["data"])
			}
			require.JSONEq(t, `{"type":"manual"}`, row.GetString("trigger"))
			require.Equal(t, "", saw["collection"])
		})
	}
	t.Run("a sync workflow, for which nobody waits", func(t *testing.T) {
		row := a.row(eval(t, vm, `$workflows.trigger("hurried", {})`).(string))
		require.Equal(t, "async", row.GetString("mode"))
		require.Equal(t, "done", output(t, row))
	})
}

// TestBindVM_Refused: the message says what was expected, and nothing starts.
func TestBindVM_Refused(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	vm := bound(a)
	for script, says := range map[string]string{
		`$workflows.trigger()`:         `$workflows.trigger: the first argument must be the key of a workflow`,
		`$workflows.trigger(null)`:     `the first argument must be the key of a workflow`,
		`$workflows.trigger(7)`:        `the first argument must be the key of a workflow`,
		`$workflows.trigger(["echo"])`: `the first argument must be the key of a workflow`,
		`$workflows.trigger($app.findRecordById("posts", "` + fullID + `"))`:                       `the first argument must be the key of a workflow`,
		`$workflows.trigger("echo", {}, "editor")`:                                                 `the options must be an object {user, roleName, startAfter}`,
		`$workflows.trigger("echo", {}, 7)`:                                                        `the options must be an object {user, roleName, startAfter}`,
		`$workflows.trigger("echo", {}, { role: "editor" })`:                                       `unknown option "role", expected "user", "roleName" or "startAfter"`,
		`$workflows.trigger("echo", {}, { parent: "x" })`:                                          `unknown option "parent", expected "user", "roleName" or "startAfter"`,
		`$workflows.trigger("echo", {}, { roleName: 7 })`:                                          `option "roleName" must be a string`,
		`$workflows.trigger("echo", {}, { user: "me" })`:                                           `option "user" must be an auth record`,
		`$workflows.trigger("echo", {}, { user: { id: "me" } })`:                                   `option "user" must be an auth record`,
		`$workflows.trigger("echo", {}, { user: $app.findRecordById("posts", "` + fullID + `") })`: `option "user" must be an auth record`,
		`$workflows.trigger("echo", (() => { const a = {}; a.a = a; return a })())`:                `the data can't be stored as JSON`,
		`$workflows.trigger("echo", { n: 1n })`:                                                    `the data can't be stored as JSON`,
		`$workflows.trigger("echo", { toJSON() { throw new Error("not me") } })`:                   `not me`,
		`$workflows.trigger("nope", {})`:                                                           `there is no workflow "nope"`,
		`$workflows.trigger("", {})`:                                                               `there is no workflow ""`,
		`$workflows.trigger("off", {})`:                                                            `workflow "off" is disabled`,
		`$workflows.trigger("unfit", {})`:                                                          `workflow "unfit" is invalid: all.js:17: option "on.collection": there is no collection "nothing"`,
		`$workflows.trigger("labels", $app.findRecordById("posts", "` + fullID + `"))`:             `workflow "labels" is for records of "tags", got one of "posts"`,
		`$workflows.find("nope")`:                                                                  `$workflows.find: execution not found: "nope"`,
		`$workflows.find()`:                                                                        `$workflows.find: execution not found`,
	} {
		t.Run(script, func(t *testing.T) {
			caught := eval(t, vm, `(() => { try { `+script+`; return "nothing thrown" } catch (e) { return [e instanceof Error, e.message] } })()`)
			require.IsType(t, []any{}, caught)
			require.Equal(t, true, caught.([]any)[0])
			require.Contains(t, caught.([]any)[1], says)
		})
	}
	require.Zero(t, a.count("_workflowExecutions"))
}

// TestBindVM_Find: an execution before it runs and when it has ended.
func TestBindVM_Find(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	vm := bound(a)
	type object = map[string]any
	find := func(t *testing.T, id string) object {
		t.Helper()
		return eval(t, vm, `$workflows.find("`+id+`")`).(object)
	}
	a.plugin.Pause()
	ids := map[string]string{}
	for _, key := range []string{"echo", "fails", "throws"} {
		ids[key] = eval(t, vm, `$workflows.trigger("`+key+`", { n: 1 })`).(string)
		e := find(t, ids[key])
		require.Equal(t, "queued", e["status"])
		require.Nil(t, e["output"])
		require.NotContains(t, e, "startedAt")
		require.NotContains(t, e, "finishedAt")
		require.Equal(t, []any{}, e["messages"])
	}
	a.plugin.Resume()
	a.drain()
	for key, want := range map[string]object{
		"echo":   {"status": "completed", "messages": []any{}, "error": nil},
		"fails":  {"status": "failed", "messages": []any{"almost"}, "error": object{"message": "Not today.", "name": "Failure", "step": ""}, "output": nil},
		"throws": {"status": "failed", "messages": []any{}, "error": object{"message": "oops", "name": "TypeError", "step": "try"}, "output": nil},
	} {
		t.Run(key, func(t *testing.T) {
			e := find(t, ids[key])
			for name, value := range want {
				require.Equal(t, value, e[name], name)
			}
			require.Equal(t, ids[key], e["id"])
			require.Equal(t, key, e["workflow"])
			require.EqualValues(t, 1, e["version"])
			require.Equal(t, "async", e["mode"])
			require.Equal(t, "", e["reason"])
			var times []time.Time
			for _, name := range []string{"created", "startedAt", "finishedAt"} {
				at, err := time.Parse(time.RFC3339, e[name].(string))
				require.NoError(t, err, name)
				times = append(times, at)
			}
			require.IsNonDecreasing(t, []int64{times[0].UnixMilli(), times[1].UnixMilli(), times[2].UnixMilli()})
			require.NotContains(t, e, "input")
			require.NotContains(t, fmt.Sprint(e), "all.js", "no stack")
		})
	}
	require.EqualValues(t, 1, find(t, ids["echo"])["output"].(object)["data"].(object)["n"])
	require.Equal(t, "11", eval(t, vm, `(() => { const e = $workflows.find("`+ids["echo"]+`"); e.output.data.n += "1"; return e.output.data.n })()`), "a value of the script's own")
}

// TestBindVM_Transaction: in the transaction's app, what is rolled back never
// starts.
func TestBindVM_Transaction(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	vm := bound(a)
	inside := func(result error) (id string) {
		t.Helper()
		err := a.RunInTransaction(func(tx core.App) error {
			_ = vm.Set("$app", tx)
			defer func() { _ = vm.Set("$app", a.TestApp) }()
			id = eval(t, vm, `$workflows.trigger("echo", $app.findRecordById("posts", "`+fullID+`"))`).(string)
			record(t, tx, "logs", map[string]any{"message": id})
			return result
		})
		require.ErrorIs(t, err, result)
		return id
	}
	id := inside(nil)
	require.Equal(t, "completed", a.row(id).GetString("status"))
	require.Equal(t, 1, a.count("logs"))
	traces := a.count("vaults")
	inside(errors.New("undone"))
	require.Len(t, a.rows("echo"), 1)
	require.Equal(t, 1, a.count("logs"))
	require.Equal(t, traces, a.count("vaults"), "never ran")
}

// TestBindVM_Hooks: $workflows in pb_hooks, in the executors' VMs too.
func TestBindVM_Hooks(t *testing.T) {
	t.Parallel()
	hooks := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(hooks, "main.pb.js"), []byte(`
onRecordCreate((e) => {
    e.next();
    $workflows.trigger("logged", e.record);
    if (e.record.get("message") === "refused") throw new BadRequestError("refused by the hook");
}, "logs");
onRecordCreateRequest((e) => {
    e.next();
    $workflows.trigger("echo", e.record, { user: e.auth, roleName: "hook" });
}, "posts");
routerAdd("GET", "/executions/{id}", (e) => e.json(200, $workflows.find(e.request.pathValue("id"))));
`), 0o600))
	testApp := newTestApp(t, plugin.Config{}, one(boundWorkflows+`
workflow("logged", { on: { type: "action", collection: "logs" } }, (ctx) => { trace(); return ctx.data.message; });`))
	t.Cleanup(testApp.Cleanup)
	require.NoError(t, jsvm.Register(testApp, jsvm.Config{HooksDir: hooks, MigrationsDir: t.TempDir(), HooksPoolSize: 2, OnInit: plugin.Get(testApp).BindVM}))
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	a.serve()
	type object = map[string]any
	logs := func(messages ...string) answer {
		requests := make([]any, len(messages))
		for i, m := range messages {
			requests[i] = object{"method": "POST", "url": "/api/collections/logs/records", "body": object{"message": m}}
		}
		return a.send("super", http.MethodPost, "/api/batch", object{"requests": requests})
	}
	t.Run("in a batch that is rolled back: never started", func(t *testing.T) {
		traces := a.count("vaults")
		res := logs("one", "refused")
		require.Equal(t, http.StatusBadRequest, res.StatusCode, res.body)
		require.Empty(t, a.rows("logged"))
		require.Equal(t, traces, a.count("vaults"))
		require.Zero(t, a.count("logs"))
	})
	t.Run("in one that commits", func(t *testing.T) {
		res := logs("one", "two")
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		rows := a.rows("logged")
		require.Len(t, rows, 2)
		require.Equal(t, []any{"one", "two"}, []any{output(t, rows[0]), output(t, rows[1])})
	})
	t.Run("with the request's user", func(t *testing.T) {
		res := a.create("", nil)
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		rows := a.rows("echo")
		require.Len(t, rows, 1)
		saw := output(t, rows[0]).(object)
		require.Equal(t, res.data(t)["id"], saw["data"].(object)["id"])
		require.Equal(t, "hook", saw["role"])
		require.Equal(t, saw["user"].(object)["id"], rows[0].GetString("user"))
		found := a.send("", http.MethodGet, "/executions/"+rows[0].Id, nil)
		require.Equal(t, http.StatusOK, found.StatusCode, found.body)
		require.Equal(t, "completed", found.data(t)["status"])
	})
	t.Run("as a guest", func(t *testing.T) {
		require.Equal(t, http.StatusOK, a.send("", http.MethodPost, "/api/collections/posts/records", object{"title": "A"}).StatusCode)
		rows := a.rows("echo")
		require.Len(t, rows, 2)
		require.Nil(t, output(t, rows[1]).(object)["user"])
	})
}

const chainWorkflows = trace + `
const on = { type: "action", collection: "posts" };
const post = (ctx) => $app.findRecordById("posts", ctx.data.id);
workflow("first", { on }, (ctx) => $workflows.trigger("second", post(ctx), { user: $app.findAuthRecordByEmail("users", "test2@example.com"), roleName: "child" }));
workflow("second", { on }, (ctx) => $workflows.trigger("third", { from: ctx.execution.id }));
workflow("third", { on }, (ctx) => {
    trace();
    return { depth: ctx.execution.depth, parent: ctx.execution.parent, user: ctx.user };
});
workflow("again", { on }, (ctx) => {
    try { return $workflows.trigger("again", { n: 1 }); } catch (e) { return e.message; }
});
workflow("ping", { on }, (ctx) => $workflows.trigger("pong", post(ctx)));
workflow("pong", { on }, (ctx) => {
    try { return $workflows.trigger("ping", post(ctx)); } catch (e) { return e.message; }
});
workflow("undoes", { on }, (ctx) => {
    const record = post(ctx);
    try { ctx.step.transaction("doomed", () => { $workflows.trigger("third", record); throw new Error("undone"); }); } catch (e) {}
    try { $app.runInTransaction(() => { $workflows.trigger("third", record); throw new Error("undone"); }); } catch (e) {}
    return "went on";
});
workflow("commits", { on }, (ctx) => {
    const ids = [];
    ctx.step.transaction("step", () => { ids.push($workflows.trigger("third", {})); });
    $app.runInTransaction(() => { ids.push($workflows.trigger("third", {})); });
    return ids;
});
workflow("inside", { on, mode: "transaction" }, (ctx) => {
    const id = $workflows.trigger("third", post(ctx));
    if (ctx.data.title === "bad") ctx.fail("Not this one.");
    return id;
});
`

// TestBindVM_InAWorkflow: what a script starts knows its chain.
func TestBindVM_InAWorkflow(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(chainWorkflows))
	t.Run("parent, root and depth", func(t *testing.T) {
		first := a.row(a.create("?triggerWorkflows=first", nil).id(t, "first"))
		second := a.row(output(t, first).(string))
		third := a.row(output(t, second).(string))
		require.Equal(t, first.Id, second.GetString("parent"))
		require.Equal(t, first.Id, second.GetString("root"))
		require.Equal(t, 1, second.GetInt("depth"))
		require.Equal(t, second.Id, third.GetString("parent"))
		require.Equal(t, first.Id, third.GetString("root"))
		require.Equal(t, 2, third.GetInt("depth"))
		require.Equal(t, map[string]any{"depth": 2.0, "parent": second.Id, "user": nil}, output(t, third))

		other, err := a.FindAuthRecordByEmail("users", "test2@example.com")
		require.NoError(t, err)
		require.Equal(t, other.Id, second.GetString("user"), "on whose behalf the script says")
		require.Equal(t, "child", second.GetString("roleName"))
		require.Empty(t, third.GetString("user"), "not the parent's")
		require.Empty(t, third.GetString("roleName"))
	})
	t.Run("recursion over data", func(t *testing.T) {
		again := a.row(a.create("?triggerWorkflows=again", nil).id(t, "again"))
		rows := a.rows("again")
		require.Len(t, rows, 2, "the data is not the post, but the next is the same again")
		require.Equal(t, rows[1].Id, output(t, again))
		require.Contains(t, output(t, rows[1]), `workflow "again" is in its own chain already (recursion)`)
	})
	t.Run("recursion over another workflow", func(t *testing.T) {
		a.create("?triggerWorkflows=ping", nil)
		require.Len(t, a.rows("ping"), 1)
		pongs := a.rows("pong")
		require.Len(t, pongs, 1)
		require.Contains(t, output(t, pongs[0]), "recursion")
	})
	t.Run("another post is no recursion", func(t *testing.T) {
		for range 2 {
			a.create("?triggerWorkflows=ping", nil)
		}
		require.Len(t, a.rows("ping"), 3)
		require.Len(t, a.rows("pong"), 3)
	})
	t.Run("in its transactions", func(t *testing.T) {
		before, traces := len(a.rows("third")), a.count("vaults")
		undoes := a.row(a.create("?triggerWorkflows=undoes", nil).id(t, "undoes"))
		require.Equal(t, "went on", output(t, undoes))
		require.Len(t, a.rows("third"), before, "rolled back, never started")
		require.Equal(t, traces, a.count("vaults"))
		commits := a.row(a.create("?triggerWorkflows=commits", nil).id(t, "commits"))
		ids := output(t, commits).([]any)
		require.Len(t, ids, 2)
		for _, id := range ids {
			third := a.row(id.(string))
			require.Equal(t, "completed", third.GetString("status"))
			require.Equal(t, commits.Id, third.GetString("parent"))
		}
		require.Len(t, a.rows("third"), before+2)
	})
	t.Run("in mode transaction", func(t *testing.T) {
		before, traces := len(a.rows("third")), a.count("vaults")
		res := a.create("?triggerWorkflows=inside", map[string]any{"title": "bad"})
		require.Equal(t, http.StatusBadRequest, res.StatusCode, res.body)
		require.Len(t, a.rows("third"), before)
		require.Equal(t, traces, a.count("vaults"))
		inside := a.row(a.create("?triggerWorkflows=inside", nil).id(t, "inside"))
		third := a.row(output(t, inside).(string))
		require.Equal(t, "completed", third.GetString("status"))
		require.Equal(t, inside.Id, third.GetString("parent"))
	})
}

// TestPlugin_Trigger is the same from Go.
func TestPlugin_Trigger(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	p := plugin.Get(a.TestApp)
	ctx := context.Background()
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)
	post, err := a.FindRecordById("posts", fullID)
	require.NoError(t, err)
	type object = map[string]any

	t.Run("targets", func(t *testing.T) {
		for _, c := range []struct {
			target any
			want   any
		}{
			{object{"n": 1}, object{"n": 1.0}},
			{struct {
				N int `json:"n"`
			}{1}, object{"n": 1.0}},
			{json.RawMessage(`{"n":1}`), object{"n": 1.0}},
			{"größe", "größe"},
			{nil, nil},
		} {
			id, err := p.Trigger(a, "echo", c.target, plugin.TriggerOptions{})
			require.NoError(t, err)
			require.Equal(t, c.want, output(t, a.row(id)).(object)["data"])
		}
		id, err := p.Trigger(a, "echo", post, plugin.TriggerOptions{User: user, RoleName: "editor"})
		require.NoError(t, err)
		saw := output(t, a.row(id)).(object)
		require.Equal(t, "Full", saw["data"].(object)["title"])
		require.Equal(t, user.Id, saw["user"].(object)["id"])
		require.Equal(t, "editor", saw["role"])
		require.Equal(t, fullID, post.Id)
		require.NotContains(t, post.PublicExport(), "expand", "the caller's record is left as it is")
	})
	t.Run("found again", func(t *testing.T) {
		id, err := p.Trigger(a, "throws", nil, plugin.TriggerOptions{})
		require.NoError(t, err)
		a.drain()
		e, err := p.Find(ctx, id)
		require.NoError(t, err)
		require.Equal(t, id, e.ID)
		require.Equal(t, "throws", e.Workflow)
		require.Equal(t, 1, e.Version)
		require.Equal(t, "failed", e.Status)
		require.Equal(t, "async", e.Mode)
		require.JSONEq(t, "null", string(e.Output))
		require.Equal(t, &plugin.ExecutionError{Message: "oops", Name: "TypeError", Step: "try"}, e.Error)
		require.NotNil(t, e.Messages)
		require.WithinDuration(t, time.Now(), e.FinishedAt, time.Minute)
		require.False(t, e.StartedAt.After(e.FinishedAt))
		require.False(t, e.Created.After(e.StartedAt))
		_, err = p.Find(ctx, "nope")
		require.ErrorIs(t, err, plugin.ErrNotFound)
		require.ErrorContains(t, err, `"nope"`)
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		_, err = p.Find(canceled, id)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("in a transaction", func(t *testing.T) {
		before, traces := len(a.rows("echo")), a.count("vaults")
		undone := errors.New("undone")
		for _, result := range []error{undone, nil} {
			require.ErrorIs(t, a.RunInTransaction(func(tx core.App) error {
				_, err := plugin.Get(tx).Trigger(tx, "echo", post, plugin.TriggerOptions{})
				require.NoError(t, err)
				return result
			}), result)
		}
		rows := a.rows("echo")
		require.Len(t, rows, before+1, "the one that committed")
		require.Equal(t, "completed", rows[before].GetString("status"))
		require.Equal(t, traces+1, a.count("vaults"))
	})
	t.Run("refused", func(t *testing.T) {
		before := a.count("_workflowExecutions")
		for _, c := range []struct {
			key    string
			target any
			says   string
		}{
			{"nope", nil, `there is no workflow "nope"`},
			{"off", nil, `workflow "off" is disabled`},
			{"unfit", nil, `workflow "unfit" is invalid`},
			{"labels", post, `is for records of "tags", got one of "posts"`},
			{"echo", make(chan int), `the data can't be stored as JSON`},
		} {
			id, err := p.Trigger(a, c.key, c.target, plugin.TriggerOptions{})
			require.ErrorContains(t, err, c.says)
			require.Empty(t, id)
		}
		require.Equal(t, before, a.count("_workflowExecutions"))
	})
}
