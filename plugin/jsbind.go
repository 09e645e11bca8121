package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// BindVM gives a PocketBase JS runtime the $workflows object. Use it as
// jsvm.Config.OnInit, so that pb_hooks can start workflows:
//
//	const id = $workflows.trigger("publish-post", e.record, { user: e.auth, roleName: "editor" })
//	const execution = $workflows.find(id)
//
// Inside a hook that runs in a transaction, $workflows.trigger takes part in
// it: rolled back means never started.
func (p *Plugin) BindVM(vm *goja.Runtime) {
	p.bindVM(vm, nil)
}

// bindVM is BindVM for a runtime in which current is the execution that is
// running, so that what it starts knows its chain.
func (p *Plugin) bindVM(vm *goja.Runtime, current func() *workflow.Execution) {
	b := &jsBinding{plugin: p, vm: vm, current: current}
	obj := vm.NewObject()
	_ = obj.Set("trigger", b.trigger)
	_ = obj.Set("find", b.find)
	_ = obj.Set("send", b.send)
	b.helpers(obj)
	_ = vm.Set("$workflows", obj)
}

type jsBinding struct {
	plugin  *Plugin
	vm      *goja.Runtime
	current func() *workflow.Execution
}

// app is the runtime's current $app: inside a hook's or a step's transaction
// that is the transaction's app.
func (b *jsBinding) app() core.App {
	if v := b.vm.Get("$app"); v != nil {
		if app, ok := v.Export().(core.App); ok {
			return app
		}
	}
	return b.plugin.app
}

func (b *jsBinding) trigger(call goja.FunctionCall) goja.Value {
	key, ok := call.Argument(0).Export().(string)
	if !ok {
		b.throw(errors.New(`$workflows.trigger: the first argument must be the key of a workflow`))
	}
	options, err := b.options(call.Argument(2))
	if err != nil {
		b.throw(err)
	}
	target, err := b.target(call.Argument(1))
	if err != nil {
		b.throw(err)
	}
	id, err := b.plugin.trigger.Start(b.app(), key, target, options)
	if err != nil {
		b.throw(fmt.Errorf("$workflows.trigger: %w", err))
	}
	return b.vm.ToValue(id)
}

// recordsOf is a JavaScript array of nothing but records, or nil.
func recordsOf(v any) []*core.Record {
	list, _ := v.([]any)
	var records []*core.Record
	for _, one := range list {
		switch r := one.(type) {
		case *core.Record:
			records = append(records, r)
		case core.RecordProxy:
			records = append(records, r.ProxyRecord())
		default:
			return nil
		}
	}
	return records
}

// target is a record or a list of records as it is, anything else as JSON.
func (b *jsBinding) target(v goja.Value) (any, error) {
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return json.RawMessage("null"), nil
	}
	switch t := v.Export().(type) {
	case *core.Record:
		return t, nil
	case core.RecordProxy:
		return t.ProxyRecord(), nil
	case []*core.Record:
		return t, nil
	default:
		if records := recordsOf(t); records != nil {
			return records, nil
		}
		raw, err := script.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("$workflows.trigger: the data can't be stored as JSON: %w", err)
		}
		return raw, nil
	}
}

func (b *jsBinding) options(v goja.Value) (trigger.StartOptions, error) {
	var options trigger.StartOptions
	if b.current != nil {
		options.Parent = b.current()
	}
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return options, nil
	}
	obj, ok := v.(*goja.Object)
	if !ok {
		return options, errors.New("$workflows.trigger: the options must be an object {user, roleName, startAfter}")
	}
	for _, name := range obj.Keys() {
		value := obj.Get(name).Export()
		switch name {
		case "user":
			if value == nil {
				continue
			}
			if options.User, ok = value.(*core.Record); !ok || options.User != nil && !options.User.Collection().IsAuth() {
				return options, errors.New(`$workflows.trigger: option "user" must be an auth record`)
			}
		case "roleName":
			if value == nil {
				continue
			}
			if options.RoleName, ok = value.(string); !ok {
				return options, errors.New(`$workflows.trigger: option "roleName" must be a string`)
			}
		case "startAfter":
			if value == nil {
				continue
			}
			after, err := startAfter(obj.Get(name))
			if err != nil {
				return options, fmt.Errorf(`$workflows.trigger: option "startAfter": %w`, err)
			}
			options.After = after
		default:
			return options, fmt.Errorf(`$workflows.trigger: unknown option %q, expected "user", "roleName" or "startAfter"`, name)
		}
	}
	return options, nil
}

// send is $workflows.send(id, event, payload).
func (b *jsBinding) send(call goja.FunctionCall) goja.Value {
	id, ok1 := call.Argument(0).Export().(string)
	event, ok2 := call.Argument(1).Export().(string)
	if !ok1 || !ok2 {
		b.throw(errors.New("$workflows.send(id, event, payload): the id and the event must be strings"))
	}
	payload := json.RawMessage("null")
	if v := call.Argument(2); !goja.IsUndefined(v) {
		raw, err := script.Marshal(v)
		if err != nil {
			b.throw(fmt.Errorf("$workflows.send: the payload can't be stored as JSON: %w", err))
		}
		payload = raw
	}
	if err := b.plugin.Send(b.app(), id, event, payload); err != nil {
		b.throw(fmt.Errorf("$workflows.send: %w", err))
	}
	return goja.Undefined()
}

func (b *jsBinding) find(id string) goja.Value {
	e, err := b.plugin.Find(context.Background(), id)
	if err != nil {
		b.throw(fmt.Errorf("$workflows.find: %w", err))
	}
	return b.json("$workflows.find", e)
}

// json is a Go value as the script's own.
func (b *jsBinding) json(helper string, v any) goja.Value {
	raw, err := json.Marshal(v)
	if err != nil {
		b.throw(fmt.Errorf("%s: %w", helper, err))
	}
	parse, _ := goja.AssertFunction(b.vm.Get("JSON").ToObject(b.vm).Get("parse"))
	out, err := parse(goja.Undefined(), b.vm.ToValue(string(raw)))
	if err != nil {
		b.throw(fmt.Errorf("%s: %w", helper, err))
	}
	return out
}

func (b *jsBinding) throw(err error) { panic(b.vm.NewGoError(err)) }

// startAfter is a duration from now, or a date.
func startAfter(v goja.Value) (time.Time, error) {
	if at, err := script.PointInTime(v); err == nil && v.ExportType().Kind() != reflect.Int64 && v.ExportType().Kind() != reflect.Float64 {
		return at, nil
	}
	d, err := workflow.ParseDuration(v.Export())
	if err != nil {
		return time.Time{}, fmt.Errorf("expected a duration or a date: %w", err)
	}
	return time.Now().Add(d), nil
}
