package script

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/ganigeorgiev/fexpr"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// transactionTimeout is the default timeout of mode transaction, which holds
// the only writer of the database.
const transactionTimeout = 3 * time.Second

type optionError struct{ option, message string }

func wrong(option, format string, args ...any) *optionError {
	return &optionError{option, fmt.Sprintf(format, args...)}
}

var (
	knownOptions = []string{
		"title", "description", "tags", "on", "mode", "enabled", "rule", "timeout", "retries", "concurrency",
		"dedup", "onFailure", "retention", "allowReentry", "priority",
	}
)

// readOptions checks every option and fills in def.
func readOptions(vm *goja.Runtime, v goja.Value, def *workflow.Definition) *optionError {
	o, err := object(vm, "", v, knownOptions)
	if err != nil {
		return err
	}
	rule := workflow.DefaultRule
	def.Mode, def.Enabled, def.Rule = workflow.ModeAsync, true, &rule
	for _, read := range []func() *optionError{
		func() *optionError { return str(o, "title", &def.Title) },
		func() *optionError { return str(o, "description", &def.Description) },
		func() *optionError { return list(o, "tags", &def.Tags) },
		func() *optionError { return readOn(vm, o["on"], def) },
		func() *optionError { return refused(o, def) },
		func() *optionError { return readMode(o, def) },
		func() *optionError { return boolean(o, "enabled", &def.Enabled) },
		func() *optionError { return readRule(o, def) },
		func() *optionError { return readTimeout(o, def) },
		func() *optionError { return boolean(o, "allowReentry", &def.AllowReentry) },
		func() (err *optionError) {
			if r, ok := o["retries"]; ok {
				def.Retries, err = readRetries(vm, "retries", r)
			}
			return err
		},
		func() *optionError { return readConcurrency(vm, o, def) },
		func() *optionError { return readDedup(vm, o, def) },
		func() *optionError { return overlapOrDedup(def) },
		func() *optionError { return readPriority(o, def) },
		func() *optionError { return readRetention(vm, o["retention"], def) },
		func() *optionError { return readOnFailure(o, def) },
		func() *optionError { return checkKind(o, def) },
	} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// refused names the first option that means nothing with the workflow's trigger.
func refused(o map[string]goja.Value, def *workflow.Definition) *optionError {
	for _, name := range triggerKinds[def.On.Type].refuses {
		if _, ok := o[name]; ok {
			return wrong(name, "means nothing with trigger type %q", def.On.Type)
		}
	}
	return nil
}

func readMode(o map[string]goja.Value, def *workflow.Definition) *optionError {
	mode := string(def.Mode)
	if err := str(o, "mode", &mode); err != nil {
		return err
	}
	def.Mode = workflow.Mode(mode)
	allowed := triggerKinds[def.On.Type].modes
	if slices.Contains(allowed, def.Mode) {
		return nil
	}
	if slices.Contains(workflow.Modes, def.Mode) {
		return wrong("mode", "trigger type %q can't have mode %q, only %s", def.On.Type, mode, quoted(allowed))
	}
	return wrong("mode", "expected %s, got %q", quoted(allowed), mode)
}

func readRule(o map[string]goja.Value, def *workflow.Definition) *optionError {
	v, ok := o["rule"]
	if !ok {
		return nil
	}
	if goja.IsNull(v) {
		def.Rule = nil
		return nil
	}
	rule, ok := v.Export().(string)
	if !ok {
		return wrong("rule", `expected null (superusers only), "" (anyone) or a filter, got %s`, show(v))
	}
	rule = strings.TrimSpace(rule)
	def.Rule = &rule
	return filter("rule", rule)
}

func readTimeout(o map[string]goja.Value, def *workflow.Definition) *optionError {
	if def.Mode == workflow.ModeTransaction {
		def.Timeout = transactionTimeout
	}
	v, ok := o["timeout"]
	if !ok {
		return nil
	}
	d, err := workflow.ParseDuration(v.Export())
	if err != nil {
		return wrong("timeout", "%s", err)
	}
	if d == 0 {
		return wrong("timeout", "expected a duration over 0")
	}
	def.Timeout = d
	return nil
}

func filter(option, expression string) *optionError {
	if expression == "" {
		return nil
	}
	if _, err := fexpr.Parse(expression); err != nil {
		return wrong(option, "expected a PocketBase filter: %s", err)
	}
	return nil
}

// object reads the own properties of a plain object and refuses unknown ones.
func object(vm *goja.Runtime, at string, v goja.Value, known []string) (map[string]goja.Value, *optionError) {
	obj, ok := v.(*goja.Object)
	if !ok || obj.ClassName() != "Object" {
		if at == "" {
			return nil, wrong("", "the second argument of workflow(key, options, handler) must be an object, got %s", show(v))
		}
		return nil, wrong(at, "expected an object, got %s", show(v))
	}
	out := map[string]goja.Value{}
	for _, name := range obj.Keys() {
		path := name
		if at != "" {
			path = at + "." + name
		}
		if !slices.Contains(known, name) {
			return nil, wrong(path, "is unknown; did you mean %q?", nearest(name, known))
		}
		if value := obj.Get(name); !goja.IsUndefined(value) {
			out[name] = value
			out[path] = value
		}
	}
	return out, nil
}

func str(o map[string]goja.Value, path string, dst *string) *optionError {
	v, ok := o[path]
	if !ok {
		return nil
	}
	s, ok := v.Export().(string)
	if !ok {
		return wrong(path, "expected a string, got %s", show(v))
	}
	*dst = s
	return nil
}

func boolean(o map[string]goja.Value, path string, dst *bool) *optionError {
	v, ok := o[path]
	if !ok {
		return nil
	}
	b, ok := v.Export().(bool)
	if !ok {
		return wrong(path, "expected true or false, got %s", show(v))
	}
	*dst = b
	return nil
}

func list(o map[string]goja.Value, path string, dst *[]string) *optionError {
	v, ok := o[path]
	if !ok {
		return nil
	}
	items, ok := v.Export().([]any)
	if !ok {
		return wrong(path, "expected a list of strings, got %s", show(v))
	}
	for _, item := range items {
		s, ok := item.(string)
		if !ok || s == "" {
			return wrong(path, "expected a list of non-empty strings, got %v in it", item)
		}
		*dst = append(*dst, s)
	}
	return nil
}

// nearest is the known name with the smallest edit distance.
func nearest(name string, known []string) string {
	best, distance := "", len(name)+100
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
