package script

import (
	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// parentHeader tells our own server which execution a request comes from.
const parentHeader = "X-Workflow-Parent"

// bindHTTP wraps $http.send so that requests to our own server carry their
// chain: a workflow that triggers itself over HTTP is found out.
func (m *machine) bindHTTP(parent func(*workflow.Execution, string) string) {
	http := m.vm.Get("$http").ToObject(m.vm)
	send, _ := goja.AssertFunction(http.Get("send"))
	_ = http.Set("send", func(call goja.FunctionCall) goja.Value {
		args := call.Arguments
		if config, ok := call.Argument(0).(*goja.Object); ok && m.run != nil {
			if value := parent(m.run.execution, config.Get("url").String()); value != "" {
				headers := map[string]any{}
				if given, ok := config.Get("headers").(*goja.Object); ok {
					for _, k := range given.Keys() {
						headers[k] = given.Get(k).Export()
					}
				}
				headers[parentHeader] = value
				copied := m.vm.NewObject()
				for _, k := range config.Keys() {
					_ = copied.Set(k, config.Get(k))
				}
				_ = copied.Set("headers", headers)
				args = []goja.Value{copied}
			}
		}
		v, err := send(call.This, args...)
		if err != nil {
			panic(err)
		}
		return v
	})
}
