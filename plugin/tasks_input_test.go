package plugin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestTasks_BadOptions: every option that is wrong is told by its name.
func TestTasks_BadOptions(t *testing.T) {
	t.Parallel()
	anna := func(more string) string { return `{ assignees: "anna00000000000", ` + more + ` }` }
	cases := []struct{ options, want string }{
		{`undefined`, "options expected an object"},
		{`{}`, "assignees: expected at least one"},
		{`{ assignees: [] }`, "assignees: expected at least one"},
		{`{ assignees: 5 }`, "assignees: expected an id"},
		{`{ assignees: [""] }`, "assignees[0]: expected an id"},
		{`{ assignees: [{ name: "x" }] }`, "assignees[0]: expected an id"},
		{`{ assignees: "nobody" }`, "assignees: there is no users/nobody"},
		{`{ assignees: "posts/` + fullID + `" }`, `assignees: there is no auth collection "posts"`},
		{`{ assignees: "nothing/x" }`, `assignees: there is no auth collection "nothing"`},
		{`{ assignees: ["anna00000000000", "users/anna00000000000"] }`, "assignees: users/anna00000000000 is given twice"},
		{`{ assignees: { role: "king" } }`, `assignees: nobody in "users" has the role "king"`},
		{anna(`cc: ["nobody"]`), "cc: there is no users/nobody"},
		{anna(`assignee: 1`), `assignee is unknown; did you mean "assignees"?`},
		{anna(`title: 5`), "title: expected a string"},
		{anna(`description: {}`), "description: expected a string"},
		{anna(`notify: "no"`), "notify: expected true or false"},
		{anna(`quorum: "most"`), `quorum: expected "any", "all"`},
		{anna(`quorum: 0`), `quorum: expected "any", "all"`},
		{anna(`quorum: 2`), "quorum: 2 have to agree, but there are only 1 assignees"},
		{anna(`order: "random"`), `order: expected "parallel" or "sequential"`},
		{anna(`dueIn: "soon"`), "dueIn: expected a duration over 0"},
		{anna(`dueIn: 0`), "dueIn: expected a duration over 0"},
		{anna(`onDue: "approve"`), "onDue: needs dueIn"},
		{anna(`dueIn: "1h", onDue: "explode"`), `onDue: expected "fail" or the key of an action, got "explode"`},
		{anna(`actions: "approve"`), "actions: expected a list"},
		{anna(`actions: []`), "actions: expected a list"},
		{anna(`actions: ["a", "a"]`), `actions[1]: there are two actions "a"`},
		{anna(`actions: ["fail"]`), `actions[0]: expected a key`},
		{anna(`actions: ["a b"]`), `actions[0]: expected a key`},
		{anna(`actions: ["reject"]`), "actions: expected at least one that does not reject"},
		{anna(`actions: [{ key: "a", reject: true }]`), `actions[0].reject: is unknown; did you mean "rejects"?`},
		{anna(`actions: [{ key: "a", rejects: 1 }]`), "actions[0].rejects: expected true or false"},
		{anna(`fields: {}`), "fields: expected a list"},
		{anna(`fields: ["price"]`), "fields: [0]: expected an object"},
		{anna(`fields: [{ name: "f", type: "file" }]`), "fields: [0]: type: expected one of"},
		{anna(`fields: [{ name: "f", type: "nothing" }]`), "fields: [0]: type: expected one of"},
		{anna(`fields: [{ type: "text" }]`), "fields: [0]: name: expected a name"},
		{anna(`fields: [{ name: "a b", type: "text" }]`), "fields: [0] (a b): name: "},
		{anna(`fields: [{ name: "id", type: "text" }]`), `fields: [0]: there can't be another field "id"`},
		{anna(`fields: [{ name: "a", type: "text" }, { name: "a", type: "bool" }]`), `fields: [1]: there can't be another field "a"`},
		{anna(`fields: [{ name: "a", type: "text", maximum: 5 }]`), `fields: [0]: a text field has no option "maximum"`},
		{anna(`fields: [{ name: "a", type: "text", primaryKey: true }]`), `fields: [0]: a text field has no option "primaryKey"`},
		{anna(`fields: [{ name: "a", type: "text", max: "many" }]`), "fields: [0]: a text field:"},
		{anna(`fields: [{ name: "a", type: "text", pattern: "((" }]`), "fields: [0] (a): pattern: "},
		{anna(`fields: [{ name: "a", type: "select" }]`), "fields: [0] (a): values: "},
		{anna(`fields: [{ name: "a", type: "number", min: 5, max: 1 }]`), "fields: [0] (a): max: "},
		{anna(`fields: [{ name: "a", type: "relation", collection: "nothing" }]`), `fields: [0]: collection: there is no collection "nothing"`},
	}
	handlers := make([]string, len(cases))
	for i, c := range cases {
		handlers[i] = `(ctx) => ctx.step.task("decide", ` + c.options + `)`
	}
	a := newApp(t, plugin.Config{}, one(`const all = [`+strings.Join(handlers, ",\n")+`];
workflow("bad", { on: { type: "action", collection: "posts" } }, (ctx) => { try { all[ctx.data.i](ctx) } catch (e) { return e.message } });
workflow("inside", { on: { type: "action", collection: "posts" }, mode: "transaction" }, (ctx) => ctx.step.task("decide", { assignees: "anna00000000000" }));`))
	people(a, "anna")
	for i, c := range cases {
		row := a.ends(a.trigger("bad", map[string]any{"i": i}))
		require.Contains(t, fmt.Sprint(output(t, row)), c.want, c.options)
		require.Equal(t, 0, a.count("_workflowTasks"), c.options)
	}
	res := a.create("?triggerWorkflows=inside", nil)
	require.Equal(t, http.StatusInternalServerError, res.StatusCode)
	require.Contains(t, res.body, `can't be used in mode`)
}

