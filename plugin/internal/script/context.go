package script

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// context makes the handler's ctx.
func (x *run) context() (*goja.Object, error) {
	e := x.execution
	ctx := x.vm.NewObject()
	for name, raw := range map[string]json.RawMessage{
		"data": e.Input.Data, "user": e.Input.User, "original": e.Input.Original, "params": e.Input.Params,
	} {
		v, err := x.parse(raw)
		if err != nil {
			return nil, fmt.Errorf("read the stored %s: %w", name, err)
		}
		_ = ctx.Set(name, v)
	}
	x.paramsBody(ctx)
	info := x.vm.NewObject()
	for name, v := range map[string]any{
		"id": e.ID, "key": e.Workflow, "version": e.Version, "attempt": e.Attempt, "depth": e.Depth,
		"parent": e.Parent, "startedAt": e.StartedAt.UTC().Format(time.RFC3339Nano),
	} {
		_ = info.Set(name, v)
	}
	for name, v := range map[string]any{
		"roleName": e.Input.RoleName, "action": string(e.Input.Action), "collection": e.Input.Collection, "path": e.Input.Path,
		"execution": info, "log": x.machine.log, "step": x.machine.step, "respond": x.respond, "respondWith": x.respondWith, "end": x.end, "fail": x.fail,
	} {
		_ = ctx.Set(name, v)
	}
	x.setRecord(ctx)
	return ctx, nil
}

// logger makes the ctx.log of a machine's runs, frozen as ctx.step is.
func (m *machine) logger() goja.Value {
	log := m.vm.NewObject()
	for name, level := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	} {
		_ = log.Set(name, m.method(func(x *run, call goja.FunctionCall) goja.Value { return x.log(name, level, call) }))
	}
	return m.freeze(log)
}

func (x *run) log(name string, level slog.Level, call goja.FunctionCall) goja.Value {
	x.mayGoOn()
	line := workflow.Log{Time: time.Now().UTC(), Level: name, Message: call.Argument(0).String()}
	if v := call.Argument(1); !goja.IsUndefined(v) {
		raw, err := encodeResult(v)
		if err != nil {
			raw, _ = json.Marshal(err.Error()) // a log must not fail the workflow
		}
		line.Data = raw
	}
	attrs := []any{"workflow", x.execution.Workflow, "execution", x.execution.ID}
	switch {
	case x.step != nil:
		x.step.Logs = append(x.step.Logs, line)
		attrs = append(attrs, "step", x.step.Name)
	case x.branch != nil:
		x.branch.Logs = append(x.branch.Logs, line)
		attrs = append(attrs, "step", x.branch.Name)
	default:
		x.logs = append(x.logs, line)
	}
	if !x.journal.Replaying() {
		if line.Data != nil {
			attrs = append(attrs, "data", string(line.Data))
		}
		x.runner.config.App.Logger().Log(context.Background(), level, line.Message, attrs...)
	}
	return goja.Undefined()
}

func (x *run) respond(call goja.FunctionCall) goja.Value {
	x.mayGoOn()
	message, ok := call.Argument(0).Export().(string)
	if !ok {
		x.throw("ctx.respond(message): the message must be a string, got %s", show(call.Argument(0)))
	}
	if x.step != nil {
		x.step.Messages = append(x.step.Messages, message)
	}
	x.say(message)
	return goja.Undefined()
}

func (x *run) end(call goja.FunctionCall) goja.Value {
	x.mayGoOn()
	output, err := encodeResult(call.Argument(0))
	if err != nil {
		x.throw("ctx.end(output): %w", err)
	}
	if string(output) == "null" {
		output = nil
	}
	return x.halt(&stop{workflow.Outcome{Status: workflow.StatusCompleted, Output: output, Ended: true}})
}

func (x *run) fail(call goja.FunctionCall) goja.Value {
	x.mayGoOn()
	message, ok := call.Argument(0).Export().(string)
	if !ok || message == "" {
		x.throw("ctx.fail(message, data): the message must be a non-empty string, got %s", show(call.Argument(0)))
	}
	out := workflow.Outcome{Status: workflow.StatusFailed, Failure: &workflow.Failure{Name: "Failure", Message: message}}
	if v := call.Argument(1); !goja.IsUndefined(v) {
		data, err := encodeResult(v)
		if err != nil {
			x.throw("ctx.fail(message, data): %w", err)
		}
		out.Output = data
	}
	if x.step != nil {
		out.Failure.Step = x.step.Name
	}
	return x.halt(&stop{out})
}
