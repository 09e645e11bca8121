package plugin_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

func TestGraph_OfAWorkflow(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"flow.js": `workflow("flow", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const n = ctx.step.run("count", () => 1);
    if (n > 3) ctx.fail("too many");
    ctx.step.parallel("both", { a: () => ctx.step.sleep("nap", "1ms") });
});`,
		"broken.js": `workflow("broken", {`,
		"wrong.js":  `workflow("wrong", { on: { type: "action" } }, () => {})`,
	})

	res := a.send("super", http.MethodGet, "/api/workflows/flow/graph", nil)
	require.Equal(t, http.StatusOK, res.StatusCode, res.body)
	graph := res.data(t)
	require.Equal(t, "flow", graph["workflow"])
	require.InDelta(t, 1, graph["version"], 0)
	nodes := graph["nodes"].([]any)
	require.Equal(t, map[string]any{
		"id": "n1", "kind": "run", "name": "count", "line": 2.0, "column": 15.0,
		"code": `const n = ctx.step.run("count", () => 1);`, "parent": "", "function": "",
	}, nodes[1])
	require.Contains(t, graph["edges"], map[string]any{"from": "n2", "to": "n3", "label": "yes"})

	// The names are those of an execution's steps.
	id := a.trigger("flow", map[string]any{})
	require.Equal(t, "completed", a.ends(id).GetString("status"))
	steps, err := a.FindRecordsByFilter("_workflowSteps", "execution = {:id}", "", 0, 0, map[string]any{"id": id})
	require.NoError(t, err)
	require.Len(t, steps, 4)
	for _, s := range steps {
		require.Len(t, graph["steps"].(map[string]any)[s.GetString("name")], 1, s.GetString("name"))
	}

	text := a.send("super", http.MethodGet, "/api/workflows/flow/graph?format=mermaid", nil)
	require.Equal(t, http.StatusOK, text.StatusCode)
	require.Contains(t, text.Header.Get("Content-Type"), "text/plain")
	require.Contains(t, text.body, "flowchart TD\n")
	require.Contains(t, text.body, `id_n2{"n &gt; 3"}`)
}

func TestGraph_OfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"1.js": saying("talk", "old", "")})
	a.write("1.js", `workflow("talk", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.step.run("new", () => "new"))`)
	comesToSay(a, "talk", "new")
	kinds := func(url string) (out []any) {
		t.Helper()
		res := a.send("super", http.MethodGet, url, nil)
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		for _, n := range res.data(t)["nodes"].([]any) {
			out = append(out, n.(map[string]any)["kind"])
		}
		return out
	}
	require.Equal(t, []any{"start", "run", "done"}, kinds("/api/workflows/talk/graph"))
	require.Equal(t, []any{"start", "run", "done"}, kinds("/api/workflows/talk/graph?version=2"))
	require.Equal(t, []any{"start", "done"}, kinds("/api/workflows/talk/graph?version=1"))
}

func TestGraph_Refused(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"flow.js":  `workflow("flow", { on: { type: "action", collection: "posts" } }, (ctx) => {});`,
		"wrong.js": `workflow("wrong", { on: { type: "action" } }, () => {})`,
	})
	for name, c := range map[string]struct {
		who, method, path string
		status            int
		body              string
	}{
		"a guest":                     {"", http.MethodGet, "flow/graph", 401, ""},
		"a user":                      {"user", http.MethodGet, "flow/graph", 403, ""},
		"an unknown workflow":         {"super", http.MethodGet, "nobody/graph", 404, ""},
		"an unknown version":          {"super", http.MethodGet, "flow/graph?version=9", 404, ""},
		"a version that is no number": {"super", http.MethodGet, "flow/graph?version=x", 400, "number of a version"},
		"version 0":                   {"super", http.MethodGet, "flow/graph?version=0", 400, "number of a version"},
		"another format":              {"super", http.MethodGet, "flow/graph?format=png", 400, `\"json\" or \"mermaid\"`},
		"one that never loaded":       {"super", http.MethodGet, "wrong/graph", 400, "on.collection"},
		"another method":              {"super", http.MethodPost, "flow/graph", 405, ""},
	} {
		res := a.send(c.who, c.method, "/api/workflows/"+c.path, nil)
		require.Equal(t, c.status, res.StatusCode, "%s: %s", name, res.body)
		require.Contains(t, res.body, c.body, name)
	}
}