// TestTasks_Values: what an assignee fills in is checked as PocketBase checks a
// record.
func TestTasks_Values(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"1.js": `
workflow("form", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.step.task("decide", { assignees: "anna00000000000", fields: [
	{ name: "title", type: "text", required: true, min: 3, max: 5, pattern: "^[a-z]+$" },
	{ name: "price", type: "number", min: 1, max: 10, onlyInt: true },
	{ name: "sure", type: "bool" },
	{ name: "mail", type: "email", onlyDomains: ["example.org"] },
	{ name: "site", type: "url" },
	{ name: "day", type: "date", min: "2024-01-01 00:00:00Z" },
	{ name: "colour", type: "select", values: ["red", "blue"] },
	{ name: "many", type: "select", values: ["x", "y", "z"], maxSelect: 2 },
	{ name: "more", type: "json" },
	{ name: "text", type: "editor" },
	{ name: "tag", type: "relation", collection: "tags" },
] }).values);
`, "2.js": asking("plain", `{ assignees: "anna00000000000" }`)})
	p := people(a, "anna")
	id := a.trigger("form", nil)
	task := a.opens(id).Id
	say := func(task, action string, values map[string]any) answer {
		return a.as(p["anna"], http.MethodPost, "/api/workflows/tasks/"+task, map[string]any{"action": action, "values": values})
	}
	for _, c := range []struct {
		field string
		value any
		code  string
	}{
		{"title", nil, "validation_required"},
		{"title", "ab", "validation_min_text_constraint"},
		{"title", "abcdef", "validation_max_text_constraint"},
		{"title", "ABC", "validation_invalid_format"},
		{"title", 123, "validation_invalid_value"},
		{"price", 0.5, "validation_only_int_constraint"},
		{"price", 11, "validation_max_number_constraint"},
		{"price", "many", "validation_invalid_value"},
		{"sure", "perhaps", "validation_invalid_value"},
		{"mail", "nobody", "validation_is_email"},
		{"mail", "a@example.com", "validation_email_domain_not_allowed"},
		{"site", "not a url", "validation_invalid_url"},
		{"day", "tomorrow", "validation_invalid_value"},
		{"day", "2020-01-01", "validation_min_greater_equal_than_required"},
		{"colour", "green", "validation_invalid_value"},
		{"many", []string{"x", "y", "z"}, "validation_too_many_values"},
		{"tag", "nothing", "validation_missing_rel_records"},
		{"nobody", "asked", "validation_unknown_field"},
		{"id", "abc", "validation_unknown_field"},
	} {
		values := map[string]any{"title": "abc", c.field: c.value}
		res := say(task, "approve", values)
		require.Equal(t, 400, res.StatusCode, "%s %v", c.field, c.value)
		errs := res.data(t)["data"].(map[string]any)
		require.Len(t, errs, 1, "%s: %s", c.field, res.body)
		require.Equal(t, c.code, errs[c.field].(map[string]any)["code"], res.body)
	}
	for body, field := range map[string]string{
		`{"action": "explode"}`: "action",
		`{}`:                    "action",
		`{"action": "approve", "as": "users/anna"}`:                              "as",
		`{"action": "approve", "comment": "` + strings.Repeat("x", 10001) + `"}`: "comment",
	} {
		res := a.as(p["anna"], http.MethodPost, "/api/workflows/tasks/"+task, body)
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.data(t)["data"], field, res.body)
	}
	for _, body := range []string{`nonsense`, `[]`, `{"action": 5}`, `{"action": "approve", "values": []}`, `{"do": "approve"}`} {
		require.Equal(t, 400, a.as(p["anna"], http.MethodPost, "/api/workflows/tasks/"+task, body).StatusCode, body)
	}
	require.Equal(t, "waiting", a.task(task).GetString("status"), "nothing of that was an answer")
	require.JSONEq(t, `[]`, a.task(task).GetString("answers"))

	res := say(task, "approve", map[string]any{
		"title": "abc", "price": 3, "sure": true, "mail": "a@example.org", "site": "https://example.org", "day": "2025-01-02",
		"colour": "red", "many": []string{"x", "y"}, "more": map[string]any{"n": 1}, "text": "<p>x</p>", "tag": goTagID,
	})
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, map[string]any{
		"title": "abc", "price": 3.0, "sure": true, "mail": "a@example.org", "site": "https://example.org", "day": "2025-01-02 00:00:00.000Z",
		"colour": "red", "many": []any{"x", "y"}, "more": map[string]any{"n": 1.0}, "text": "<p>x</p>", "tag": goTagID,
	}, output(t, a.ends(id)))

	id = a.trigger("form", nil)
	task = a.opens(id).Id
	require.Equal(t, 400, say(task, "reject", map[string]any{"price": 11}).StatusCode, "what is given is checked")
	require.Equal(t, 200, say(task, "reject", nil).StatusCode, "who rejects need not fill in what is required")
	require.Equal(t, "rejected", a.ends(id).GetString("status"))

	task = a.opens(a.trigger("plain", nil)).Id
	require.Equal(t, 400, say(task, "approve", map[string]any{"x": 1}).StatusCode)
	require.Equal(t, 200, say(task, "approve", map[string]any{}).StatusCode)
}

