package script

import (
	"slices"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The options that decide how executions flow: retries, concurrency, dedup,
// priority.
const (
	maxRetries  = 1000
	maxPriority = 100
)

// readRetries reads a retry policy: a number of retries, or an object.
func readRetries(vm *goja.Runtime, at string, v goja.Value) (workflow.Retries, *optionError) {
	var r workflow.Retries
	if _, isObject := v.(*goja.Object); !isObject {
		n, ok := v.Export().(int64)
		if !ok || n < 0 || n > maxRetries {
			return r, wrong(at, "expected a number of retries from 0 to %d, or { limit, delay, backoff, maxDelay, jitter }, got %s", maxRetries, show(v))
		}
		r.Limit = int(n)
		return r, nil
	}
	o, err := object(vm, at, v, []string{"limit", "delay", "backoff", "maxDelay", "jitter"})
	if err != nil {
		return r, err
	}
	if r.Limit, err = whole(o, at+".limit", 0, maxRetries); err != nil {
		return r, err
	}
	if l, ok := o[at+".limit"]; !ok {
		return r, wrong(at+".limit", "is required: the number of attempts after the first")
	} else if goja.IsNull(l) {
		return r, wrong(at+".limit", "expected a number, got null")
	}
	for path, dst := range map[string]*time.Duration{at + ".delay": &r.Delay, at + ".maxDelay": &r.MaxDelay} {
		d, ok := o[path]
		if !ok {
			continue
		}
		var err error
		if *dst, err = workflow.ParseDuration(d.Export()); err != nil || *dst == 0 {
			return r, wrong(path, `expected a duration over 0 (milliseconds, or "1500ms", "30s", "5m", "2h", "3d", "1w"), got %s`, show(d))
		}
	}
	backoff := ""
	if err := str(o, at+".backoff", &backoff); err != nil {
		return r, err
	}
	r.Backoff = workflow.Backoff(backoff)
	known := []workflow.Backoff{"", workflow.BackoffConstant, workflow.BackoffLinear, workflow.BackoffExponential}
	if !slices.Contains(known, r.Backoff) {
		return r, wrong(at+".backoff", `expected "constant", "linear" or "exponential", got %q`, backoff)
	}
	if j, ok := o[at+".jitter"]; ok {
		switch n := j.Export().(type) {
		case bool:
			if n {
				r.Jitter = 0.5
			}
		case int64:
			r.Jitter = float64(n)
		case float64:
			r.Jitter = n
		default:
			r.Jitter = -1
		}
		if !(r.Jitter >= 0 && r.Jitter <= 1) {
			return r, wrong(at+".jitter", "expected true, or a number from 0 to 1, got %s", show(j))
		}
	}
	return r, nil
}

func readConcurrency(vm *goja.Runtime, o map[string]goja.Value, def *workflow.Definition) *optionError {
	v, ok := o["concurrency"]
	if !ok {
		return nil
	}
	const at = "concurrency"
	c := &def.Concurrency
	var err *optionError
	if _, isObject := v.(*goja.Object); !isObject {
		c.Limit, err = whole(o, at, 1, 1_000_000)
		return err
	}
	fields, err := object(vm, at, v, []string{"limit", "key"})
	if err != nil {
		return err
	}
	if _, ok := fields[at+".limit"]; !ok {
		return wrong(at+".limit", "is required: how many executions may be in progress at a time")
	}
	if c.Limit, err = whole(fields, at+".limit", 1, 1_000_000); err != nil {
		return err
	}
	if err := str(fields, at+".key", &c.Key); err != nil {
		return err
	}
	return keyExpression(at+".key", c.Key)
}

func readDedup(vm *goja.Runtime, o map[string]goja.Value, def *workflow.Definition) *optionError {
	v, ok := o["dedup"]
	if !ok {
		return nil
	}
	const at = "dedup"
	d := &def.Dedup
	d.Policy = workflow.DedupSkip
	if _, isObject := v.(*goja.Object); !isObject {
		if err := str(o, at, &d.Key); err != nil {
			return wrong(at, `expected a key such as "data.customer", or { key, policy }, got %s`, show(v))
		}
		return requiredKey(at, d.Key)
	}
	fields, err := object(vm, at, v, []string{"key", "policy"})
	if err != nil {
		return err
	}
	policy := string(d.Policy)
	if err := str(fields, at+".policy", &policy); err != nil {
		return err
	}
	d.Policy = workflow.DedupPolicy(policy)
	if !slices.Contains([]workflow.DedupPolicy{workflow.DedupSkip, workflow.DedupReplace, workflow.DedupReturn}, d.Policy) {
		return wrong(at+".policy", `expected "skip", "replace" or "return", got %q`, policy)
	}
	if err := str(fields, at+".key", &d.Key); err != nil {
		return err
	}
	return requiredKey(at+".key", d.Key)
}

func requiredKey(at, key string) *optionError {
	if key == "" {
		return wrong(at, `is required: a key such as "data.customer"`)
	}
	return keyExpression(at, key)
}

func keyExpression(at, key string) *optionError {
	if key == "" {
		return nil
	}
	if _, err := workflow.ParseKeyExpression(key); err != nil {
		return wrong(at, "expected a key such as data.customer: %s", err)
	}
	return nil
}

func readPriority(o map[string]goja.Value, def *workflow.Definition) (err *optionError) {
	if _, ok := o["priority"]; ok {
		def.Priority, err = whole(o, "priority", -maxPriority, maxPriority)
	}
	return err
}

// whole reads a whole number; 0 when it is not given.
func whole(o map[string]goja.Value, path string, least, most int64) (int, *optionError) {
	v, ok := o[path]
	if !ok {
		return 0, nil
	}
	n, ok := v.Export().(int64)
	if !ok || n < least || n > most {
		return 0, wrong(path, "expected a whole number from %d to %d, got %s", least, most, show(v))
	}
	return int(n), nil
}
