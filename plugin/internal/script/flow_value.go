package script

import (
	"strconv"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// flowValue is what the walk knows of a value.
type flowValue struct {
	kind valueKind
	// text is a literal's, or the name of a method of ctx or ctx.step.
	text string
	// function and scope are a function of the file and where it was made.
	function ast.Node
	scope    *flowScope
	// fields are those of an object or a list, keys their order.
	fields map[string]flowValue
	keys   []string
}

type valueKind int

const (
	valueUnknown valueKind = iota
	valueCtx
	valueStep
	valueStepMethod
	valueCtxMethod
	valueFunction
	valueObject
	valueText
)

// flowScope is what names mean.
type flowScope struct {
	outer *flowScope
	names map[string]flowValue
}

func newFlowScope(outer *flowScope) *flowScope {
	return &flowScope{outer: outer, names: map[string]flowValue{}}
}

func (s *flowScope) get(name string) flowValue {
	for ; s != nil; s = s.outer {
		if v, ok := s.names[name]; ok {
			return v
		}
	}
	return flowValue{}
}

func (s *flowScope) set(name string, v flowValue) { s.names[name] = v }

// assign changes the name where it was declared.
func (s *flowScope) assign(name string, v flowValue) {
	for at := s; at != nil; at = at.outer {
		if _, ok := at.names[name]; ok {
			at.names[name] = v
			return
		}
	}
	s.set(name, v)
}

// declare makes the functions of a block known, and its constants as far as they
// mean something: functions may be called above the line they stand on.
func (f *flow) declare(list []ast.Statement) {
	for _, statement := range list {
		if d, ok := statement.(*ast.FunctionDeclaration); ok && d.Function.Name != nil {
			f.scope.set(d.Function.Name.Name.String(), flowValue{kind: valueFunction, function: d.Function, scope: f.scope})
		}
	}
	for _, statement := range list {
		switch d := statement.(type) {
		case *ast.LexicalDeclaration:
			f.bindAll(d.List)
		case *ast.VariableStatement:
			f.bindAll(d.List)
		}
	}
}

func (f *flow) bindAll(list []*ast.Binding) {
	for _, b := range list {
		f.bind(b.Target, f.value(b.Initializer))
	}
}

// bind gives names their values.
func (f *flow) bind(target ast.Expression, v flowValue) {
	switch target := target.(type) {
	case *ast.Identifier:
		f.scope.set(target.Name.String(), v)
	case *ast.ObjectPattern:
		for _, p := range target.Properties {
			switch p := p.(type) {
			case *ast.PropertyShort:
				f.scope.set(p.Name.Name.String(), v.field(p.Name.Name.String()))
			case *ast.PropertyKeyed:
				to := p.Value
				if a, ok := to.(*ast.AssignExpression); ok { // with a default
					to = a.Left
				}
				f.bind(to, v.field(literal(p.Key)))
			}
		}
	case *ast.ArrayPattern:
		for _, e := range target.Elements {
			f.bind(e, flowValue{})
		}
	case *ast.AssignExpression:
		f.bind(target.Left, v)
	case *ast.Binding:
		f.bind(target.Target, v)
	}
}

func literal(e ast.Expression) string {
	if s, ok := e.(*ast.StringLiteral); ok {
		return s.Value.String()
	}
	return ""
}

// stepMethods are the methods of ctx.step that are nodes.
var stepMethods = map[string]bool{
	"run": true, "transaction": true, "sleep": true, "sleepUntil": true, "waitForEvent": true, "eventUrl": true,
	"invoke": true, "task": true, "parallel": true, "map": true,
}

// field is what v.name is.
func (v flowValue) field(name string) flowValue {
	switch {
	case v.kind == valueObject:
		return v.fields[name]
	case v.kind == valueCtx && name == "step":
		return flowValue{kind: valueStep}
	case v.kind == valueCtx && (name == "end" || name == "fail"):
		return flowValue{kind: valueCtxMethod, text: name}
	case v.kind == valueStep && stepMethods[name]:
		return flowValue{kind: valueStepMethod, text: name}
	case v.kind == valueUnknown && name == "step": // of a ctx that came another way
		return flowValue{kind: valueStep}
	default:
		return flowValue{}
	}
}

// value is what is known of an expression without running it.
func (f *flow) value(e ast.Expression) flowValue {
	switch e := e.(type) {
	case *ast.Identifier:
		return f.scope.get(e.Name.String())
	case *ast.StringLiteral:
		return flowValue{kind: valueText, text: e.Value.String()}
	case *ast.DotExpression:
		return f.value(e.Left).field(e.Identifier.Name.String())
	case *ast.BracketExpression:
		if name := literal(e.Member); name != "" {
			return f.value(e.Left).field(name)
		}
	case *ast.Optional:
		return f.value(e.Expression)
	case *ast.OptionalChain:
		return f.value(e.Expression)
	case *ast.AwaitExpression:
		return f.value(e.Argument)
	case *ast.FunctionLiteral:
		return flowValue{kind: valueFunction, function: e, scope: f.scope}
	case *ast.ArrowFunctionLiteral:
		return flowValue{kind: valueFunction, function: e, scope: f.scope}
	case *ast.AssignExpression:
		if e.Operator == token.ASSIGN {
			return f.value(e.Right)
		}
	case *ast.ObjectLiteral:
		return f.object(e)
	case *ast.ArrayLiteral:
		v := flowValue{kind: valueObject, fields: map[string]flowValue{}}
		for i, item := range e.Value {
			v.set(strconv.Itoa(i), f.value(item))
		}
		return v
	}
	return flowValue{}
}

func (v *flowValue) set(name string, field flowValue) {
	if _, ok := v.fields[name]; !ok {
		v.keys = append(v.keys, name)
	}
	v.fields[name] = field
}

func (f *flow) object(o *ast.ObjectLiteral) flowValue {
	v := flowValue{kind: valueObject, fields: map[string]flowValue{}}
	for _, p := range o.Value {
		switch p := p.(type) {
		case *ast.PropertyShort:
			v.set(p.Name.Name.String(), f.scope.get(p.Name.Name.String()))
		case *ast.PropertyKeyed:
			if name := literal(p.Key); name != "" && !p.Computed && p.Kind != ast.PropertyKindGet && p.Kind != ast.PropertyKindSet {
				v.set(name, f.value(p.Value))
			}
		}
	}
	return v
}
