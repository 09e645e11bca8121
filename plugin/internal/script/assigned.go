package script

import (
	"reflect"
	"regexp"
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/token"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// unclear matches sources that may reach the global object otherwise: by this, in a
// function that is called without an object, or in an installed package.
var unclear = regexp.MustCompile(`\b(this|require)\b`)

// assignedNames lists the plain names that a version's sources assign to: what a
// run may leave behind in globals, since top-level variables live in a function.
// Nil means that it can't be told.
func assignedNames(v *workflow.Version) []string {
	names := []string{}
	for _, source := range append([]string{v.Script}, modulesOf(v)...) {
		program, err := parser.ParseFile(nil, "", wrapHead+source+wrapTail, 0)
		if err != nil || unclear.MatchString(source) {
			return nil
		}
		tree := reflect.ValueOf(program)
		take := func(node any) {
			visit(reflect.ValueOf(node), func(id *ast.Identifier) { names = append(names, id.Name.String()) })
		}
		visit(tree, func(e *ast.AssignExpression) { take(e.Left) })
		visit(tree, func(e *ast.UnaryExpression) {
			if e.Operator == token.INCREMENT || e.Operator == token.DECREMENT || e.Operator == token.DELETE {
				take(e.Operand)
			}
		})
		visit(tree, func(e *ast.ForIntoExpression) { take(e.Expression) })
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func modulesOf(v *workflow.Version) []string {
	sources := make([]string, 0, len(v.Modules))
	for _, source := range v.Modules {
		sources = append(sources, source)
	}
	return sources
}
