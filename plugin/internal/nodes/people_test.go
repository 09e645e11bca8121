package nodes

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// peopleNodes run workflows/nodes-people.js.
var peopleNodes = cases{
	"node-manual": func(t *testing.T, d *demo) {
		post := d.post(object{"title": "Stars"})
		id := d.trigger("node-manual", post)
		task := d.task(id)
		require.Equal(t, `Rate "Stars"`, task["title"])
		res := d.request("POST", "/api/workflows/tasks/"+task["id"].(string), `{"action":"rate","values":{"stars":6}}`)
		require.Equal(t, 400, res.StatusCode, "more than there are")
		res = d.request("POST", "/api/workflows/tasks/"+task["id"].(string), `{"action":"rate","values":{"stars":4,"why":"good"}}`)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, object{"stars": 4.0, "why": "good"}, d.outputOf(id))
		post, err := d.FindRecordById("posts", post.Id)
		require.NoError(t, err)
		require.Equal(t, 4, post.GetInt("views"))
	},
	"node-approval": func(t *testing.T, d *demo) {
		bob := d.save("users", object{"email": "bob@example.com", "password": "demo-user-password", "role": "editor"})
		post := d.post(object{"title": "Out"})
		start := func() string {
			res := d.request("POST", "/api/collections/posts/records/"+post.Id+"/trigger?triggerWorkflows=node-approval", "{}")
			require.Equal(t, 202, res.StatusCode)
			return d.answer(res.Body)["executions"].(object)["node-approval"].(string)
		}
		id := start()
		task := "/api/workflows/tasks/" + d.task(id)["id"].(string)
		require.Equal(t, 409, d.requestOf(bob, "POST", task, `{"action":"approve"}`).StatusCode, "Ada is first")
		require.Equal(t, 200, d.request("POST", task, `{"action":"approve"}`).StatusCode)
		require.Equal(t, 200, d.requestOf(bob, "POST", task, `{"action":"approve"}`).StatusCode)
		require.Equal(t, 2.0, d.outputOf(id))

		id = start()
		task = "/api/workflows/tasks/" + d.task(id)["id"].(string)
		require.Equal(t, 200, d.request("POST", task, `{"action":"reject"}`).StatusCode)
		require.Equal(t, "rejected", d.ends(id).GetString("status"))
	},
	"node-cc": func(t *testing.T, d *demo) {
		bob := d.save("users", object{"email": "bob@example.com", "password": "demo-user-password", "role": "editor"})
		id := d.trigger("node-cc", d.post(object{"title": "For all to see"}))
		task := "/api/workflows/tasks/" + d.task(id)["id"].(string)
		require.Equal(t, 200, d.requestOf(bob, "GET", task, "").StatusCode)
		require.Equal(t, 403, d.requestOf(bob, "POST", task, `{"action":"seen"}`).StatusCode)
		require.Equal(t, 200, d.requestOf(bob, "POST", task+"/read", "{}").StatusCode)
		require.Equal(t, 200, d.request("POST", task, `{"action":"seen"}`).StatusCode)
		require.Equal(t, "seen", d.outputOf(id))
	},
	"node-webhook-response": func(t *testing.T, d *demo) {
		d.post(object{"title": "One"})
		res := d.request("POST", "/api/workflows/hooks/node-webhook-response", `{"name":"Ada"}`)
		require.Equal(t, 201, res.StatusCode)
		require.Equal(t, "1", res.Header.Get("X-Posts"))
		require.Equal(t, object{"hello": "Ada", "posts": 1.0}, d.answer(res.Body))
	},
}

// task waits for the task of an execution and reads it as the user.
func (d *demo) task(execution string) object {
	d.t.Helper()
	var found object
	require.Eventually(d.t, func() bool {
		res := d.request("GET", "/api/workflows/tasks?part=all&status=all&filter=(execution='"+execution+"')", "")
		items, _ := d.answer(res.Body)["items"].(list)
		if len(items) == 0 {
			return false
		}
		found = items[0].(object)
		return true
	}, soon, glance)
	return found
}

func (d *demo) answer(body io.Reader) object {
	d.t.Helper()
	out := object{}
	require.NoError(d.t, json.NewDecoder(body).Decode(&out))
	return out
}
