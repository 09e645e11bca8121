package script

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// parentHeader tells our own server which execution a request comes from.
const parentHeader = "X-Workflow-Parent"

// bindHTTP wraps $http.send: requests to our own server carry their chain, so
// that a workflow that triggers itself over HTTP is found out; none may outlast
// the step or execution that sends it; and waiting for the answer keeps no CPU.
func (m *machine) bindHTTP(parent func(*workflow.Execution, string) string) {
	client := m.vm.Get("$http").ToObject(m.vm)
	send, _ := goja.AssertFunction(client.Get("send"))
	_ = client.Set("send", func(call goja.FunctionCall) goja.Value {
		x := m.run
		if x == nil {
			return must(send(call.This, call.Arguments...))
		}
		args := call.Arguments
		if config, ok := call.Argument(0).(*goja.Object); ok {
			args = []goja.Value{m.request(config, parent(x.execution, fmt.Sprint(config.Get("url"))))}
		}
		var v goja.Value
		err := x.clock.waiting(func() error {
			return x.journal.Waiting(x.ctx, func() (err error) {
				v, err = send(call.This, args...)
				return err
			})
		})
		return must(v, err)
	})
}

// request is a copy of a request's config with what we add to it.
func (m *machine) request(config *goja.Object, parent string) goja.Value {
	copied := m.vm.NewObject()
	for _, k := range config.Keys() {
		_ = copied.Set(k, config.Get(k))
	}
	if parent != "" {
		headers := map[string]any{}
		if given, ok := config.Get("headers").(*goja.Object); ok {
			for _, k := range given.Keys() {
				headers[k] = given.Get(k).Export()
			}
		}
		headers[parentHeader] = parent
		_ = copied.Set("headers", headers)
	}
	if left, ok := m.run.left(); ok {
		seconds := max(1, int64(math.Ceil(left.Seconds())))
		if given := config.Get("timeout"); given == nil || given.ToInteger() <= 0 || given.ToInteger() > seconds {
			_ = copied.Set("timeout", min(seconds, defaultHTTPTimeout))
		}
	}
	return copied
}

// defaultHTTPTimeout is PocketBase's, in seconds.
const defaultHTTPTimeout = 120

// bindSleep makes sleep(ms) end with the run, and keep no CPU.
func (m *machine) bindSleep() {
	_ = m.vm.Set("sleep", func(call goja.FunctionCall) goja.Value {
		d := time.Duration(call.Argument(0).ToInteger()) * time.Millisecond
		x := m.run
		if x == nil {
			time.Sleep(d)
			return goja.Undefined()
		}
		cut := false
		if !x.deadline.IsZero() { // else it ends with the run's own context
			left := max(0, time.Until(x.deadline))
			cut, d = left < d, min(left, d)
		}
		err := x.clock.waiting(func() error {
			return x.journal.Waiting(x.ctx, func() error { return pause(x.ctx, d) })
		})
		// What is over interrupts the script a moment later: it must not go on as
		// if it had slept.
		switch {
		case err != nil:
			return x.halt(err)
		case cut && x.clock.expire != nil:
			x.clock.expire()
		}
		return goja.Undefined()
	})
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func must(v goja.Value, err error) goja.Value {
	if err != nil {
		panic(err)
	}
	return v
}
