package script

import (
	"reflect"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// places are the lines of the options in workflow("key", {…}) calls, by key and
// dotted path.
type places map[string]map[string]int

// option is the line of an option or of the nearest thing around it that is
// written literally; 0 when there is none.
func (p places) option(key, path string) int {
	for ; path != ""; path = path[:max(0, strings.LastIndexByte(path, '.'))] {
		if line, ok := p[key][path]; ok {
			return line
		}
	}
	return 0
}

// findPlaces looks the calls up in the source; what can't be parsed has none.
func findPlaces(name, source string) places {
	out := places{}
	program, err := parser.ParseFile(nil, name, wrapHead+source+wrapTail, 0)
	if err != nil {
		return out
	}
	visit(reflect.ValueOf(program), func(call *ast.CallExpression) {
		callee, ok := call.Callee.(*ast.Identifier)
		if !ok || callee.Name != "workflow" || len(call.ArgumentList) < 2 {
			return
		}
		key, ok := call.ArgumentList[0].(*ast.StringLiteral)
		if !ok {
			return
		}
		lines := map[string]int{}
		collect(program.File, call.ArgumentList[1], "", lines)
		out[key.Value.String()] = lines
	})
	return out
}

func collect(f *file.File, e ast.Expression, prefix string, lines map[string]int) {
	obj, ok := e.(*ast.ObjectLiteral)
	if !ok {
		return
	}
	for _, p := range obj.Value {
		var name string
		var at file.Idx
		var value ast.Expression
		switch p := p.(type) {
		case *ast.PropertyKeyed:
			key, ok := p.Key.(*ast.StringLiteral)
			if !ok {
				continue
			}
			name, at, value = key.Value.String(), p.Idx0(), p.Value
		case *ast.PropertyShort:
			name, at = p.Name.Name.String(), p.Idx0()
		default:
			continue
		}
		path := prefix + name
		lines[path] = f.Position(int(at) - f.Base()).Line
		collect(f, value, path+".", lines)
	}
}

// visit calls found for every node of type T in a syntax tree; goja's parser has
// no walker.
func visit[T any](v reflect.Value, found func(T)) {
	switch v.Kind() {
	case reflect.Interface:
		visit(v.Elem(), found)
	case reflect.Pointer:
		if v.IsNil() || v.Type() == reflect.TypeFor[*file.File]() {
			return
		}
		if node, ok := v.Interface().(T); ok {
			found(node)
		}
		visit(v.Elem(), found)
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), found)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			// Declarations repeat nodes of the body.
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" {
				visit(v.Field(i), found)
			}
		}
	default:
	}
}
