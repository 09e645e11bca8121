package script

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var (
	httpOptions = []string{"url", "method", "query", "headers", "json", "form", "multipart", "body", "timeout", "ignoreFailure", "retries"}
	httpBodies  = []string{"json", "form", "multipart", "body"}
	httpMethods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead}
)

// httpRequest is what ctx.step.http was asked for.
type httpRequest struct {
	url           *url.URL
	method        string
	headers       map[string]string
	body          string
	parts         []part // of a multipart body
	seconds       int64  // 0 is $http.send's own time-out
	ignoreFailure bool
	retries       goja.Value // as given
	policy        workflow.Retries
}

// part is one value of a multipart body: a text or a file.
type part struct {
	name  string
	value goja.Value
}

// title names the request in errors, without a query, which may hold secrets.
func (r *httpRequest) title() string {
	shown := *r.url
	shown.RawQuery, shown.User, shown.Fragment = "", nil, ""
	return r.method + " " + shown.String()
}

func (r *httpRequest) hasHeader(name string) bool {
	for k := range r.headers {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

func (x *run) readRequest(v goja.Value) (*httpRequest, error) {
	r := &httpRequest{method: http.MethodGet, headers: map[string]string{}, policy: x.retries()}
	o, wrong := object(x.vm, "options", v, httpOptions)
	if wrong == nil {
		wrong = boolean(o, "ignoreFailure", &r.ignoreFailure)
	}
	if given, ok := o["retries"]; ok && wrong == nil {
		r.retries = given
		r.policy, wrong = readRetries(x.vm, "retries", given)
	}
	if wrong != nil {
		return nil, fmt.Errorf("%s: %s", wrong.option, wrong.message)
	}
	if x.execution.Mode == workflow.ModeTransaction {
		r.policy = workflow.Retries{} // as of every step there
	}
	for _, read := range []func(map[string]goja.Value) error{r.readURL, r.readHeaders, r.readBody, r.readMethod, r.readTimeout} {
		if err := read(o); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *httpRequest) readURL(o map[string]goja.Value) (err error) {
	raw, _ := exported(o["url"]).(string)
	if r.url, err = url.Parse(raw); err != nil || r.url.Host == "" || r.url.Scheme != "http" && r.url.Scheme != "https" {
		return fmt.Errorf("url: expected an address that begins with http:// or https://, got %s", show(o["url"]))
	}
	query, ok := o["query"]
	if !ok {
		return nil
	}
	values, err := textValues("query", query)
	if err != nil {
		return err
	}
	all := r.url.Query()
	for name, list := range values {
		all[name] = list
	}
	r.url.RawQuery = all.Encode()
	return nil
}

func (r *httpRequest) readMethod(o map[string]goja.Value) error {
	given, ok := o["method"]
	if !ok {
		if r.body != "" || r.parts != nil {
			r.method = http.MethodPost
		}
		return nil
	}
	name, _ := exported(given).(string)
	r.method = strings.ToUpper(name)
	if !slices.Contains(httpMethods, r.method) {
		return fmt.Errorf("method: expected one of %s, got %s", strings.Join(httpMethods, ", "), show(given))
	}
	return nil
}

func (r *httpRequest) readHeaders(o map[string]goja.Value) error {
	given, ok := o["headers"]
	if !ok {
		return nil
	}
	values, err := textValues("headers", given)
	if err != nil {
		return err
	}
	for name, list := range values {
		r.headers[name] = strings.Join(list, ", ")
	}
	return nil
}

func (r *httpRequest) readTimeout(o map[string]goja.Value) error {
	given, ok := o["timeout"]
	if !ok {
		return nil
	}
	d, err := workflow.ParseDuration(given.Export())
	if err != nil || d == 0 {
		return fmt.Errorf("timeout: expected a duration over 0, got %s", show(given))
	}
	r.seconds = int64(math.Ceil(d.Seconds())) // $http.send knows whole ones
	return nil
}

func (r *httpRequest) readBody(o map[string]goja.Value) error {
	kind := ""
	for _, name := range httpBodies {
		if _, ok := o[name]; !ok {
			continue
		}
		if kind != "" {
			return fmt.Errorf("%s: the request has a body already, of %s: expected one of %s", name, kind, strings.Join(httpBodies, ", "))
		}
		kind = name
	}
	contentType, err := "", error(nil)
	switch kind {
	case "":
		return nil
	case "json":
		var raw []byte
		if raw, err = encodeResult(o[kind]); err != nil {
			return fmt.Errorf("json: %w", err)
		}
		r.body, contentType = string(raw), "application/json"
	case "form":
		var values url.Values
		if values, err = textValues(kind, o[kind]); err != nil {
			return err
		}
		r.body, contentType = values.Encode(), "application/x-www-form-urlencoded"
	case "multipart":
		r.parts, err = readParts(o[kind])
		return err
	default:
		text, ok := exported(o[kind]).(string)
		if !ok {
			return fmt.Errorf("body: expected a string (or use json, form or multipart), got %s", show(o[kind]))
		}
		r.body = text
	}
	if contentType != "" && !r.hasHeader("Content-Type") {
		r.headers["Content-Type"] = contentType
	}
	return nil
}

// textValues are the values of an object by name: strings, numbers, true or false,
// or lists of them.
func textValues(at string, v goja.Value) (url.Values, error) {
	values, ok := exported(v).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: expected an object, got %s", at, show(v))
	}
	out := url.Values{}
	for name, value := range values {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, item := range list {
			switch item.(type) {
			case string, int64, float64, bool:
				out.Add(name, fmt.Sprint(item))
			default:
				return nil, fmt.Errorf("%s.%s: expected a string, a number, true or false, or a list of them, got %T", at, name, item)
			}
		}
	}
	return out, nil
}

// readParts reads the parts of a multipart body, in the order given.
func readParts(v goja.Value) ([]part, error) {
	obj, ok := v.(*goja.Object)
	if _, plain := exported(v).(map[string]any); !ok || !plain {
		return nil, fmt.Errorf("multipart: expected an object, got %s", show(v))
	}
	parts := []part{}
	for _, name := range obj.Keys() {
		values := []goja.Value{obj.Get(name)}
		if list, n := listOf(obj.Get(name)); list != nil && list.ClassName() == "Array" {
			values = values[:0]
			for i := range n {
				values = append(values, list.Get(fmt.Sprint(i)))
			}
		}
		for _, value := range values {
			switch exported(value).(type) {
			case string, *filesystem.File:
				parts = append(parts, part{name, value})
			case int64, float64, bool:
				parts = append(parts, part{name, value.ToString()})
			default:
				return nil, fmt.Errorf("multipart.%s: expected a string, a number, true or false, a file of $filesystem, or a list of them, got %s", name, show(value))
			}
		}
	}
	return parts, nil
}
