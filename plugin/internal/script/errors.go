package script

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// errorClasses are the errors that tell a step's retries what to do, and what
// steps themselves throw.
const errorClasses = `(function() {
	const define = (name, init) => {
		const C = class extends Error {
			constructor(message, arg) {
				super(message);
				Object.defineProperty(this, "name", { value: name, configurable: true, writable: true, enumerable: false });
				if (init) { init(this, arg); }
			}
		};
		Object.defineProperty(C, "name", { value: name });
		return C;
	};
	return {
		NonRetryableError: define("NonRetryableError"),
		RetryAfterError: define("RetryAfterError", (e, delay) => { e.delay = delay; }),
		TimeoutError: define("TimeoutError"),
		RejectedError: define("RejectedError"),
		WithdrawnError: define("WithdrawnError"),
	};
})()`

var errorProgram = goja.MustCompile("errors", errorClasses, true)

// bindErrors adds the error classes to the globals.
func bindErrors(vm *goja.Runtime) {
	classes, err := vm.RunProgram(errorProgram)
	if err != nil {
		panic(err) // our own source
	}
	obj := classes.ToObject(vm)
	for _, name := range obj.Keys() {
		_ = vm.Set(name, obj.Get(name))
	}
}

// newError makes a JS error of one of the classes, or a plain one of that name.
func newError(vm *goja.Runtime, name, message string) goja.Value {
	class := vm.Get(name)
	if class == nil {
		class = vm.Get("Error")
	}
	if ctor, ok := goja.AssertConstructor(class); ok {
		if obj, err := ctor(nil, vm.ToValue(message)); err == nil {
			if got := obj.Get("name"); got == nil || got.String() != name {
				_ = obj.DefineDataProperty("name", vm.ToValue(name), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
			}
			return obj
		}
	}
	return vm.NewGoError(fmt.Errorf("%s", message))
}

// retryAfter reads the delay of a RetryAfterError: milliseconds, "30s", a date,
// the value of a Retry-After header (seconds or an HTTP date, also in a list), or
// a whole response of $http.send.
func retryAfter(v any, now time.Time) (time.Duration, bool) {
	until := func(t time.Time) (time.Duration, bool) { return max(0, t.Sub(now)), true }
	switch v := v.(type) {
	case time.Time:
		return until(v)
	case types.DateTime:
		return until(v.Time())
	case string:
		v = strings.TrimSpace(v)
		if seconds, err := strconv.Atoi(v); err == nil && seconds >= 0 {
			return time.Duration(seconds) * time.Second, true
		}
		if t, err := http.ParseTime(v); err == nil {
			return until(t)
		}
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return until(t)
		}
	case []string:
		if len(v) > 0 {
			return retryAfter(v[0], now)
		}
		return 0, false
	case []any:
		if len(v) > 0 {
			return retryAfter(v[0], now)
		}
		return 0, false
	case map[string][]string:
		for name, values := range v {
			if strings.EqualFold(name, "Retry-After") {
				return retryAfter(values, now)
			}
		}
		return 0, false
	case http.Header:
		return retryAfter(map[string][]string(v), now)
	case map[string]any:
		if headers, ok := v["headers"]; ok {
			return retryAfter(headers, now)
		}
		for name, value := range v {
			if strings.EqualFold(name, "Retry-After") {
				return retryAfter(value, now)
			}
		}
		return 0, false
	}
	d, err := workflow.ParseDuration(v)
	return d, err == nil
}

// verdict is what a thrown error says about trying again.
type verdict struct {
	never bool
	after time.Duration
	given bool // after counts
}

func judge(v goja.Value, now time.Time) verdict {
	obj, ok := v.(*goja.Object)
	if !ok {
		return verdict{}
	}
	name := obj.Get("name")
	if name == nil {
		return verdict{}
	}
	switch name.String() {
	case "NonRetryableError":
		return verdict{never: true}
	case "RetryAfterError":
		delay := obj.Get("delay")
		if delay == nil {
			return verdict{}
		}
		raw := delay.Export()
		if o, ok := delay.(*goja.Object); ok { // a response of $http.send is an object of Go
			if headers := o.Get("headers"); headers != nil && !goja.IsUndefined(headers) {
				raw = headers.Export()
			}
		}
		after, ok := retryAfter(raw, now)
		return verdict{after: after, given: ok}
	}
	return verdict{}
}
