package script

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// block walks statements in a scope of their own.
func (f *flow) block(list []ast.Statement, in []exit) []exit {
	outer := f.scope
	f.scope = newFlowScope(outer)
	defer func() { f.scope = outer }()
	return f.statements(list, in)
}

func (f *flow) statements(list []ast.Statement, in []exit) []exit {
	f.declare(list)
	for _, s := range list {
		in = f.statement(s, in)
	}
	return in
}

// statement walks one statement and returns where it may go on from. What can't be
// reached is not walked.
func (f *flow) statement(s ast.Statement, in []exit, labels ...string) []exit {
	if len(in) == 0 || f.full() {
		return in
	}
	switch s := s.(type) {
	case *ast.BlockStatement:
		return f.block(s.List, in)
	case *ast.ExpressionStatement:
		return f.expression(s.Expression, in)
	case *ast.LexicalDeclaration:
		return f.bindings(s.List, in)
	case *ast.VariableStatement:
		return f.bindings(s.List, in)
	case *ast.IfStatement:
		return f.ifStatement(s, in)
	case *ast.SwitchStatement:
		return f.switchStatement(s, labels, in)
	case *ast.LabelledStatement:
		return f.labelled(s, labels, in)
	case *ast.ForStatement, *ast.ForOfStatement, *ast.ForInStatement, *ast.WhileStatement, *ast.DoWhileStatement:
		return f.loopStatement(s, labels, in)
	case *ast.TryStatement:
		return f.tryStatement(s, in)
	case *ast.ReturnStatement:
		return f.returnStatement(s, in)
	case *ast.ThrowStatement:
		return f.throwStatement(s, in)
	case *ast.BranchStatement:
		return f.jump(s, in)
	case *ast.WithStatement:
		return f.statement(s.Body, f.expression(s.Object, in))
	default:
		return in
	}
}

func (f *flow) bindings(list []*ast.Binding, in []exit) []exit {
	for _, b := range list {
		in = f.expression(b.Initializer, in)
		f.bind(b.Target, f.value(b.Initializer))
	}
	return in
}

func (f *flow) ifStatement(s *ast.IfStatement, in []exit) []exit {
	in = f.expression(s.Test, in)
	return f.either(s.Test, s, in, "yes", "no",
		func(in []exit) []exit { return f.statement(s.Consequent, in) },
		func(in []exit) []exit { return f.statement(s.Alternate, in) })
}

// either is a node with two ways out, unless neither does anything.
func (f *flow) either(test ast.Expression, at ast.Node, in []exit, one, other string, first, second func([]exit) []exit) (out []exit) {
	if len(in) == 0 {
		return nil
	}
	m := f.mark()
	id := f.node(workflow.GraphIf, f.source.of(test), at, in)
	f.nested(func() {
		out = append(slices.Clone(first([]exit{{id, one}})), second([]exit{{id, other}})...)
	})
	if !f.worth(m) {
		f.rollback(m)
		return in
	}
	return out
}

func (f *flow) switchStatement(s *ast.SwitchStatement, labels []string, in []exit) []exit {
	if in = f.expression(s.Discriminant, in); len(in) == 0 {
		return nil
	}
	m := f.mark()
	id := f.node(workflow.GraphSwitch, f.source.of(s.Discriminant), s, in)
	j := &flowJump{labels: labels}
	f.jumps = append(f.jumps, j)
	outer := f.scope
	f.scope = newFlowScope(outer)
	var out []exit
	otherwise := true
	f.nested(func() {
		for _, c := range s.Body {
			label := "default"
			if c.Test != nil {
				label = f.source.of(c.Test)
			} else {
				otherwise = false
			}
			out = f.statements(c.Consequent, append(out, exit{id, label})) // falls through
		}
	})
	f.scope = outer
	f.jumps = f.jumps[:len(f.jumps)-1]
	if !f.worth(m) {
		f.rollback(m)
		return in
	}
	if out = append(slices.Clone(out), j.breaks...); otherwise {
		out = append(out, exit{id, "else"})
	}
	return out
}

func (f *flow) labelled(s *ast.LabelledStatement, labels []string, in []exit) []exit {
	labels = append(slices.Clone(labels), s.Label.Name.String())
	switch s.Statement.(type) {
	case *ast.ForStatement, *ast.ForOfStatement, *ast.ForInStatement, *ast.WhileStatement, *ast.DoWhileStatement,
		*ast.SwitchStatement, *ast.LabelledStatement:
		return f.statement(s.Statement, in, labels...)
	}
	j := &flowJump{labels: labels}
	f.jumps = append(f.jumps, j)
	out := f.statement(s.Statement, in)
	f.jumps = f.jumps[:len(f.jumps)-1]
	return append(slices.Clone(out), j.breaks...)
}

// jump is break or continue.
func (f *flow) jump(s *ast.BranchStatement, in []exit) []exit {
	for i := len(f.jumps) - 1; i >= 0; i-- {
		j := f.jumps[i]
		switch {
		case s.Label != nil && !slices.Contains(j.labels, s.Label.Name.String()):
		case s.Token == token.CONTINUE && j.loop:
			j.continues = append(j.continues, in...)
			return nil
		case s.Token == token.BREAK && (s.Label != nil || j.loop || len(j.labels) == 0):
			j.breaks = append(j.breaks, in...)
			return nil
		}
	}
	return nil
}

// returnStatement ends the function. In the handler an early one is a node.
func (f *flow) returnStatement(s *ast.ReturnStatement, in []exit) []exit {
	in = f.expression(s.Argument, in)
	c := f.within()
	if len(in) == 0 || c == nil {
		return nil
	}
	if c.handler && c.nest > 0 {
		text := ""
		if s.Argument != nil {
			text = f.source.of(s.Argument)
		}
		in = []exit{{f.node(workflow.GraphReturn, text, s, in), ""}}
	}
	for i := len(f.tries) - 1; i >= 0 && f.tries[i].call == c; i-- {
		if f.tries[i].finally {
			f.tries[i].returns = append(f.tries[i].returns, in...)
			return nil
		}
	}
	f.returned(c, in)
	return nil
}

// returned is the end of a function; that of the handler, when early, is shown by
// its node.
func (f *flow) returned(c *flowCall, in []exit) {
	if !c.handler || c.nest == 0 {
		c.returns = append(c.returns, in...)
	}
}

func (f *flow) throwStatement(s *ast.ThrowStatement, in []exit) []exit {
	in = f.expression(s.Argument, in)
	if len(in) == 0 || f.inStep { // a step that throws fails: no way of its own
		return nil
	}
	f.thrown([]exit{{f.node(workflow.GraphThrow, f.source.of(s.Argument), s, in), ""}})
	return nil
}

// thrown leads to what catches, if anything does.
func (f *flow) thrown(from []exit) {
	for i := len(f.tries) - 1; i >= 0; i-- {
		switch t := f.tries[i]; {
		case t.catches:
			t.thrown = append(t.thrown, from...)
			return
		case t.finally:
			t.throws = append(t.throws, from...)
			return
		}
	}
}
