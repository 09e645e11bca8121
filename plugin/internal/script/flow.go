package script

import (
	"fmt"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Limits of a graph: functions that call one another can make far more of a source
// than anybody could read.
const (
	maxFlowNodes = 2000
	maxFlowWork  = 200_000
	maxFlowDepth = 24
)

// Flow derives the graph of a version's handler from its source. The error says
// that the source can't be parsed.
func Flow(v *workflow.Version) (*workflow.Graph, error) {
	program, err := parser.ParseFile(nil, v.File, wrapHead+v.Script+wrapTail, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", v.File, err)
	}
	g := &workflow.Graph{
		Workflow: v.Workflow, Version: v.Number, File: v.File,
		Nodes: []workflow.GraphNode{}, Edges: []workflow.GraphEdge{}, Steps: map[string][]string{}, Patterns: []workflow.GraphPattern{},
	}
	f := &flow{graph: g, prefix: namePattern{exact: true}, source: flowSource{file: program.File, text: wrapHead + v.Script + wrapTail}}
	f.build(wrapped(program), v.Workflow, v.Definition.Line)
	f.finish()
	return g, nil
}

// wrapped are the statements of the file inside of the wrapper.
func wrapped(program *ast.Program) []ast.Statement {
	if len(program.Body) == 0 {
		return nil
	}
	statement, ok := program.Body[0].(*ast.ExpressionStatement)
	if !ok {
		return nil
	}
	fn, ok := statement.Expression.(*ast.FunctionLiteral)
	if !ok || fn.Body == nil {
		return nil
	}
	return fn.Body.List
}

// flow is a graph on its way.
type flow struct {
	graph  *workflow.Graph
	source flowSource
	work   int

	// scope is what names mean where the walk is, calls the functions it is in.
	scope *flowScope
	calls []*flowCall
	// jumps are the loops and switches around it, innermost last, tries the try
	// blocks.
	jumps []*flowJump
	tries []*flowTry
	// parents are the nodes it stands in, prefix begins the journal's names there.
	parents []string
	prefix  namePattern
	// names are the journal's names of the step nodes.
	names []flowName
	// inStep is true in the function of a step, which can't have steps itself.
	inStep bool
}

type flowName struct {
	node string
	name namePattern
}

// exit is where the walk comes from: the next node gets an edge for each.
type exit struct{ from, label string }

// build walks the handler of workflow key, which is declared on line.
func (f *flow) build(file []ast.Statement, key string, line int) {
	f.scope = newFlowScope(nil)
	f.scope.set("require", flowValue{})
	f.declare(file)
	at := f.node(workflow.GraphStart, "", nil, nil)
	in := []exit{{at, ""}}
	argument := f.handler(file, key, line)
	fn := f.value(argument)
	if fn.function == nil {
		if argument != nil {
			f.node(workflow.GraphCall, f.source.of(argument), argument, in)
			in = []exit{{f.last(), ""}}
		}
	} else {
		in = f.call(fn, []flowValue{{kind: valueCtx}}, "", true, in)
	}
	if len(in) > 0 {
		f.node(workflow.GraphDone, "", nil, in)
	}
}

// handler is the third argument of workflow(key, …).
func (f *flow) handler(file []ast.Statement, key string, line int) ast.Expression {
	var onLine, named ast.Expression
	for _, statement := range file {
		visitCalls(statement, func(call *ast.CallExpression) {
			callee, ok := call.Callee.(*ast.Identifier)
			if !ok || callee.Name != "workflow" || len(call.ArgumentList) < 3 {
				return
			}
			if name := f.name(call.ArgumentList[0]); named == nil && name.exact && name.text == key {
				named = call.ArgumentList[2]
			}
			if at, _ := f.source.position(call.Idx0()); onLine == nil && at == line {
				onLine = call.ArgumentList[2]
			}
		})
	}
	if named != nil {
		return named
	}
	return onLine
}

// node adds a node, with edges from where the walk comes from.
func (f *flow) node(kind workflow.GraphKind, name string, at ast.Node, in []exit) string {
	n := workflow.GraphNode{Kind: kind, Name: name}
	switch kind {
	case workflow.GraphStart, workflow.GraphDone:
		n.ID = string(kind)
	default:
		n.ID = fmt.Sprintf("n%d", len(f.graph.Nodes))
	}
	if at != nil {
		n.Line, n.Column, n.Code = f.source.line(at)
	}
	if len(f.parents) > 0 && kind != workflow.GraphDone {
		n.Parent = f.parents[len(f.parents)-1]
	}
	if c := f.within(); c != nil && !c.handler {
		n.Function = c.name
	}
	f.graph.Nodes = append(f.graph.Nodes, n)
	f.join(in, n.ID)
	return n.ID
}

func (f *flow) last() string { return f.graph.Nodes[len(f.graph.Nodes)-1].ID }

// join adds the edges that lead to a node.
func (f *flow) join(in []exit, to string) {
	for _, e := range in {
		edge := workflow.GraphEdge{From: e.from, To: to, Label: e.label}
		known := false
		for i := len(f.graph.Edges) - 1; i >= 0 && !known; i-- {
			known = f.graph.Edges[i] == edge
		}
		if !known {
			f.graph.Edges = append(f.graph.Edges, edge)
		}
	}
}

// within is the function that is walked, or nil.
func (f *flow) within() *flowCall {
	if len(f.calls) == 0 {
		return nil
	}
	return f.calls[len(f.calls)-1]
}

// inside walks with a node as parent.
func (f *flow) inside(parent string, walk func()) {
	f.parents = append(f.parents, parent)
	walk()
	f.parents = f.parents[:len(f.parents)-1]
}

// full reports, and notes, that there is no room for more.
func (f *flow) full() bool {
	f.work++
	if f.work > maxFlowWork || len(f.graph.Nodes) > maxFlowNodes {
		f.graph.Truncated = true
	}
	return f.graph.Truncated
}

// finish lists the nodes by the journal's names.
func (f *flow) finish() {
	at := map[string]int{}
	for _, n := range f.names {
		if n.name.exact {
			f.graph.Steps[n.name.text] = append(f.graph.Steps[n.name.text], n.node)
			continue
		}
		i, ok := at[n.name.text]
		if !ok {
			i = len(f.graph.Patterns)
			at[n.name.text] = i
			f.graph.Patterns = append(f.graph.Patterns, workflow.GraphPattern{Pattern: n.name.text})
		}
		f.graph.Patterns[i].Nodes = append(f.graph.Patterns[i].Nodes, n.node)
	}
}

// namePattern is a step's name as far as the source tells it.
type namePattern struct {
	text  string
	exact bool
}

func (p namePattern) then(q namePattern) namePattern {
	return namePattern{p.text + q.text, p.exact && q.exact}
}

// name reads a name: a string, or one with * for what is known only later.
func (f *flow) name(e ast.Expression) namePattern {
	switch e := e.(type) {
	case *ast.StringLiteral:
		return namePattern{e.Value.String(), true}
	case *ast.TemplateLiteral:
		if e.Tag != nil {
			break
		}
		var b strings.Builder
		for i, part := range e.Elements {
			if i > 0 {
				b.WriteString("*")
			}
			b.WriteString(part.Parsed.String())
		}
		return namePattern{b.String(), len(e.Expressions) == 0}
	case *ast.BinaryExpression:
		if e.Operator.String() == "+" {
			return f.name(e.Left).then(f.name(e.Right))
		}
	case *ast.Identifier:
		if v := f.scope.get(e.Name.String()); v.kind == valueText {
			return namePattern{v.text, true}
		}
	case *ast.NumberLiteral:
		return namePattern{e.Literal, true}
	}
	return namePattern{"*", false}
}