// TestTasks_Reserved: nobody can decide a task by sending its event.
func TestTasks_Reserved(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: "anna00000000000" }`)))
	people(a, "anna")
	id := a.create("?triggerWorkflows=ask", nil).id(t, "ask")
	task := a.opens(id).Id
	for _, who := range []string{"user", "super"} {
		res := a.send(who, http.MethodPost, "/api/workflows/executions/"+id+"/events/task%2F"+task, `{"status": "completed", "result": {"action": "approve"}}`)
		require.Equal(t, 400, res.StatusCode, res.body)
	}
	require.Error(t, a.plugin.Send(a.TestApp, id, "task/"+task, nil))
	require.Equal(t, "waiting", a.status(id))
}

// TestTasks_Read keeps who has read a task and when, the first time.
func TestTasks_Read(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: "anna00000000000", cc: ["berta0000000000"] }`)))
	p := people(a, "anna", "berta")
	id := a.trigger("ask", nil)
	task := a.opens(id).Id
	read := "/api/workflows/tasks/" + task + "/read"
	require.Equal(t, false, a.as(p["berta"], http.MethodGet, "/api/workflows/tasks/"+task, nil).data(t)["read"])
	res := a.as(p["berta"], http.MethodPost, read, nil)
	require.Equal(t, 200, res.StatusCode, res.body)
	reads := res.data(t)["reads"].(map[string]any)
	require.Len(t, reads, 1)
	require.Equal(t, true, res.data(t)["read"])
	require.Equal(t, reads, a.as(p["berta"], http.MethodPost, read, nil).data(t)["reads"], "the first time counts")
	require.Equal(t, 403, a.send("super", http.MethodPost, read, nil).StatusCode)
	require.Equal(t, 200, a.decides(p["anna"], task, "approve").StatusCode)
	require.Equal(t, 200, a.as(p["anna"], http.MethodPost, read, nil).StatusCode, "a copy is read later too")
	require.Len(t, a.as(p["anna"], http.MethodGet, "/api/workflows/tasks/"+task, nil).data(t)["reads"], 2)
}
