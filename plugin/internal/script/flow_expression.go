package script

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// expression walks what is called in an expression, in the order of its running.
func (f *flow) expression(e ast.Expression, in []exit) []exit {
	if e == nil || len(in) == 0 || f.full() {
		return in
	}
	switch e := e.(type) {
	case *ast.CallExpression:
		return f.callExpression(e, in)
	case *ast.ConditionalExpression:
		return f.either(e.Test, e, f.expression(e.Test, in), "yes", "no",
			func(in []exit) []exit { return f.expression(e.Consequent, in) },
			func(in []exit) []exit { return f.expression(e.Alternate, in) })
	case *ast.BinaryExpression:
		return f.binary(e, in)
	case *ast.AssignExpression:
		in = f.expression(e.Right, f.expression(e.Left, in))
		if name, ok := e.Left.(*ast.Identifier); ok && e.Operator == token.ASSIGN {
			f.scope.assign(name.Name.String(), f.value(e.Right))
		}
		return in
	case *ast.SequenceExpression:
		return f.all(e.Sequence, in)
	case *ast.AwaitExpression:
		return f.expression(e.Argument, in)
	case *ast.YieldExpression:
		return f.expression(e.Argument, in)
	case *ast.UnaryExpression:
		return f.expression(e.Operand, in)
	case *ast.Optional:
		return f.expression(e.Expression, in)
	case *ast.OptionalChain:
		return f.expression(e.Expression, in)
	case *ast.SpreadElement:
		return f.expression(e.Expression, in)
	case *ast.DotExpression:
		return f.expression(e.Left, in)
	case *ast.BracketExpression:
		return f.expression(e.Member, f.expression(e.Left, in))
	case *ast.ArrayLiteral:
		return f.all(e.Value, in)
	case *ast.ObjectLiteral:
		return f.properties(e, in)
	case *ast.TemplateLiteral:
		return f.all(e.Expressions, in)
	case *ast.NewExpression:
		return f.callbacks(e.ArgumentList, f.all(e.ArgumentList, f.expression(e.Callee, in)))
	default:
		return in
	}
}

func (f *flow) all(list []ast.Expression, in []exit) []exit {
	for _, e := range list {
		in = f.expression(e, in)
	}
	return in
}

func (f *flow) properties(o *ast.ObjectLiteral, in []exit) []exit {
	for _, p := range o.Value {
		switch p := p.(type) {
		case *ast.PropertyKeyed:
			if p.Computed {
				in = f.expression(p.Key, in)
			}
			in = f.expression(p.Value, in)
		case *ast.SpreadElement:
			in = f.expression(p.Expression, in)
		}
	}
	return in
}

// binary is an if where the right side may not run.
func (f *flow) binary(e *ast.BinaryExpression, in []exit) []exit {
	in = f.expression(e.Left, in)
	right := func(in []exit) []exit { return f.expression(e.Right, in) }
	past := func(in []exit) []exit { return in }
	switch e.Operator {
	case token.LOGICAL_AND:
		return f.either(e.Left, e, in, "yes", "no", right, past)
	case token.LOGICAL_OR:
		return f.either(e.Left, e, in, "no", "yes", right, past)
	case token.COALESCE:
		return f.either(e.Left, e, in, "null", "given", right, past)
	default:
		return right(in)
	}
}

// iterating are methods of lists that call their function for each item.
var iterating = map[string]bool{
	"forEach": true, "map": true, "filter": true, "some": true, "every": true, "find": true, "findIndex": true,
	"findLast": true, "findLastIndex": true, "flatMap": true, "reduce": true, "reduceRight": true,
}

func (f *flow) callExpression(e *ast.CallExpression, in []exit) []exit {
	callee := f.value(e.Callee)
	switch callee.kind {
	case valueStepMethod:
		return f.stepCall(e, callee.text, in)
	case valueCtxMethod:
		return f.ending(e, callee.text, in)
	case valueFunction:
		in = f.all(e.ArgumentList, in)
		args := make([]flowValue, len(e.ArgumentList))
		for i, a := range e.ArgumentList {
			args[i] = f.value(a)
		}
		return f.call(callee, args, f.source.of(e.Callee), false, in)
	default:
		return f.otherCall(e, in)
	}
}

// otherCall is one of something that is not in the file.
func (f *flow) otherCall(e *ast.CallExpression, in []exit) []exit {
	in = f.all(e.ArgumentList, f.expression(e.Callee, in))
	if dot, ok := plain(e.Callee).(*ast.DotExpression); ok && iterating[dot.Identifier.Name.String()] && len(e.ArgumentList) > 0 {
		if fn := f.value(e.ArgumentList[0]); fn.kind == valueFunction {
			return f.loop(flowLoop{at: e, name: f.source.of(e.Callee), body: func(in []exit) []exit {
				return f.call(fn, nil, "", false, in)
			}}, in)
		}
	}
	return f.callbacks(e.ArgumentList, in)
}

// plain is an expression without the ?. around it.
func plain(e ast.Expression) ast.Expression {
	for {
		switch o := e.(type) {
		case *ast.Optional:
			e = o.Expression
		case *ast.OptionalChain:
			e = o.Expression
		default:
			return e
		}
	}
}

// callbacks walks the functions that something unknown is given, as if it called
// each once.
func (f *flow) callbacks(list []ast.Expression, in []exit) []exit {
	for _, a := range list {
		switch a.(type) {
		case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
			in = f.call(f.value(a), nil, "", false, in)
		}
	}
	return in
}

// call walks the body of a function of the file.
func (f *flow) call(fn flowValue, args []flowValue, name string, handler bool, in []exit) []exit {
	if len(in) == 0 {
		return nil
	}
	if len(f.calls) >= maxFlowDepth || slices.ContainsFunc(f.calls, func(c *flowCall) bool { return c.literal == fn.function }) {
		return []exit{{f.node(workflow.GraphCall, name, fn.function, in), ""}}
	}
	if name == "" && len(f.calls) > 0 {
		name = f.within().name
	}
	m := f.mark()
	c := &flowCall{literal: fn.function, name: name, handler: handler}
	scope, jumps := f.scope, f.jumps
	f.calls, f.scope, f.jumps = append(f.calls, c), newFlowScope(fn.scope), nil
	var out []exit
	switch fn := fn.function.(type) {
	case *ast.FunctionLiteral:
		f.parameters(fn.ParameterList, args)
		out = f.statements(fn.Body.List, in)
	case *ast.ArrowFunctionLiteral:
		f.parameters(fn.ParameterList, args)
		switch body := fn.Body.(type) {
		case *ast.BlockStatement:
			out = f.statements(body.List, in)
		case *ast.ExpressionBody:
			out = f.expression(body.Expression, in)
		}
	}
	f.calls, f.scope, f.jumps = f.calls[:len(f.calls)-1], scope, jumps
	if !handler && !f.worth(m) {
		f.rollback(m)
		return in
	}
	return append(slices.Clone(out), c.returns...)
}

func (f *flow) parameters(list *ast.ParameterList, args []flowValue) {
	if list == nil {
		return
	}
	for i, p := range list.List {
		v := flowValue{}
		if i < len(args) {
			v = args[i]
		}
		f.bind(p.Target, v)
	}
}
