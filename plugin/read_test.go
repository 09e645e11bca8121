package plugin_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const (
	executionsURL = "/api/collections/_workflowExecutions/records"
	stepsURL      = "/api/collections/_workflowSteps/records"
)

const readWorkflows = `
const on = { type: "action", collection: "posts" };
workflow("good", { on, rule: "" }, (ctx) => {
    ctx.log.info("a secret log");
    ctx.respond("told to the user");
    const kept = ctx.step.run("keep", () => "a secret result");
    return { kept: kept.length };
});
workflow("bad", { on }, (ctx) => {
    ctx.step.run("keep", () => "a secret result");
    throw new TypeError("went wrong");
});
`

// callers are those who ask: the user who caused the executions, another one, a
// login of another collection, a guest and a superuser.
func callers(a *app) map[string][]string {
	a.t.Helper()
	auth := func(r *core.Record) []string {
		out, err := r.NewAuthToken()
		require.NoError(a.t, err)
		return []string{"Authorization", out}
	}
	find := func(collection, email string) *core.Record {
		r, err := a.FindAuthRecordByEmail(collection, email)
		require.NoError(a.t, err)
		return r
	}
	return map[string][]string{
		"the owner": auth(find("users", "test@example.com")), "another user": auth(find("users", "test2@example.com")),
		"a client": auth(find("clients", "test@example.com")),
		"a guest":  nil, "a superuser": auth(find(core.CollectionNameSuperusers, "test@example.com")),
	}
}

// TestRead_Owner: the user who caused an execution sees how it ended, and no
// more.
func TestRead_Owner(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(readWorkflows))
	res := a.create("?triggerWorkflows=good,bad", map[string]any{"title": "a secret input", "category": newsID})
	a.drain()
	type object = map[string]any
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)
	shown := []string{
		"attempt", "collectionId", "collectionName", "created", "depth", "error", "finishedAt", "id", "messages", "mode", "output", "parent",
		"reason", "rerunOf", "roleName", "root", "startedAt", "status", "trigger", "updated", "user", "userCollection", "version", "wakeAt", "workflow",
	}
	for key, want := range map[string]object{
		"good": {"status": "completed", "output": object{"kept": 15.0}, "messages": []any{"told to the user"}, "error": nil},
		"bad":  {"status": "error", "output": nil, "messages": []any{}, "error": object{"name": "TypeError", "message": "went wrong"}},
	} {
		t.Run(key, func(t *testing.T) {
			id := res.id(t, key)
			view := a.send("user", http.MethodGet, executionsURL+"/"+id+"?fields=*&expand=_workflowSteps_via_execution", nil)
			require.Equal(t, http.StatusOK, view.StatusCode, view.body)
			require.NotContains(t, view.body, "secret")
			row := view.data(t)
			require.Equal(t, shown, slices.Sorted(maps.Keys(row)))
			for name, value := range want {
				require.Equal(t, value, row[name], name)
			}
			require.Equal(t, key, row["workflow"])
			require.Equal(t, user.Id, row["user"])
			require.Equal(t, "users", row["userCollection"])
			require.Equal(t, "editor", row["roleName"])
			require.Equal(t, id, row["root"])
			require.Equal(t, object{
				"type": "action", "action": "create", "collection": "posts", "record": res.data(t)["id"],
				"request": "POST /api/collections/posts/records",
			}, row["trigger"])
			require.Contains(t, listed(a, "user", "_workflowExecutions", ""), row, "the list says the same")
		})
	}
	require.Len(t, listed(a, "user", "_workflowExecutions", "filter="+url.QueryEscape(`workflow="good" && status="completed"`)), 1)
	for _, query := range []string{"filter=input~%22secret%22", "filter=logs~%22secret%22", "filter=chain!=%22%22", "filter=_workflowSteps_via_execution.name~%22keep%22", "sort=input", "sort=errorStack"} {
		refused := a.send("user", http.MethodGet, executionsURL+"?"+query, nil)
		require.Equal(t, http.StatusBadRequest, refused.StatusCode, "%s: what is hidden can't be asked for: %s", query, refused.body)
	}
}

