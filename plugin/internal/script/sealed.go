package script

import (
	"context"
	"strings"

	"github.com/dop251/goja"
)

// Outside is told of what a script would do outside of the database, where that is
// not to happen: the function and what it was called for.
type Outside func(call, target string)

type outsideKey struct{}

// WithoutOutside makes runs with the returned context refuse what no rollback can
// undo: requests, e-mails, files, processes, other databases. The script gets an
// error that steps do not retry; outside is told of each. Such a run has a VM of its
// own, and sleep() does not wait.
func WithoutOutside(ctx context.Context, outside Outside) context.Context {
	return context.WithValue(ctx, outsideKey{}, outside)
}

func outsideOf(ctx context.Context) Outside {
	outside, _ := ctx.Value(outsideKey{}).(Outside)
	return outside
}

// outsideFunctions are those of PocketBase's objects that reach outside.
var outsideFunctions = map[string][]string{
	"$http":       {"send"},
	"$os":         {"exec", "cmd", "exit", "writeFile", "truncate", "mkdir", "mkdirAll", "rename", "remove", "removeAll", "openRoot", "openInRoot"},
	"$filesystem": {"s3", "local", "fileFromURL"},
	"$workflows":  {"mail", "notify"},
}

// observed reach only the database, whose transaction is rolled back: they are
// called, and told of.
var observed = map[string][]string{"$workflows": {"trigger", "send"}}

// seal keeps all runs on the machine from reaching outside.
func (m *machine) seal(outside Outside) {
	wrap := func(object, name string, refuse bool) {
		o, ok := m.vm.Get(object).(*goja.Object)
		if !ok {
			return
		}
		inner, _ := goja.AssertFunction(o.Get(name))
		call := object + "." + name
		_ = o.Set(name, func(c goja.FunctionCall) goja.Value {
			outside(call, target(call, c))
			if refuse {
				panic(m.refusal(call))
			}
			return must(inner(c.This, c.Arguments...))
		})
	}
	for object, names := range outsideFunctions {
		for _, name := range names {
			wrap(object, name, true)
		}
	}
	for object, names := range observed {
		for _, name := range names {
			wrap(object, name, false)
		}
	}
	_ = m.vm.Set("sleep", func(goja.FunctionCall) goja.Value { return goja.Undefined() })
}

// OutsideRefused is why a script may not reach outside.
const OutsideRefused = "a dry run does nothing that can't be undone"

func (m *machine) refusal(call string) goja.Value {
	return newError(m.vm, "NonRetryableError", call+": "+OutsideRefused)
}

// target is what a call is about, in a few words and without what may be secret.
func target(call string, c goja.FunctionCall) string {
	first := c.Argument(0)
	if config, ok := first.(*goja.Object); ok && call == "$http.send" {
		text := func(name, otherwise string) string {
			if v := config.Get(name); v != nil && !goja.IsUndefined(v) {
				return v.String()
			}
			return otherwise
		}
		return text("method", "GET") + " " + withoutQuery(text("url", ""))
	}
	if text, ok := first.Export().(string); ok {
		return oneLine(withoutQuery(text))
	}
	return ""
}

// withoutQuery leaves out what may hold a token.
func withoutQuery(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return url
}
