package script

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja/parser"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// updateGolden writes the graphs of the golden files anew: look at the difference.
var updateGolden = flag.Bool("update-flow", false, "write the golden graphs anew")

// flowOf is the graph of workflow "w" of a file.
func flowOf(t testing.TB, source string) *workflow.Graph {
	t.Helper()
	g, err := Flow(&workflow.Version{Workflow: "w", Number: 1, File: "w.js", Script: source})
	require.NoError(t, err)
	return g
}

// edges is a graph as text: one edge a line, nodes by kind and name.
func edges(g *workflow.Graph) string {
	label := map[string]string{}
	for _, n := range g.Nodes {
		label[n.ID] = strings.TrimSpace(string(n.Kind) + " " + n.Name)
	}
	var b strings.Builder
	for _, e := range g.Edges {
		arrow := " -> "
		if e.Label != "" {
			arrow = " -" + e.Label + "-> "
		}
		b.WriteString(label[e.From] + arrow + label[e.To] + "\n")
	}
	return b.String()
}

// TestFlow_Golden compares the graphs of the demo workflows and of sources with
// every construct with what they were when somebody looked at them.
func TestFlow_Golden(t *testing.T) {
	t.Parallel()
	demos, err := filepath.Glob("../../../workflows/*.js")
	require.NoError(t, err)
	own, err := filepath.Glob("testdata/flow/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, demos)
	require.NotEmpty(t, own)
	for _, file := range append(demos, own...) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			v := &workflow.Version{Workflow: "w", Number: 1, File: name, Script: string(raw)}
			golden := strings.TrimSuffix(file, ".js") + ".mmd"
			if strings.Contains(file, "workflows/") {
				v.Workflow = strings.TrimSuffix(name, ".js")
				golden = "testdata/flow/demo-" + v.Workflow + ".mmd"
			}
			if name == "nasty.js" {
				v.Definition.Line = 4 // its key is no literal
			}
			g, err := Flow(v)
			require.NoError(t, err)
			if *updateGolden {
				require.NoError(t, os.WriteFile(golden, []byte(g.Mermaid()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoErrorf(t, err, "a new workflow: go test ./plugin/internal/script -run TestFlow_Golden -update-flow")
			require.Equal(t, string(want), g.Mermaid())
			soundGraph(t, g)
		})
	}
}

// soundGraph checks what holds for every graph.
func soundGraph(t testing.TB, g *workflow.Graph) {
	t.Helper()
	known := map[string]bool{}
	for _, n := range g.Nodes {
		require.False(t, known[n.ID], n.ID)
		known[n.ID] = true
		require.True(t, n.Parent == "" || known[n.Parent], "%s stands in %s", n.ID, n.Parent)
	}
	reached := map[string]bool{"start": true}
	for _, e := range g.Edges {
		require.True(t, known[e.From] && known[e.To], "%v", e)
		reached[e.To] = true
	}
	listed := map[string]bool{}
	for _, ids := range g.Steps {
		for _, id := range ids {
			listed[id] = true
		}
	}
	for _, p := range g.Patterns {
		for _, id := range p.Nodes {
			listed[id] = true
		}
	}
	for _, n := range g.Nodes {
		require.True(t, reached[n.ID], "%s %s is reached", n.ID, n.Kind)
		if stepMethods[string(n.Kind)] {
			require.True(t, listed[n.ID], "%s %s is found by its name", n.ID, n.Name)
		}
	}
	for id := range listed {
		require.True(t, known[id], id)
	}
}

func TestFlow_Constructs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ handler, want string }{
		"nothing to see": {`(ctx) => { const n = [1, 2].map((x) => x + 1); if (n) { n.push(1) } return n }`, "start -> done\n"},
		"steps in order, nested calls first": {
			`(ctx) => ctx.step.sleepUntil("b", ctx.step.run("a", () => 1))`,
			"start -> run a\nrun a -> sleepUntil b\nsleepUntil b -> done\n",
		},
		"if, else if and an early return": {
			`(ctx) => { if (ctx.a) { ctx.step.run("a", () => 1) } else if (ctx.b) { return 1 } ctx.step.sleep("b", "1m") }`,
			"start -> if ctx.a\nif ctx.a -yes-> run a\nif ctx.a -no-> if ctx.b\nif ctx.b -yes-> return 1\nrun a -> sleep b\nif ctx.b -no-> sleep b\nsleep b -> done\n",
		},
		"a loop that is left and gone on with": {
			`(ctx) => { for (const p of ctx.l) { if (!p) continue; if (p > 3) break; ctx.step.run("a", () => 1) } }`,
			"start -> loop p of ctx.l\nloop p of ctx.l -each-> if !p\nif !p -no-> if p > 3\nif p > 3 -no-> run a\nrun a -> loop p of ctx.l\nif !p -yes-> loop p of ctx.l\nif p > 3 -yes-> done\nloop p of ctx.l -done-> done\n",
		},
		"a loop for ever has no way out": {
			`(ctx) => { for (;;) { ctx.step.sleep("a", 1) } }`,
			"start -> loop for ; ;\nloop for ; ; -each-> sleep a\nsleep a -> loop for ; ;\n",
		},
		"an error that is caught": {
			`(ctx) => { try { ctx.step.run("a", () => 1); throw "x" } catch (e) { ctx.fail("no") } }`,
			"start -> try\ntry -> run a\nrun a -> throw \"x\"\ntry -error-> catch e\nthrow \"x\" -> catch e\ncatch e -> fail no\n",
		},
		"what a return passes": {
			`(ctx) => { try { return ctx.step.run("a", () => 1) } finally { ctx.step.run("b", () => 1) } }`,
			"start -> try\ntry -> run a\nrun a -> return ctx.step.run(\"a\", () => 1)\nreturn ctx.step.run(\"a\", () => 1) -> finally\ntry -error-> finally\nfinally -> run b\nrun b -return-> done\n",
		},
		"the end in the function of a step": {
			`(ctx) => { ctx.step.run("a", () => { if (ctx.bad) ctx.end() }) }`,
			"start -> run a\nrun a -> if ctx.bad\nif ctx.bad -yes-> end\nif ctx.bad -no-> done\n",
		},
		"a handler from elsewhere": {`require("./lib.js").handler`, "start -> call require(\"./lib.js\").handler\ncall require(\"./lib.js\").handler -> done\n"},
		"a handler with a name":    {`named); function named({ step }) { step.run("a", f) } (1`, "start -> run a\nrun a -> done\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := flowOf(t, handler(c.handler))
			require.Equal(t, c.want, edges(g))
			soundGraph(t, g)
		})
	}
}

