package script

import (
	"slices"

	"github.com/dop251/goja/ast"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// flowCall is a function whose body is walked.
type flowCall struct {
	literal ast.Node
	name    string
	returns []exit
	// handler is true for the workflow's own function.
	handler bool
	// nest counts the statements around the walk: a return outside of any is no
	// early one.
	nest int
}

// flowJump is a loop or switch that break and continue lead out of.
type flowJump struct {
	labels            []string
	loop              bool
	breaks, continues []exit
}

// flowTry is a try statement around the walk.
type flowTry struct {
	call             *flowCall
	catches, finally bool
	// thrown lead to its catch; the others go through its finally.
	thrown, returns, throws []exit
}

// flowMark is how far a graph was, to go back when what came is not worth showing.
type flowMark struct{ nodes, edges, names int }

func (f *flow) mark() flowMark {
	return flowMark{len(f.graph.Nodes), len(f.graph.Edges), len(f.names)}
}

func (f *flow) rollback(m flowMark) {
	f.graph.Nodes, f.graph.Edges, f.names = f.graph.Nodes[:m.nodes], f.graph.Edges[:m.edges], f.names[:m.names]
}

// worth reports whether something has come since the mark that decides about
// steps: a step, an early end, or a way out of what is around.
func (f *flow) worth(m flowMark) bool {
	added := map[string]bool{}
	for _, n := range f.graph.Nodes[m.nodes:] {
		switch n.Kind {
		case workflow.GraphIf, workflow.GraphSwitch, workflow.GraphLoop, workflow.GraphTry, workflow.GraphCatch, workflow.GraphFinally, workflow.GraphCall:
			added[n.ID] = true
		default:
			return true
		}
	}
	leads := func(lists ...[]exit) bool {
		for _, list := range lists {
			if slices.ContainsFunc(list, func(e exit) bool { return added[e.from] }) {
				return true
			}
		}
		return false
	}
	if c := f.within(); c != nil && leads(c.returns) {
		return true
	}
	return slices.ContainsFunc(f.jumps, func(j *flowJump) bool { return leads(j.breaks, j.continues) }) ||
		slices.ContainsFunc(f.tries, func(t *flowTry) bool { return leads(t.thrown, t.returns, t.throws) })
}

// nested walks statements that are part of another one.
func (f *flow) nested(walk func()) {
	c := f.within()
	c.nest++
	walk()
	c.nest--
}
