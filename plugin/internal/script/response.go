package script

import (
	"net/textproto"
	"strings"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// serverHeaders are those of an answer that scripts may not set: the connection's
// own, and what tells of executions.
var serverHeaders = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Idempotency-Replayed": true,
}

// readResponse reads { status, headers, body }, an answer to a webhook.
func readResponse(vm *goja.Runtime, at string, v goja.Value) (*workflow.Response, *optionError) {
	o, err := object(vm, at, v, []string{"status", "headers", "body"})
	if err != nil {
		return nil, err
	}
	r := &workflow.Response{}
	if _, ok := o[at+".status"]; ok {
		if r.Status, err = whole(o, at+".status", 200, 599); err != nil {
			return nil, err
		}
	}
	if v, ok := o[at+".headers"]; ok {
		if r.Headers, err = readHeaders(at+".headers", v); err != nil {
			return nil, err
		}
	}
	if v, ok := o[at+".body"]; ok {
		if err := readResponseBody(at+".body", v, r); err != nil {
			return nil, err
		}
	}
	if r.Body != nil && *r.Body != "" && !workflow.HasBody(r.Status) {
		return nil, wrong(at+".body", "an answer with status %d has none", r.Status)
	}
	return r, nil
}

func readHeaders(at string, v goja.Value) (map[string]string, *optionError) {
	obj, ok := v.(*goja.Object)
	if !ok || obj.ClassName() != "Object" {
		return nil, wrong(at, "expected an object, got %s", show(v))
	}
	headers := map[string]string{}
	for _, name := range obj.Keys() {
		if !isHeaderName(name) {
			return nil, wrong(at, "%q is no name of a header", name)
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if serverHeaders[canonical] || strings.HasPrefix(canonical, "X-Workflow-") {
			return nil, wrong(at, "the server sets %s itself", canonical)
		}
		if _, twice := headers[canonical]; twice {
			return nil, wrong(at, "%s is there twice", canonical)
		}
		value := obj.Get(name)
		switch value.Export().(type) {
		case string, int64, float64:
		default:
			return nil, wrong(at, "%s: expected a string or a number, got %s", canonical, show(value))
		}
		if headers[canonical] = value.String(); !isHeaderValue(headers[canonical]) {
			return nil, wrong(at, "%s: the value has characters that a header can't have", canonical)
		}
	}
	return headers, nil
}

// readResponseBody makes text of a string and JSON of everything else.
func readResponseBody(at string, v goja.Value, r *workflow.Response) *optionError {
	body, contentType := "", "text/plain; charset=utf-8"
	if s, ok := v.Export().(string); ok {
		body = s
	} else {
		if err := checkValue(v, "body", nil); err != nil {
			return wrong(at, "%s", err)
		}
		raw, err := Marshal(v)
		if err != nil {
			return wrong(at, "can't be sent as JSON: %s", err)
		}
		body, contentType = string(raw), "application/json"
	}
	if len(body) > workflow.MaxResponseBody {
		return wrong(at, "is %d bytes, more than the %d allowed", len(body), workflow.MaxResponseBody)
	}
	r.Body = &body
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	if _, said := r.Headers["Content-Type"]; !said {
		r.Headers["Content-Type"] = contentType
	}
	return nil
}

// isHeaderName reports whether s is a token of HTTP.
func isHeaderName(s string) bool {
	for _, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", c) {
			return false
		}
	}
	return s != ""
}

func isHeaderValue(s string) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// respondWith says what a sync webhook answers. The last call before the end
// counts; a handler that goes on after a wait says it again.
func (x *run) respondWith(call goja.FunctionCall) goja.Value {
	x.mayGoOn()
	switch on := x.definition.On; {
	case on.Type != workflow.TriggerWebhook || x.definition.Mode != workflow.ModeSync:
		x.throw(`ctx.respondWith() is for webhooks with mode: "sync": nobody waits for the answer of this workflow (trigger %q, mode %q)`, on.Type, x.definition.Mode)
	case x.step != nil:
		x.throw("ctx.respondWith() must not be called inside of step %q, which does not run again: call it with the step's result", x.step.Name)
	case x.branch != nil:
		x.throw("ctx.respondWith() must not be called inside of a branch: call it with the result of the parallel step")
	}
	r, err := readResponse(x.vm, "response", call.Argument(0))
	if err != nil {
		x.throw("ctx.respondWith({ status, headers, body }): %s: %s", err.option, err.message)
	}
	x.response = r
	return goja.Undefined()
}

// paramsBody adds to the ctx.params of a webhook its body, which is stored as
// ctx.data.
func (x *run) paramsBody(ctx *goja.Object) {
	if x.execution.Cause.Type != workflow.TriggerWebhook {
		return
	}
	if params, ok := ctx.Get("params").(*goja.Object); ok {
		_ = params.Set("body", ctx.Get("data"))
	}
}
