package script

import (
	"slices"

	"github.com/dop251/goja/ast"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// tryStatement is a node with a way into its body and, for errors, one to what
// catches them.
func (f *flow) tryStatement(s *ast.TryStatement, in []exit) (out []exit) {
	m := f.mark()
	id := f.node(workflow.GraphTry, "", s, in)
	t := &flowTry{call: f.within(), catches: s.Catch != nil, finally: s.Finally != nil}
	f.tries = append(f.tries, t)
	f.nested(func() {
		f.inside(id, func() {
			out = f.statement(s.Body, []exit{{id, ""}})
			if s.Catch != nil {
				out = append(slices.Clone(out), f.catch(s.Catch, t, id)...)
			}
		})
	})
	f.tries = f.tries[:len(f.tries)-1]
	if s.Finally != nil {
		f.nested(func() { out = f.finally(s, t, id, out) })
	}
	if !f.worth(m) {
		f.rollback(m)
		return in
	}
	return out
}

func (f *flow) catch(c *ast.CatchStatement, t *flowTry, id string) []exit {
	t.catches = false // what it throws itself goes further out
	name := ""
	if c.Parameter != nil {
		name = f.source.of(c.Parameter)
	}
	at := f.node(workflow.GraphCatch, name, c, append([]exit{{id, "error"}}, t.thrown...))
	return f.statement(c.Body, []exit{{at, ""}})
}

// finally is walked once for all that goes through it.
func (f *flow) finally(s *ast.TryStatement, t *flowTry, id string, normal []exit) []exit {
	in := append(append(slices.Clone(normal), t.returns...), t.throws...)
	if s.Catch == nil {
		in = append(in, exit{id, "error"})
	}
	m := f.mark()
	at := f.node(workflow.GraphFinally, "", s.Finally, in)
	var out []exit
	f.inside(id, func() { out = f.statement(s.Finally, []exit{{at, ""}}) })
	if !f.worth(m) {
		f.rollback(m)
		if len(t.returns) > 0 {
			f.returned(t.call, t.returns)
		}
		f.thrown(t.throws)
		return normal
	}
	if len(t.returns) > 0 {
		t.call.returns = append(t.call.returns, labelled(out, "return")...)
	}
	if len(t.throws) > 0 {
		f.thrown(labelled(out, "error"))
	}
	if len(normal) == 0 {
		return nil
	}
	return out
}

func labelled(from []exit, label string) []exit {
	out := make([]exit, len(from))
	for i, e := range from {
		out[i] = exit{e.from, label}
	}
	return out
}
