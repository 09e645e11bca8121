package plugin_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const failingWorkflows = `
const on = { type: "manual" };
const posts = { type: "action", collection: "posts" };
workflow("alarm", { on }, (ctx) => ({ data: ctx.data, user: ctx.user && ctx.user.id, role: ctx.roleName, parent: ctx.execution.parent }));
workflow("fails", { on, onFailure: "alarm" }, (ctx) => ctx.fail("on purpose"));
workflow("step", { on, onFailure: "alarm" }, (ctx) => { ctx.step.run("pay", () => { throw new Error("no money") }) });
workflow("bug", { on, onFailure: "alarm" }, (ctx) => ctx.nothing.there);
workflow("late", { on, onFailure: "alarm", timeout: 40 }, (ctx) => { ctx.step.sleep("nap", "1h") });
workflow("busy", { on, onFailure: "alarm", timeout: 40 }, () => { while (true) {} });
workflow("fine", { on, onFailure: "alarm" }, () => 1);
workflow("sleeps", { on, onFailure: "alarm" }, (ctx) => { ctx.step.sleep("nap", "1h") });
workflow("asked", { on, mode: "sync", onFailure: "alarm" }, (ctx) => ctx.fail("no"));
workflow("write", { on: posts, onFailure: "alarm" }, (ctx) => ctx.fail("async"));
workflow("refuses", { on: posts, mode: "transaction", onFailure: "alarm" }, (ctx) => ctx.fail("refused"));
workflow("boss", { on }, (ctx) => { try { ctx.step.invoke("child", "fails") } catch (e) { return e.message } });
workflow("ping", { on, onFailure: "pong" }, (ctx) => ctx.fail("ping"));
workflow("pong", { on, onFailure: "ping" }, (ctx) => ctx.fail("pong"));
workflow("lonely", { on, onFailure: "off" }, (ctx) => ctx.fail("nobody hears it"));
workflow("off", { on, enabled: false }, () => 1);
workflow("flow", { on: posts, onFailure: "alarm" }, (ctx) => ctx.fail("any type can be the target"));
workflow("other", { on, onFailure: "flow" }, (ctx) => ctx.fail("first"));
`

func TestOnFailure(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(failingWorkflows))
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)

	for _, c := range []struct{ key, status, failure string }{
		{"fails", "failed", "on purpose"},
		{"step", "failed", "no money"},
		{"bug", "error", "there"},
		{"late", "aborted", "timeout"},
		{"busy", "aborted", "timeout"},
	} {
		t.Run(c.key+" is followed once", func(t *testing.T) {
			before := len(a.rows("alarm"))
			id := a.send("user", http.MethodPost, "/api/workflows/"+c.key+"/trigger", `{"n":7}`, "X-Role", "member").started(t, c.key)
			failed := a.ends(id)
			require.Equal(t, c.status, failed.GetString("status"))
			rows := a.rows("alarm")
			require.Len(t, rows, before+1)
			row := rows[len(rows)-1]
			require.Equal(t, "completed", row.GetString("status"), row.GetString("error"))
			require.JSONEq(t, `{"type":"failure"}`, row.GetString("trigger"))
			require.Equal(t, id, row.GetString("parent"))
			require.Equal(t, id, row.GetString("root"))
			require.Equal(t, 1, row.GetInt("depth"))
			require.Equal(t, user.Id, row.GetString("user"))
			out := output(t, row).(map[string]any)
			require.Equal(t, user.Id, out["user"])
			require.Equal(t, "member", out["role"])
			require.Equal(t, id, out["parent"])
			report := out["data"].(map[string]any)
			require.Equal(t, id, report["execution"])
			require.Equal(t, c.key, report["workflow"])
			require.EqualValues(t, 1, report["version"])
			require.Equal(t, c.status, report["status"])
			require.Equal(t, failed.GetString("reason"), report["reason"])
			require.Equal(t, map[string]any{"n": 7.0}, report["data"])
			require.Equal(t, "manual", report["trigger"].(map[string]any)["type"])
			require.Contains(t, report["error"].(map[string]any)["message"], c.failure)
			if c.key == "step" {
				require.Equal(t, "pay", report["error"].(map[string]any)["step"])
			}
			if c.key == "bug" {
				require.Contains(t, report["error"].(map[string]any)["stack"], "all.js:")
			}
		})
	}

	none := func(t *testing.T, what func()) {
		t.Helper()
		before := len(a.rows("alarm"))
		what()
		require.Len(t, a.rows("alarm"), before)
	}
	follows := func(t *testing.T, key string, what func()) string {
		t.Helper()
		before := len(a.rows(key))
		what()
		rows := a.rows(key)
		require.Len(t, rows, before+1)
		return rows[len(rows)-1].GetString("parent")
	}
	t.Run("nothing follows what completes or is canceled", func(t *testing.T) {
		none(t, func() {
			require.Equal(t, "completed", a.ends(a.trigger("fine", nil)).GetString("status"))
			id := a.trigger("sleeps", nil)
			a.becomes(id, "waiting")
			require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/cancel", nil).StatusCode)
			require.Equal(t, "canceled", a.ends(id).GetString("status"))
		})
	})
	t.Run("a sync one", func(t *testing.T) {
		var id string
		parent := follows(t, "alarm", func() {
			res := a.send("user", http.MethodPost, "/api/workflows/asked/trigger", `{}`)
			require.Equal(t, 400, res.StatusCode)
			id = res.id(t, "asked")
		})
		require.Equal(t, id, parent)
	})
	t.Run("one of a write", func(t *testing.T) {
		var id string
		parent := follows(t, "alarm", func() { id = a.create("?triggerWorkflows=write", nil).id(t, "write") })
		require.Equal(t, id, parent)
	})
	t.Run("one whose transaction was rolled back", func(t *testing.T) {
		posts := a.count("posts")
		parent := follows(t, "alarm", func() {
			require.Equal(t, 400, a.create("?triggerWorkflows=refuses", nil).StatusCode)
		})
		require.Equal(t, posts, a.count("posts"))
		recorded := a.rows("refuses")
		require.Len(t, recorded, 1)
		require.Equal(t, recorded[0].Id, parent)
	})
	t.Run("a child whose parent waits", func(t *testing.T) {
		parent := follows(t, "alarm", func() {
			require.Contains(t, output(t, a.ends(a.trigger("boss", nil))), "on purpose")
		})
		require.Equal(t, a.rows("fails")[len(a.rows("fails"))-1].Id, parent)
	})
	t.Run("one that is run again and fails again", func(t *testing.T) {
		id := a.ends(a.trigger("fails", nil)).Id
		var again string
		a.drain()
		parent := follows(t, "alarm", func() {
			again = a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/rerun", nil).data(t)["id"].(string)
			a.ends(again)
		})
		require.Equal(t, again, parent)
	})
	t.Run("two that follow each other do so once", func(t *testing.T) {
		a.ends(a.trigger("ping", nil))
		require.Len(t, a.rows("ping"), 1)
		require.Len(t, a.rows("pong"), 1)
		a.ends(a.trigger("pong", nil))
		require.Len(t, a.rows("ping"), 2)
		require.Len(t, a.rows("pong"), 2)
	})
	t.Run("a disabled one does not follow", func(t *testing.T) {
		require.Equal(t, "failed", a.ends(a.trigger("lonely", nil)).GetString("status"))
		require.Empty(t, a.rows("off"))
	})
	t.Run("a workflow of any type, which may fail and be followed itself", func(t *testing.T) {
		follows(t, "alarm", func() { a.ends(a.trigger("other", nil)) })
		require.Len(t, a.rows("flow"), 1)
		require.Equal(t, 2, a.rows("alarm")[len(a.rows("alarm"))-1].GetInt("depth"))
	})
}