// TestRead_Others: executions are nobody else's.
func TestRead_Others(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(readWorkflows))
	byUser := a.create("?triggerWorkflows=good", nil).id(t, "good")
	byGuest := a.send("", http.MethodPost, "/api/collections/posts/records?triggerWorkflows=good", map[string]any{"title": "A"}).id(t, "good")
	bySuper := a.send("super", http.MethodPost, "/api/collections/posts/records?triggerWorkflows=bad", map[string]any{"title": "A"}).id(t, "bad")
	byHost, err := a.plugin.Trigger(a, "good", nil, plugin.TriggerOptions{})
	require.NoError(t, err)
	a.drain()
	all := []string{byUser, byGuest, bySuper, byHost}
	who := callers(a)
	for name, sees := range map[string][]string{
		"the owner": {byUser}, "another user": {}, "a client": {}, "a guest": {}, "a superuser": all,
	} {
		t.Run(name, func(t *testing.T) {
			list := a.send("", http.MethodGet, executionsURL+"?sort=id", nil, who[name]...)
			require.Equal(t, http.StatusOK, list.StatusCode, list.body)
			var ids struct{ Items []struct{ ID string } }
			require.NoError(t, json.Unmarshal([]byte(list.body), &ids))
			seen := []string{}
			for _, item := range ids.Items {
				seen = append(seen, item.ID)
			}
			require.Equal(t, sees, seen)
			for _, id := range all {
				status := http.StatusNotFound
				if slices.Contains(sees, id) {
					status = http.StatusOK
				}
				view := a.send("", http.MethodGet, executionsURL+"/"+id, nil, who[name]...)
				require.Equal(t, status, view.StatusCode, view.body)
			}
		})
	}
}

// TestRead_Superuser sees all, and the steps.
func TestRead_Superuser(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(readWorkflows))
	res := a.create("?triggerWorkflows=good,bad", map[string]any{"title": "a secret input"})
	a.drain()
	good := a.send("super", http.MethodGet, executionsURL+"/"+res.id(t, "good")+"?expand=_workflowSteps_via_execution", nil).data(t)
	input := good["input"].(map[string]any)
	require.Equal(t, "a secret input", input["data"].(map[string]any)["title"])
	require.Equal(t, "posts", input["collection"])
	require.Equal(t, "create", input["action"])
	require.Equal(t, "a secret log", good["logs"].([]any)[0].(map[string]any)["message"])
	require.Len(t, good["expand"].(map[string]any)["_workflowSteps_via_execution"], 1)

	bad := a.send("super", http.MethodGet, executionsURL+"/"+res.id(t, "bad"), nil).data(t)
	failure := bad["error"].(map[string]any)
	require.Equal(t, "went wrong", failure["message"])
	require.Contains(t, failure["stack"], "all.js:11:")

	steps := listed(a, "super", "_workflowSteps", "filter="+url.QueryEscape(`execution="`+res.id(t, "good")+`"`))
	require.Len(t, steps, 1)
	for field, want := range map[string]any{
		"execution": res.id(t, "good"), "name": "keep", "index": 0.0, "kind": "run", "status": "completed", "attempt": 1.0,
		"result": "a secret result", "error": nil,
	} {
		require.Equal(t, want, steps[0][field], field)
	}
	require.NotEmpty(t, steps[0]["startedAt"])
	require.NotEmpty(t, steps[0]["finishedAt"])
}

