package script

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// maxQuoted is how much of a refusing answer stands in the error.
const maxQuoted = 300

// http is ctx.step.http(name, {url, …}): one request of $http.send as a step. It
// returns {statusCode, headers, json, text, error}; what is no success is thrown, or
// with ignoreFailure returned.
func (x *run) http(call goja.FunctionCall) goja.Value {
	name := x.stepName("http", call)
	r, err := x.readRequest(call.Argument(1))
	if err != nil {
		x.throw("ctx.step.http(%q): %w", name, err)
	}
	options := x.vm.NewObject()
	if r.retries != nil {
		_ = options.Set("retries", r.retries)
	}
	body := x.vm.ToValue(func(goja.FunctionCall) goja.Value { return x.sendRequest(r) })
	return x.runStep("http", workflow.StepRun, goja.FunctionCall{This: call.This, Arguments: []goja.Value{call.Argument(0), options, body}})
}

// sendRequest is the body of the step.
func (x *run) sendRequest(r *httpRequest) goja.Value {
	answer, thrown := x.exchange(r)
	if thrown == nil {
		return answer
	}
	said := judge(thrown, x.journal.Now())
	if !r.ignoreFailure || !said.never && len(x.step.Attempts) < r.policy.Limit {
		panic(thrown)
	}
	message := thrown.ToObject(x.vm).Get("message")
	if answer == nil {
		answer = x.vm.NewObject()
		_ = answer.Set("statusCode", 0)
		_ = answer.Set("headers", x.vm.NewObject())
		_ = answer.Set("json", goja.Null())
		_ = answer.Set("text", goja.Null())
	}
	_ = answer.Set("error", message)
	return answer
}

// exchange sends the request. Thrown is what there is to throw, answer what came
// back, if anything did.
func (x *run) exchange(r *httpRequest) (answer *goja.Object, thrown goja.Value) {
	send, ok := goja.AssertFunction(x.vm.Get("$http").ToObject(x.vm).Get("send"))
	if !ok {
		x.throw("ctx.step.http: $http.send is no function any more")
	}
	v, err := send(goja.Undefined(), x.sendConfig(r))
	if err != nil {
		return nil, x.unanswered(r, err)
	}
	got := v.ToObject(x.vm)
	answer = x.readAnswer(got)
	status := got.Get("statusCode").ToInteger()
	if status < http.StatusBadRequest {
		return answer, nil
	}
	return answer, x.refused(r, status, got)
}

// unanswered is the error of a request that got no answer.
func (x *run) unanswered(r *httpRequest, err error) goja.Value {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return newError(x.vm, "NonRetryableError", fmt.Sprintf("%s: %s", r.title(), err))
	}
	if failed.Timeout() {
		return newError(x.vm, "TimeoutError", r.title()+" got no answer in time")
	}
	return newError(x.vm, "Error", fmt.Sprintf("%s: %s", r.title(), failed.Err)) // the whole error repeats the URL with its query
}

// refused is the error of an answer that is no success. Another attempt may help
// when the server is at fault or busy, not when the request is.
func (x *run) refused(r *httpRequest, status int64, got *goja.Object) goja.Value {
	message := fmt.Sprintf("%s answered %d", r.title(), status)
	if raw := bodyOf(got); len(raw) > 0 && utf8.Valid(raw) {
		message += ": " + shorten(strings.TrimSpace(string(raw)))
	}
	busy := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	if _, told := retryAfter(got.Get("headers").Export(), x.journal.Now()); busy && told {
		thrown := newError(x.vm, "RetryAfterError", message)
		_ = thrown.ToObject(x.vm).Set("delay", got.Get("headers"))
		return thrown
	}
	passing := []int64{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}
	if status < http.StatusInternalServerError && !slices.Contains(passing, status) {
		return newError(x.vm, "NonRetryableError", message)
	}
	return newError(x.vm, "Error", message)
}

// shorten cuts a text for an error's message.
func shorten(s string) string {
	if len(s) <= maxQuoted {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuoted], "") + "…"
}

// readAnswer keeps of an answer what can be stored: a JSON body parsed, another as
// text, and nothing of one that is not text.
func (x *run) readAnswer(got *goja.Object) *goja.Object {
	answer := x.vm.NewObject()
	_ = answer.Set("statusCode", got.Get("statusCode"))
	headers, _ := got.Get("headers").Export().(map[string][]string)
	_ = answer.Set("headers", x.plain(headers))
	_ = answer.Set("json", goja.Null())
	_ = answer.Set("text", goja.Null())
	_ = answer.Set("error", goja.Null())
	raw := bodyOf(got)
	isJSON := strings.Contains(http.Header(headers).Get("Content-Type"), "json")
	if isJSON {
		if v, err := x.parse(raw); err == nil {
			_ = answer.Set("json", v)
			return answer
		}
	}
	if utf8.Valid(raw) {
		_ = answer.Set("text", string(raw))
	}
	return answer
}

// bodyOf is the body of an answer of $http.send, a field of a Go struct.
func bodyOf(got *goja.Object) []byte {
	switch raw := got.Get("body").Export().(type) {
	case []byte:
		return raw
	case *[]byte:
		return *raw
	}
	return nil
}

// plain is a Go value as the script's own.
func (x *run) plain(v any) goja.Value {
	out, err := x.parse(encode(v))
	if err != nil {
		return goja.Null()
	}
	return out
}

// sendConfig is the request as $http.send takes it.
func (x *run) sendConfig(r *httpRequest) goja.Value {
	config := x.vm.NewObject()
	_ = config.Set("url", r.url.String())
	_ = config.Set("method", r.method)
	_ = config.Set("timeout", r.seconds)
	headers := map[string]any{}
	for name, value := range r.headers {
		headers[name] = value
	}
	if r.method != http.MethodGet && r.method != http.MethodHead && !r.hasHeader("Idempotency-Key") {
		headers["Idempotency-Key"] = x.requestKey()
	}
	_ = config.Set("headers", headers)
	switch {
	case r.parts != nil:
		_ = config.Set("body", x.formData(r.parts))
	case r.body != "":
		_ = config.Set("body", r.body)
	}
	return config
}

// requestKey is the same for all attempts of a step.
func (x *run) requestKey() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s:%s:%d", x.execution.ID, x.step.Name, x.step.Index))
	return hex.EncodeToString(sum[:16])
}

// formData makes PocketBase's FormData of the parts.
func (x *run) formData(parts []part) goja.Value {
	form, err := x.vm.New(x.vm.Get("FormData"))
	if err != nil {
		panic(err)
	}
	add, _ := goja.AssertFunction(form.Get("append"))
	for _, p := range parts {
		must(add(form, x.vm.ToValue(p.name), p.value))
	}
	return form
}
