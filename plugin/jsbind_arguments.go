package plugin

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/records"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
)

// jsArguments reads the arguments of one call of a $workflows helper. What is not
// as expected is thrown into the script, with the helper's name before it.
type jsArguments struct {
	*jsBinding
	helper string
	call   goja.FunctionCall
}

// helpers adds what nodes of other systems do in one box and JavaScript does not in
// one line.
func (b *jsBinding) helpers(obj *goja.Object) {
	for name, fn := range map[string]func(jsArguments) goja.Value{
		"aggregate":     jsArguments.aggregate,
		"updateRecords": jsArguments.updateRecords,
		"deleteRecords": jsArguments.deleteRecords,
		"mail":          jsArguments.mail,
		"notify":        jsArguments.notify,
	} {
		_ = obj.Set(name, func(call goja.FunctionCall) goja.Value { return fn(jsArguments{b, "$workflows." + name, call}) })
	}
}

// refuse throws what is wrong with the arguments. In a workflow that is not retried:
// the next attempt would have the same.
func (a jsArguments) refuse(format string, args ...any) {
	err := fmt.Errorf(a.helper+": "+format, args...)
	if class, ok := goja.AssertConstructor(a.vm.Get("NonRetryableError")); ok {
		if thrown, failed := class(nil, a.vm.ToValue(err.Error())); failed == nil {
			panic(thrown)
		}
	}
	a.throw(err)
}

// fail throws what went wrong with arguments that were right.
func (a jsArguments) fail(err error) {
	var option *records.OptionError
	if errors.As(err, &option) {
		a.refuse("%w", err)
	}
	a.throw(fmt.Errorf("%s: %w", a.helper, err))
}

// app is an argument that must be $app or a transaction's app.
func (a jsArguments) app(i int) core.App {
	app, ok := a.call.Argument(i).Export().(core.App)
	if !ok {
		a.refuse("expected $app, or the txApp of a transaction, as the first argument, got %s", script.Show(a.call.Argument(i)))
	}
	return app
}

// collection is an argument that must be a collection, or the name or id of one.
func (a jsArguments) collection(app core.App, i int) *core.Collection {
	switch c := a.call.Argument(i).Export().(type) {
	case *core.Collection:
		if c != nil {
			return c
		}
	case string:
		found, err := app.FindCollectionByNameOrId(c)
		if err != nil {
			a.refuse("there is no collection %q", c)
		}
		return found
	}
	a.refuse("expected the name of a collection, got %s", script.Show(a.call.Argument(i)))
	return nil
}

func (a jsArguments) text(what string, v goja.Value) string {
	s, ok := v.Export().(string)
	if !ok {
		a.refuse("%s: expected a string, got %s", what, script.Show(v))
	}
	return s
}

// object is the named properties of a value that must be a plain object; any name
// will do when none is known. Undefined ones are an error, not nothing: they are
// mistakes in what was computed.
func (a jsArguments) object(what string, v goja.Value, known ...string) (names []string, values map[string]goja.Value) {
	obj, ok := v.(*goja.Object)
	if _, plain := v.Export().(map[string]any); !ok || !plain {
		a.refuse("%s: expected an object, got %s", what, script.Show(v))
	}
	values = map[string]goja.Value{}
	for _, name := range obj.Keys() {
		if len(known) > 0 && !slices.Contains(known, name) {
			a.refuse("%s: unknown option %q, expected %s", what, name, strings.Join(known, ", "))
		}
		value := obj.Get(name)
		if goja.IsUndefined(value) {
			a.refuse("%s.%s is undefined", what, name)
		}
		names = append(names, name)
		values[name] = value
	}
	return names, values
}

// values are the properties of an object as records and filters take them.
func (a jsArguments) values(what string, v goja.Value) map[string]any {
	_, properties := a.object(what, v)
	out := map[string]any{}
	for name, value := range properties {
		out[name] = value.Export()
		if at, ok := out[name].(time.Time); ok { // a Date
			out[name], _ = types.ParseDateTime(at)
		}
	}
	return out
}

// params are values that may be left out.
func (a jsArguments) params(v goja.Value) map[string]any {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	return a.values("params", v)
}

// list is a value, or the items of an array, also one of PocketBase's, as of records.
func (a jsArguments) list(v goja.Value) []goja.Value {
	obj, ok := v.(*goja.Object)
	if !ok || reflect.ValueOf(v.Export()).Kind() != reflect.Slice {
		return []goja.Value{v}
	}
	var out []goja.Value
	for _, key := range obj.Keys() {
		out = append(out, obj.Get(key))
	}
	return out
}

// record is the record that a value is, if it is one.
func recordOf(v goja.Value) *core.Record {
	switch r := v.Export().(type) {
	case *core.Record:
		return r
	case core.RecordProxy:
		return r.ProxyRecord()
	}
	return nil
}