// TestRead_Only: what clients may do to the system collections is read.
func TestRead_Only(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(readWorkflows))
	id := a.create("?triggerWorkflows=good", nil).id(t, "good")
	a.drain()
	task := record(t, a, "_workflowTasks", map[string]any{"execution": id, "title": "a task of nobody"})
	record(t, a, "_workflowTaskPeople", map[string]any{"execution": id, "task": task.Id, "user": "nobody", "userCollection": "users"})
	record(t, a, "_workflowDates", map[string]any{"workflow": "good", "record": "r", "value": "2026-01-01 00:00:00.000Z"})
	record(t, a, "_workflowEvents", map[string]any{"execution": id, "name": "hello"})
	record(t, a, "_workflowRequests", map[string]any{"digest": "d", "fingerprint": "f"})
	who := callers(a)
	collections := []string{"_workflows", "_workflowVersions", "_workflowExecutions", "_workflowSteps", "_workflowTasks", "_workflowTaskPeople", "_workflowDates", "_workflowEvents", "_workflowRequests"}
	ids := map[string]string{}
	state := func() string {
		var all []any
		for _, c := range collections {
			rows, err := a.FindAllRecords(c)
			require.NoError(t, err)
			for _, r := range rows {
				if ids[c] == "" {
					ids[c] = r.Id
				}
				all = append(all, r.FieldsData())
			}
		}
		raw, err := json.Marshal(all)
		require.NoError(t, err)
		return string(raw)
	}
	before := state()
	refused := func(t *testing.T, res answer) {
		t.Helper()
		require.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound}, res.StatusCode, res.body)
		require.Equal(t, before, state())
	}
	type object = map[string]any
	for _, c := range collections {
		body := object{"enabled": false, "workflow": "good", "status": "failed", "key": "new", "name": "new", "hash": "new", "number": 9, "title": "new", "execution": id}
		records := "/api/collections/" + c + "/records"
		for _, name := range []string{"the owner", "another user", "a guest"} {
			t.Run(c+", "+name, func(t *testing.T) {
				refused(t, a.send("", http.MethodPost, records, body, who[name]...))
				refused(t, a.send("", http.MethodPatch, records+"/"+ids[c], body, who[name]...))
				refused(t, a.send("", http.MethodDelete, records+"/"+ids[c], nil, who[name]...))
				switch c {
				case "_workflowExecutions":
				case "_workflowTasks": // those of others
					require.EqualValues(t, 0, a.send("", http.MethodGet, records, nil, who[name]...).data(t)["totalItems"])
					require.Equal(t, http.StatusNotFound, a.send("", http.MethodGet, records+"/"+ids[c], nil, who[name]...).StatusCode)
				default:
					require.Equal(t, http.StatusForbidden, a.send("", http.MethodGet, records, nil, who[name]...).StatusCode)
					require.Equal(t, http.StatusForbidden, a.send("", http.MethodGet, records+"/"+ids[c], nil, who[name]...).StatusCode)
				}
			})
		}
		t.Run(c+", other ways", func(t *testing.T) {
			delete(body, "enabled") // the one thing that a superuser may change
			for _, name := range []string{"the owner", "a superuser"} {
				for _, sub := range []object{
					{"method": "POST", "url": records, "body": body},
					{"method": "PATCH", "url": records + "/" + ids[c], "body": body},
					{"method": "PUT", "url": records, "body": object{"id": ids[c], "hash": "x", "workflow": "x", "key": "x", "name": "x", "title": "x"}},
					{"method": "PUT", "url": records, "body": body},
				} {
					refused(t, a.send("", http.MethodPost, "/api/batch", object{"requests": []any{sub}}, who[name]...))
				}
				refused(t, a.send("", http.MethodPost, "/api/"+c+":create", body, who[name]...))
				refused(t, a.send("", http.MethodPost, "/api/"+c+":update?filterByTk="+ids[c], object{"hash": "x", "workflow": "x", "key": "x", "name": "x", "title": "x"}, who[name]...))
			}
		})
	}
}

// TestRead_NestedWrite: a relation is no way in either.
func TestRead_NestedWrite(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(readWorkflows))
	id := a.create("?triggerWorkflows=good", nil).id(t, "good")
	a.drain()
	executions, err := a.FindCollectionByNameOrId("_workflowExecutions")
	require.NoError(t, err)
	reviews := core.NewBaseCollection("reviews")
	reviews.CreateRule = new(string)
	reviews.Fields.Add(&core.RelationField{Name: "execution", CollectionId: executions.Id, MaxSelect: 1})
	require.NoError(t, a.Save(reviews))
	for _, who := range []string{"user", "super"} {
		for _, nested := range []map[string]any{{"workflow": "forged", "status": "completed"}, {"id": id, "status": "failed"}} {
			res := a.send(who, http.MethodPost, "/api/collections/reviews/records", map[string]any{"execution": nested})
			require.GreaterOrEqual(t, res.StatusCode, 400, res.body)
			require.Zero(t, a.count("reviews"))
			require.Equal(t, 1, a.count("_workflowExecutions"))
			require.Equal(t, "completed", a.row(id).GetString("status"))
		}
	}
	require.Equal(t, http.StatusOK, a.send("user", http.MethodPost, "/api/collections/reviews/records", map[string]any{"execution": id}).StatusCode, "linking is fine")
}

// TestRead_DeleteEnded: a superuser clears an ended execution away, with its
// steps; one that is not over stays.
func TestRead_DeleteEnded(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(readWorkflows))
	first, second := a.create("?triggerWorkflows=good", nil).id(t, "good"), a.create("?triggerWorkflows=good", nil).id(t, "good")
	a.drain()
	a.plugin.Pause()
	queued := a.create("?triggerWorkflows=good", nil).id(t, "good")
	require.Equal(t, http.StatusNoContent, a.send("super", http.MethodDelete, executionsURL+"/"+first, nil).StatusCode)
	refused := a.send("super", http.MethodDelete, executionsURL+"/"+queued, nil)
	require.Equal(t, http.StatusBadRequest, refused.StatusCode)
	require.Contains(t, refused.body, "queued")
	steps := a.send("super", http.MethodGet, stepsURL, nil)
	require.Equal(t, 1, strings.Count(steps.body, `"execution":`))
	require.Contains(t, steps.body, second)
	a.plugin.Resume()
	require.Equal(t, "completed", a.row(queued).GetString("status"))
}
