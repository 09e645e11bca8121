package script

import (
	"slices"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// flowLoop is a loop of any kind.
type flowLoop struct {
	at     ast.Node
	name   string
	labels []string
	// test is walked before each turn, update after it; both may be nil.
	test, update ast.Expression
	// endless loops end with a break only.
	endless bool
	// late loops run their body before their test.
	late bool
	body func(in []exit) []exit
}

func (f *flow) loopStatement(s ast.Statement, labels []string, in []exit) []exit {
	outer := f.scope
	f.scope = newFlowScope(outer)
	defer func() { f.scope = outer }()
	l := flowLoop{at: s, labels: labels}
	var body ast.Statement
	switch s := s.(type) {
	case *ast.ForOfStatement:
		in = f.expression(s.Source, in)
		l.name, body = f.into(s.Into)+" of "+f.source.of(s.Source), s.Body
	case *ast.ForInStatement:
		in = f.expression(s.Source, in)
		l.name, body = f.into(s.Into)+" in "+f.source.of(s.Source), s.Body
	case *ast.WhileStatement:
		l.test, l.endless, body = s.Test, always(s.Test), s.Body
		l.name = "while " + f.source.of(s.Test)
	case *ast.DoWhileStatement:
		l.test, l.endless, l.late, body = s.Test, always(s.Test), true, s.Body
		l.name = "do … while " + f.source.of(s.Test)
	case *ast.ForStatement:
		var first string
		first, in = f.initializer(s.Initializer, in)
		l.test, l.update, l.endless, body = s.Test, s.Update, s.Test == nil || always(s.Test), s.Body
		l.name = strings.TrimSpace("for " + first + "; " + f.text(s.Test) + "; " + f.text(s.Update))
	}
	l.body = func(in []exit) []exit { return f.statement(body, in) }
	return f.loop(l, in)
}

func (f *flow) text(e ast.Expression) string {
	if e == nil {
		return ""
	}
	return f.source.of(e)
}

// always reports whether a test is a literal that is true.
func always(test ast.Expression) bool {
	b, ok := test.(*ast.BooleanLiteral)
	return ok && b.Value
}

// into is the name of a loop's variable.
func (f *flow) into(into ast.ForInto) string {
	switch into := into.(type) {
	case *ast.ForDeclaration:
		f.bind(into.Target, flowValue{})
		return f.source.of(into.Target)
	case *ast.ForIntoVar:
		f.bind(into.Binding.Target, flowValue{})
		return f.source.of(into.Binding.Target)
	case *ast.ForIntoExpression:
		return f.source.of(into.Expression)
	default:
		return ""
	}
}

func (f *flow) initializer(init ast.ForLoopInitializer, in []exit) (string, []exit) {
	switch init := init.(type) {
	case *ast.ForLoopInitializerExpression:
		return f.source.of(init.Expression), f.expression(init.Expression, in)
	case *ast.ForLoopInitializerVarDeclList:
		return f.source.of(init), f.bindings(init.List, in)
	case *ast.ForLoopInitializerLexicalDecl:
		return f.source.of(&init.LexicalDeclaration), f.bindings(init.LexicalDeclaration.List, in)
	default:
		return "", in
	}
}

// loop is a node with a way into its body, which comes back to it, and one out.
func (f *flow) loop(l flowLoop, in []exit) []exit {
	if len(in) == 0 {
		return nil
	}
	m := f.mark()
	id := f.node(workflow.GraphLoop, oneLine(l.name), l.at, in)
	j := &flowJump{labels: l.labels, loop: true}
	f.jumps = append(f.jumps, j)
	var done []exit
	f.nested(func() {
		f.inside(id, func() { done = f.turn(l, j, id) })
	})
	f.jumps = f.jumps[:len(f.jumps)-1]
	if !f.worth(m) {
		f.rollback(m)
		return in
	}
	out := slices.Clone(j.breaks)
	if l.endless {
		return out
	}
	return append(out, done...)
}

// turn walks one turn of a loop and returns where it is done.
func (f *flow) turn(l flowLoop, j *flowJump, id string) []exit {
	each := []exit{{id, "each"}}
	relabel := func(from []exit) []exit { // where the test has steps, it comes after them
		if len(from) == 1 && from[0] == each[0] {
			return []exit{{id, "done"}}
		}
		out := make([]exit, len(from))
		for i, e := range from {
			out[i] = exit{e.from, "done"}
		}
		return out
	}
	if l.late {
		back := append(slices.Clone(l.body(each)), j.continues...)
		back = f.expression(l.test, back)
		f.join(back, id)
		if len(back) == 0 {
			return nil
		}
		return []exit{{id, "done"}}
	}
	tested := f.expression(l.test, each)
	done := relabel(tested)
	back := append(slices.Clone(l.body(tested)), j.continues...)
	f.join(f.expression(l.update, back), id)
	return done
}
