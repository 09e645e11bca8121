package script

import (
	"math"
	"strings"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var (
	knownLimit     = []string{"age", "count"}
	knownRetention = []string{"age", "count", "statuses"}
)

// readRetention reads the option "retention": a duration, or an object with
// age, count and, by final status, limits written in the same way.
func readRetention(vm *goja.Runtime, v goja.Value, def *workflow.Definition) *optionError {
	if v == nil {
		return nil
	}
	const at = "retention"
	var r workflow.Retention
	o, err := readLimit(vm, at, v, knownRetention, &r.RetentionLimit)
	if err != nil {
		return err
	}
	if statuses, ok := o[at+".statuses"]; ok {
		if r.Statuses, err = readStatuses(vm, at+".statuses", statuses); err != nil {
			return err
		}
	}
	if len(r.Rules()) == 0 {
		return wrongLimit(at, v, knownRetention)
	}
	def.Retention = &r
	return nil
}

func readStatuses(vm *goja.Runtime, at string, v goja.Value) (map[workflow.Status]workflow.RetentionLimit, *optionError) {
	finals := workflow.FinalStatuses()
	known := make([]string, len(finals))
	for i, status := range finals {
		known[i] = string(status)
	}
	o, err := object(vm, at, v, known)
	if err != nil {
		return nil, err
	}
	limits := map[workflow.Status]workflow.RetentionLimit{}
	for _, status := range finals {
		path := at + "." + string(status)
		value, ok := o[path]
		if !ok {
			continue
		}
		var limit workflow.RetentionLimit
		if _, err := readLimit(vm, path, value, knownLimit, &limit); err != nil {
			return nil, err
		}
		if limit == (workflow.RetentionLimit{}) {
			return nil, wrongLimit(path, value, knownLimit)
		}
		limits[status] = limit
	}
	return limits, nil
}

// readLimit reads a duration, or the age and count of an object that it returns
// for the rest of what is known there.
func readLimit(vm *goja.Runtime, at string, v goja.Value, known []string, limit *workflow.RetentionLimit) (map[string]goja.Value, *optionError) {
	if obj, ok := v.(*goja.Object); !ok || obj.ClassName() != "Object" {
		d, err := workflow.ParseDuration(v.Export())
		if err != nil || d == 0 {
			return nil, wrongLimit(at, v, known)
		}
		limit.Age = d
		return nil, nil
	}
	o, err := object(vm, at, v, known)
	if err != nil {
		return nil, err
	}
	if age, ok := o[at+".age"]; ok {
		d, err := workflow.ParseDuration(age.Export())
		if err != nil {
			return nil, wrong(at+".age", "%s", err)
		}
		if d == 0 {
			return nil, wrong(at+".age", "expected a duration over 0, got %s", show(age))
		}
		limit.Age = d
	}
	if count, ok := o[at+".count"]; ok {
		n, ok := wholeNumber(count)
		if !ok || n < 1 {
			return nil, wrong(at+".count", "expected a whole number over 0, got %s", show(count))
		}
		limit.Count = n
	}
	return o, nil
}

func wrongLimit(at string, v goja.Value, known []string) *optionError {
	got := show(v)
	if obj, ok := v.(*goja.Object); ok && obj.ClassName() == "Object" {
		got = "an empty one"
	}
	last := len(known) - 1
	return wrong(at, `expected a duration over 0 (as "30d") or an object with %s or %s, got %s`,
		strings.Join(known[:last], ", "), known[last], got)
}

// wholeNumber is a JavaScript number without a fraction, up to 2^31-1.
func wholeNumber(v goja.Value) (int, bool) {
	var f float64
	switch n := v.Export().(type) {
	case int64:
		f = float64(n)
	case float64:
		f = n
	default:
		return 0, false
	}
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}
