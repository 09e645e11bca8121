package plugin_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// asking is a workflow that asks people and returns what they answered.
func asking(key, options string) string {
	return fmt.Sprintf(`workflow(%q, { on: { type: "action", collection: "posts" } }, (ctx) => ctx.step.task("decide", %s));`+"\n", key, options)
}

// people adds users to an app and returns them by name.
func people(a *app, names ...string) map[string]*core.Record {
	a.t.Helper()
	out := map[string]*core.Record{}
	for _, name := range names {
		out[name] = record(a.t, a, "users", map[string]any{
			"id": name + "0000000000000000"[len(name)+1:], "email": name + "@example.org", "password": "1234567890", "name": name,
		})
	}
	return out
}

// as makes a request with the login of an auth record.
func (a *app) as(who *core.Record, method, url string, body any) answer {
	a.t.Helper()
	token, err := who.NewAuthToken()
	require.NoError(a.t, err)
	return a.send("", method, url, body, "Authorization", token)
}

// opens waits for the open task of an execution.
func (a *app) opens(execution string) *core.Record {
	a.t.Helper()
	a.becomes(execution, "waiting")
	r, err := a.FindFirstRecordByFilter("_workflowTasks", "execution = {:id} && status = 'waiting'", map[string]any{"id": execution})
	require.NoError(a.t, err)
	return r
}

func (a *app) task(id string) *core.Record {
	a.t.Helper()
	r, err := a.FindRecordById("_workflowTasks", id)
	require.NoError(a.t, err)
	return r
}

// decides answers a task as somebody.
func (a *app) decides(who *core.Record, task, action string) answer {
	a.t.Helper()
	return a.as(who, http.MethodPost, "/api/workflows/tasks/"+task, map[string]any{"action": action})
}

// TestTasks_Answer is a task from its creation to the answer that the script gets.
func TestTasks_Answer(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{
		assignees: "anna00000000000", title: "Publish it?", description: "A post waits.",
		fields: [{ name: "price", type: "number", required: true, min: 1 }],
	}`)))
	p := people(a, "anna", "berta")
	id := a.trigger("ask", nil)
	task := a.opens(id)
	require.Equal(t, "Publish it?", task.GetString("title"))
	require.Equal(t, []string{"task decide waiting"}, a.steps(id))

	res := a.as(p["anna"], http.MethodGet, "/api/collections/_workflowTasks/records", nil)
	require.EqualValues(t, 1, res.data(t)["totalItems"], res.body)
	res = a.as(p["berta"], http.MethodGet, "/api/collections/_workflowTasks/records", nil)
	require.EqualValues(t, 0, res.data(t)["totalItems"], res.body)

	res = a.as(p["anna"], http.MethodPost, "/api/workflows/tasks/"+task.Id, map[string]any{
		"action": "approve", "values": map[string]any{"price": 12}, "comment": "fine",
	})
	require.Equal(t, http.StatusOK, res.StatusCode, res.body)
	row := a.ends(id)
	require.Equal(t, "completed", row.GetString("status"), row.GetString("error"))
	out := output(t, row).(map[string]any)
	require.Equal(t, "approve", out["action"])
	require.Equal(t, map[string]any{"price": 12.0}, out["values"])
	require.Equal(t, "anna00000000000", out["by"])
	require.Equal(t, "fine", out["comment"])
	require.Len(t, out["answers"], 1)
	require.Equal(t, "completed", a.task(task.Id).GetString("status"))
	require.Equal(t, []string{"task decide completed"}, a.steps(id))
}
