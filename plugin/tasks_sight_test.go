package plugin_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// clients adds a record to the second auth collection. PocketBase refuses an id
// that a user has; SQL does not.
func clients(a *app, id string) *core.Record {
	a.t.Helper()
	r := record(a.t, a, "clients", map[string]any{"username": "c" + id, "email": id + "@example.net", "password": "1234567890"})
	_, err := a.DB().NewQuery("UPDATE clients SET id = {:new} WHERE id = {:old}").Bind(map[string]any{"new": id, "old": r.Id}).Execute()
	require.NoError(a.t, err)
	r, err = a.FindRecordById("clients", id)
	require.NoError(a.t, err)
	return r
}

// short is a user with an id of any length.
func short(a *app, id string) *core.Record {
	a.t.Helper()
	users, err := a.FindCollectionByNameOrId("users")
	require.NoError(a.t, err)
	field := users.Fields.GetByName("id").(*core.TextField)
	field.Min, field.Max, field.Pattern = 1, 100, `^[a-z0-9_]+$`
	require.NoError(a.t, a.Save(users))
	return record(a.t, a, "users", map[string]any{"id": id, "email": id + "@example.net", "password": "1234567890"})
}

// TestTasks_Sight: who sees a task and who does not, over every way there is.
func TestTasks_Sight(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: ["anna00000000000", "users/berta0000000000"], cc: "clients/zoe000000000000" }`)))
	p := people(a, "anna", "berta", "carl", "zoe")
	client := clients(a, "zoe000000000000")
	cases := map[string]struct {
		who *core.Record
		// status is of the view, part what an answer is told.
		view, answer int
		listed       int
	}{
		"an assignee":                     {p["anna"], 200, 200, 1},
		"who gets a copy":                 {client, 200, 403, 1},
		"a stranger":                      {p["carl"], 404, 404, 0},
		"the same id in another table":    {p["zoe"], 404, 404, 0},
		"an id that an assignee's begins": {short(a, "anna"), 404, 404, 0},
		"an id that an assignee's ends":   {short(a, "00000"), 404, 404, 0},
		"an id like a pattern":            {short(a, "anna___________"), 404, 404, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			task := a.opens(a.trigger("ask", nil)).Id
			for _, path := range []string{"/api/collections/_workflowTasks/records/", "/api/workflows/tasks/"} {
				require.Equal(t, c.view, a.as(c.who, http.MethodGet, path+task, nil).StatusCode, path)
			}
			list := a.as(c.who, http.MethodGet, "/api/collections/_workflowTasks/records?filter="+"(id%3D'"+task+"')", nil)
			require.EqualValues(t, c.listed, list.data(t)["totalItems"])
			list = a.as(c.who, http.MethodGet, "/api/workflows/tasks?part=all&filter="+"(id%3D'"+task+"')", nil)
			require.EqualValues(t, c.listed, list.data(t)["totalItems"], list.body)
			for _, more := range []string{"/delegate", "/signers", "/read", "/withdraw"} {
				if c.view == 404 {
					require.Equal(t, 404, a.as(c.who, http.MethodPost, "/api/workflows/tasks/"+task+more, map[string]any{}).StatusCode, more)
				}
			}
			res := a.decides(c.who, task, "approve")
			require.Equal(t, c.answer, res.StatusCode, res.body)
		})
	}
	t.Run("guests", func(t *testing.T) {
		task := a.opens(a.trigger("ask", nil)).Id
		for method, paths := range map[string][]string{
			http.MethodGet:  {"", "/" + task},
			http.MethodPost: {"/" + task, "/" + task + "/delegate", "/" + task + "/signers", "/" + task + "/withdraw", "/" + task + "/read"},
		} {
			for _, path := range paths {
				res := a.send("", method, "/api/workflows/tasks"+path, map[string]any{})
				require.Equal(t, http.StatusUnauthorized, res.StatusCode, path)
			}
		}
		require.Equal(t, 404, a.send("", http.MethodGet, "/api/collections/_workflowTasks/records/"+task, nil).StatusCode)
		require.EqualValues(t, 0, a.send("", http.MethodGet, "/api/collections/_workflowTasks/records", nil).data(t)["totalItems"])
	})
	t.Run("a filter can't look at who takes part", func(t *testing.T) {
		res := a.as(p["anna"], http.MethodGet, "/api/workflows/tasks?filter=_workflowTaskPeople_via_task.user%3D'x'", nil)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, res.body)
		res = a.as(p["anna"], http.MethodGet, "/api/collections/_workflowTaskPeople/records", nil)
		require.Equal(t, http.StatusForbidden, res.StatusCode, res.body)
	})
	t.Run("a superuser sees all and changes nothing over the records API", func(t *testing.T) {
		task := a.opens(a.trigger("ask", nil)).Id
		require.Equal(t, 200, a.send("super", http.MethodGet, "/api/workflows/tasks/"+task, nil).StatusCode)
		for _, path := range []string{"_workflowTasks/records/" + task, "_workflowTasks/records", "_workflowTaskPeople/records"} {
			for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
				res := a.send("super", method, "/api/collections/"+path, map[string]any{"title": "x"})
				require.NotEqual(t, 2, res.StatusCode/100, "%s %s %s", method, path, res.body)
			}
		}
		require.Equal(t, "decide", a.task(task).GetString("title"))
	})
}

// TestTasks_List is the inbox.
func TestTasks_List(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"1.js": asking("mine", `{ assignees: "anna00000000000" }`),
		"2.js": asking("copy", `{ assignees: "berta0000000000", cc: ["anna00000000000"] }`),
		"3.js": asking("second", `{ assignees: ["berta0000000000", "anna00000000000"], order: "sequential" }`),
	})
	p := people(a, "anna", "berta")
	done := a.trigger("mine", nil)
	a.decides(p["anna"], a.opens(done).Id, "approve")
	a.ends(done)
	open, copied, second := a.opens(a.trigger("mine", nil)).Id, a.opens(a.trigger("copy", nil)).Id, a.opens(a.trigger("second", nil)).Id
	for query, want := range map[string][]string{
		"":                           {open, second},
		"?status=waiting":            {open, second},
		"?part=cc":                   {copied},
		"?part=all":                  {open, copied, second},
		"?perPage=1&page=2":          {second},
		"?filter=order%3D'parallel'": {open},
		"?status=rejected":           {},
	} {
		res := a.as(p["anna"], http.MethodGet, "/api/workflows/tasks"+query, nil)
		require.Equal(t, 200, res.StatusCode, res.body)
		ids := []string{}
		for _, item := range res.data(t)["items"].([]any) {
			ids = append(ids, item.(map[string]any)["id"].(string))
			require.Equal(t, ids[len(ids)-1] == open, item.(map[string]any)["turn"], "%s", item)
		}
		require.Equal(t, want, ids, query)
	}
	require.EqualValues(t, 1, a.as(p["anna"], http.MethodGet, "/api/workflows/tasks?status=completed", nil).data(t)["totalItems"])
	require.EqualValues(t, 3, a.as(p["anna"], http.MethodGet, "/api/workflows/tasks?status=all", nil).data(t)["totalItems"])
	require.EqualValues(t, 3, a.send("super", http.MethodGet, "/api/workflows/tasks", nil).data(t)["totalItems"], "superusers see those of all")
	for _, bad := range []string{"?status=open", "?part=boss", "?filter=nonsense((", "?sort=nothing"} {
		require.Equal(t, 400, a.as(p["anna"], http.MethodGet, "/api/workflows/tasks"+bad, nil).StatusCode, bad)
	}
}

// subscribed is a realtime client of an auth record.
func subscribed(a *app, who *core.Record, topic string) subscriptions.Client {
	a.t.Helper()
	client := subscriptions.NewDefaultClient()
	client.Set(apis.RealtimeClientAuthKey, who)
	client.Subscribe(topic)
	a.SubscriptionsBroker().Register(client)
	a.t.Cleanup(func() { a.SubscriptionsBroker().Unregister(client.Id()) })
	return client
}

// told is the next message: its action and the status of its record.
func told(t *testing.T, client subscriptions.Client) string {
	t.Helper()
	select {
	case m := <-client.Channel():
		var data struct {
			Action string
			Record map[string]any
		}
		require.NoError(t, json.Unmarshal(m.Data, &data))
		return data.Action + " " + data.Record["status"].(string)
	case <-time.After(soon):
		require.FailNow(t, "no message came")
		return ""
	}
}

// TestTasks_Realtime: those who take part are told, nobody else.
func TestTasks_Realtime(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: ["anna00000000000"], cc: "berta0000000000" }`)))
	p := people(a, "anna", "berta", "carl")
	assignee, copied := subscribed(a, p["anna"], "_workflowTasks/*"), subscribed(a, p["berta"], "_workflowTasks")
	strangers := []subscriptions.Client{subscribed(a, p["carl"], "_workflowTasks/*"), subscribed(a, nil, "_workflowTasks/*"), subscribed(a, clients(a, "anna00000000000"), "_workflowTasks/*")}
	id := a.trigger("ask", nil)
	task := a.opens(id).Id
	require.Equal(t, "create waiting", told(t, assignee))
	require.Equal(t, "create waiting", told(t, copied))
	require.Equal(t, 200, a.decides(p["anna"], task, "approve").StatusCode)
	require.Equal(t, "update completed", told(t, assignee))
	require.Equal(t, "update completed", told(t, copied))
	a.ends(id)

	id = a.trigger("ask", nil)
	a.opens(id)
	require.Equal(t, "create waiting", told(t, assignee))
	require.Equal(t, "create waiting", told(t, copied))
	require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/cancel", nil).StatusCode)
	require.Equal(t, "update canceled", told(t, assignee), "the end of the execution is told too")
	require.Equal(t, "update canceled", told(t, copied))
	for _, stranger := range strangers {
		select {
		case m := <-stranger.Channel():
			require.FailNow(t, "a stranger was told", string(m.Data))
		default:
		}
	}
}
