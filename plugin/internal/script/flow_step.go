package script

import (
	"slices"

	"github.com/dop251/goja/ast"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// stepCall is a call of a method of ctx.step.
func (f *flow) stepCall(e *ast.CallExpression, method string, in []exit) []exit {
	in = f.all(e.ArgumentList, in)
	if len(in) == 0 {
		return nil
	}
	argument := func(i int) ast.Expression {
		if i < len(e.ArgumentList) {
			return e.ArgumentList[i]
		}
		return nil
	}
	name := namePattern{"*", false}
	if first := argument(0); first != nil {
		name = f.name(first)
	}
	shown := name.text
	if !name.exact {
		shown = f.text(argument(0))
	}
	journaled := name
	if method == "eventUrl" {
		journaled = namePattern{"eventUrl ", true}.then(name)
	}
	id := f.node(workflow.GraphKind(method), shown, e, in)
	f.names = append(f.names, flowName{id, f.prefix.then(journaled)})
	at := len(f.graph.Nodes) - 1
	f.graph.Nodes[at].Options = f.options(method, argument)
	out := []exit{{id, ""}}
	switch method {
	case "parallel":
		return f.branches(id, name, argument(1), out)
	case "map":
		return f.mapped(id, name, argument(2), out)
	case "run", "transaction":
		fn := argument(1)
		if len(e.ArgumentList) > 2 {
			fn = argument(2)
		}
		return f.stepBody(id, f.value(fn), out)
	default:
		return out
	}
}

// options are the sources of what a step was given besides its name and functions.
func (f *flow) options(method string, argument func(int) ast.Expression) map[string]string {
	out := map[string]string{}
	add := func(name string, e ast.Expression) {
		if e != nil {
			out[name] = f.source.of(e)
		}
	}
	last := 1
	switch method {
	case "run", "transaction":
		if argument(2) == nil {
			return nil
		}
	case "sleep":
		add("duration", argument(1))
		return out
	case "sleepUntil":
		add("until", argument(1))
		return out
	case "invoke":
		add("key", argument(1))
		last = 2
	case "parallel":
		last = 2
	case "map":
		add("items", argument(1))
		last = 3
	}
	literal, ok := argument(last).(*ast.ObjectLiteral)
	if !ok {
		add("options", argument(last))
		return out
	}
	for _, p := range literal.Value {
		switch p := p.(type) {
		case *ast.PropertyShort:
			out[p.Name.Name.String()] = p.Name.Name.String()
		case *ast.PropertyKeyed:
			if key, ok := p.Key.(*ast.StringLiteral); ok {
				out[key.Value.String()] = f.source.of(p.Value)
			}
		}
	}
	return out
}

// stepBody walks the function of a step for early ends: it can have no steps.
func (f *flow) stepBody(id string, fn flowValue, out []exit) []exit {
	if fn.kind != valueFunction || f.inStep {
		return out
	}
	f.inStep = true
	f.inside(id, func() { out = f.call(fn, nil, f.functionName(), false, out) })
	f.inStep = false
	return out
}

// functionName is that of the function of the file that is walked, "" for the
// handler.
func (f *flow) functionName() string {
	if c := f.within(); c != nil {
		return c.name
	}
	return ""
}

// branches are the functions of ctx.step.parallel.
func (f *flow) branches(id string, name namePattern, functions ast.Expression, out []exit) []exit {
	v := f.value(functions)
	if v.kind != valueObject || len(v.keys) == 0 {
		return out
	}
	var ends []exit
	for _, key := range v.keys {
		at := ast.Node(functions)
		if fn := v.fields[key].function; fn != nil {
			at = fn
		}
		ends = append(ends, f.branch(id, name, namePattern{key, true}, key, at, v.fields[key])...)
	}
	return ends
}

// mapped is the function of ctx.step.map, a branch for each item.
func (f *flow) mapped(id string, name namePattern, function ast.Expression, out []exit) []exit {
	v := f.value(function)
	if v.kind != valueFunction {
		return out
	}
	return f.branch(id, name, namePattern{"*", false}, "each", v.function, v)
}

// branch walks one branch; its steps have names of their own in the journal.
func (f *flow) branch(id string, name, key namePattern, label string, at ast.Node, fn flowValue) (ends []exit) {
	prefix, inStep, c := f.prefix, f.inStep, f.within()
	f.inStep = false
	own := prefix.then(name).then(namePattern{"/", true}).then(key)
	f.inside(id, func() {
		node := f.node(workflow.GraphKind(workflow.StepBranch), label, at, []exit{{id, label}})
		f.names = append(f.names, flowName{node, own})
		ends = []exit{{node, ""}}
		if fn.kind != valueFunction {
			return
		}
		f.prefix = own.then(namePattern{"/", true})
		f.inside(node, func() { ends = f.call(fn, nil, c.name, false, ends) })
	})
	f.prefix, f.inStep = prefix, inStep
	return slices.Clone(ends)
}

// ending is ctx.end or ctx.fail: no catch or finally sees it.
func (f *flow) ending(e *ast.CallExpression, method string, in []exit) []exit {
	in = f.all(e.ArgumentList, in)
	if len(in) == 0 {
		return nil
	}
	text := ""
	if len(e.ArgumentList) > 0 {
		if text = literal(e.ArgumentList[0]); text == "" {
			text = f.source.of(e.ArgumentList[0])
		}
	}
	f.node(workflow.GraphKind(method), oneLine(text), e, in)
	return nil
}