func TestFlow_Nodes(t *testing.T) {
	t.Parallel()
	g := flowOf(t, `workflow("w", {}, (ctx) => { ctx.step.run("first line", () => 1);
  /* ä */ const x = ctx.step.waitForEvent("answer", { event: "e", "timeout": 2 * 5, if: filter });
  help(ctx);
});
const help = (c) => c.step.invoke("call", key, { data: [1], wait: false });`)
	require.Equal(t, []workflow.GraphNode{
		{ID: "start", Kind: "start"},
		{ID: "n1", Kind: "run", Name: "first line", Line: 1, Column: 30, Code: `workflow("w", {}, (ctx) => { ctx.step.run("first line", () => 1);`},
		{
			ID: "n2", Kind: "waitForEvent", Name: "answer", Line: 2, Column: 21,
			Code:    `/* ä */ const x = ctx.step.waitForEvent("answer", { event: "e", "timeout": 2 * 5, if: filter });`,
			Options: map[string]string{"event": `"e"`, "timeout": "2 * 5", "if": "filter"},
		},
		{
			ID: "n3", Kind: "invoke", Name: "call", Line: 5, Column: 21, Function: "help",
			Code:    `const help = (c) => c.step.invoke("call", key, { data: [1], wait: false });`,
			Options: map[string]string{"key": "key", "data": "[1]", "wait": "false"},
		},
		{ID: "done", Kind: "done"},
	}, g.Nodes)

	raw, err := os.ReadFile("testdata/flow/branches.js")
	require.NoError(t, err)
	g = flowOf(t, string(raw))
	require.Len(t, g.Steps["both/a/inner/0/nap"], 1, "names are those of the journal")
	require.Len(t, g.Steps["both/b/x"], 1)
	require.Contains(t, g.Patterns, workflow.GraphPattern{Pattern: "rows of */*/row *", Nodes: []string{g.Patterns[len(g.Patterns)-1].Nodes[0]}})
	parents := map[string]string{}
	for _, n := range g.Nodes {
		parents[n.ID] = n.Parent
	}
	require.Equal(t, g.Steps["both/a/inner/0"][0], parents[g.Steps["both/a/inner/0/nap"][0]])
	require.Equal(t, g.Steps["both"][0], parents[g.Steps["both/a"][0]])
}

func TestFlow_IsBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(handler("(ctx) => f0(ctx)"))
	for i := range 30 { // every function calls the next one twice
		fmt.Fprintf(&b, "\nfunction f%d(c) { f%d(c); f%d(c); c.step.run('x', () => 1) }", i, i+1, i+1)
	}
	began := time.Now()
	g := flowOf(t, b.String())
	require.True(t, g.Truncated)
	require.LessOrEqual(t, len(g.Nodes), maxFlowNodes+maxFlowDepth+2)
	require.Less(t, time.Since(began), 10*time.Second)
	soundGraph(t, g)

	_, err := Flow(&workflow.Version{Workflow: "w", File: "w.js", Script: "workflow("})
	require.ErrorContains(t, err, "parse w.js")
}

// FuzzFlow shows that no source that can be parsed breaks the graph.
func FuzzFlow(f *testing.F) {
	for _, pattern := range []string{"testdata/flow/*.js", "../../../workflows/*.js"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(strings.ReplaceAll(string(raw), `workflow("`, `workflow("w" && "`))
			f.Add(string(raw))
		}
	}
	f.Add(handler("function* (ctx) { yield* ctx.step.run(...ctx.a, ctx?.step?.['run'](``)) ; class A { static { ctx.step } } ; switch (1) {} ; throw }"))
	f.Fuzz(func(t *testing.T, source string) {
		if _, err := parser.ParseFile(nil, "", wrapHead+source+wrapTail, 0, parser.WithDisableSourceMaps); err != nil {
			t.Skip()
		}
		g := flowOf(t, source)
		soundGraph(t, g)
		require.NotEmpty(t, g.Mermaid())
	})
}