// TestOnFailure_Load: a key that nobody has is wrong; one that is there later
// makes it right.
func TestOnFailure_Load(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"work.js": `workflow("work", { on: { type: "manual" }, rule: "", onFailure: "alarm" }, (ctx) => ctx.fail("no"));`,
	})
	row := workflowRow(a, "work")
	require.Equal(t, false, row["valid"])
	require.Equal(t, `work.js:1: option "onFailure": there is no workflow "alarm"`, row["error"])
	require.Equal(t, 404, a.send("", http.MethodPost, "/api/workflows/work/trigger", `{}`).StatusCode)

	a.write("zalarm.js", `workflow("alarm", { on: { type: "manual" } }, (ctx) => ctx.data.execution);`)
	reloaded(a)
	require.Equal(t, true, workflowRow(a, "work")["valid"], workflowRow(a, "work")["error"])
	id := a.send("", http.MethodPost, "/api/workflows/work/trigger", `{}`).started(t, "work")
	a.ends(id)
	require.Equal(t, id, output(t, a.rows("alarm")[0]))

	require.NoError(t, os.Remove(filepath.Join(a.dir, "zalarm.js")))
	reloaded(a)
	require.Equal(t, true, workflowRow(a, "work")["valid"], "its file is gone, its row is not")
	id = a.send("", http.MethodPost, "/api/workflows/work/trigger", `{}`).started(t, "work")
	require.Equal(t, "failed", a.ends(id).GetString("status"))
	require.Len(t, a.rows("alarm"), 1)

	require.Equal(t, 204, a.send("super", http.MethodDelete, "/api/collections/_workflows/records/"+workflowRow(a, "alarm")["id"].(string), nil).StatusCode)
	require.Equal(t, false, workflowRow(a, "work")["valid"])
}

// TestOnFailure_Restart: what follows is stored with the failure; a server that
// stops in between starts it afterwards.
func TestOnFailure_Restart(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(failingWorkflows))
	require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/alarm/pause", nil).StatusCode)
	id := a.ends(a.trigger("fails", nil)).Id
	rows, err := a.FindRecordsByFilter("_workflowExecutions", "workflow = 'alarm'", "", 0, 0)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, "queued", rows[0].GetString("status"), "as soon as the failure is stored")
	require.NoError(t, a.OnTerminate().Trigger(&core.TerminateEvent{App: a.TestApp}))
	alarm, err := a.FindFirstRecordByData("_workflows", "key", "alarm")
	require.NoError(t, err)
	alarm.Set("paused", false)
	require.NoError(t, a.Save(alarm))
	router, err := apis.NewRouter(a.TestApp)
	require.NoError(t, err)
	require.NoError(t, a.OnServe().Trigger(&core.ServeEvent{App: a.TestApp, Router: router}, func(*core.ServeEvent) error { return nil }))
	require.Equal(t, "completed", a.ends(rows[0].Id).GetString("status"))
	rows = a.rows("alarm")
	require.Len(t, rows, 1)
	var report struct {
		Data struct{ Execution string }
	}
	require.NoError(t, json.Unmarshal([]byte(rows[0].GetString("output")), &report))
	require.Equal(t, id, report.Data.Execution)
}
