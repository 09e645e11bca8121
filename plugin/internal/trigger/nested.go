package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// run writes the nested records through PocketBase's own handlers, with the
// caller's rights, and then lets next write the record itself, all in one
// transaction.
func (n *nestedPlan) run(e *core.RequestEvent, s *session, next func() error) error {
	outer := e.App
	defer func() { e.App = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		e.App = tx
		for _, op := range n.operations {
			if err := op.run(e, s); err != nil {
				return op.rename(err)
			}
		}
		info, err := e.RequestInfo()
		if err != nil {
			return router.NewBadRequestError("", err)
		}
		// The handler reads the cached request info: changing its body in place
		// changes what is saved.
		clear(info.Body)
		maps.Copy(info.Body, n.body)
		return next()
	})
}

func (o *operation) method() string {
	if o.update {
		return http.MethodPatch
	}
	return http.MethodPost
}

func (o *operation) url() string {
	url := "/api/collections/" + o.collection.Name + "/records"
	if o.update {
		url += "/" + o.id
	}
	return url
}

func (o *operation) run(outer *core.RequestEvent, s *session) error {
	raw, err := json.Marshal(o.body)
	if err != nil {
		return fmt.Errorf("encode the body: %w", err)
	}
	request, err := http.NewRequestWithContext(outer.Request.Context(), o.method(), o.url(), bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	request.Header = outer.Request.Header.Clone()
	request.Header.Set("Content-Type", "application/json")
	request.RemoteAddr, request.Host, request.TLS = outer.Request.RemoteAddr, outer.Request.Host, outer.Request.TLS
	request.Body = &router.RereadableReadCloser{ReadCloser: request.Body}
	event := &core.RequestEvent{App: outer.App, Auth: outer.Auth}
	event.Request = request
	event.Response = &router.ResponseWriter{ResponseWriter: httptest.NewRecorder()}
	event.Set(nestedKey, &nestedWrite{session: s, submitted: o.submitted})
	return recordHandler(event, &core.InternalRequest{Method: o.method(), URL: o.url(), Body: o.body})
}

// recordHandler runs PocketBase's own handler of a record route, which inside a
// transaction is reachable through its batch actions only.
func recordHandler(e *core.RequestEvent, r *core.InternalRequest) error {
	for pattern, action := range apis.ValidBatchActions {
		m := pattern.FindStringSubmatch(r.Method + " " + r.URL)
		if m == nil {
			continue
		}
		params := map[string]string{}
		for i, name := range pattern.SubexpNames() {
			if name != "" {
				params[name] = m[i]
			}
		}
		for name, value := range params {
			e.Request.SetPathValue(name, value)
		}
		return action(e.App, r, params, nil)(e)
	}
	return router.NewNotFoundError("", nil)
}

// rename makes the error of a nested write name its path.
func (o *operation) rename(err error) error {
	var in *intercepted
	if errors.As(err, &in) {
		return err
	}
	api := router.ToApiError(err)
	out := router.NewApiError(api.Status, o.path+": "+api.Message, err)
	out.Data = map[string]any{}
	for field, detail := range api.Data {
		out.Data[o.path+"."+field] = detail
	}
	if len(api.Data) == 0 {
		out.Data[o.path] = map[string]any{"code": "nested_record_failed", "message": api.Message}
	}
	return out
}

// origin is where a sub-request of an expanded batch comes from.
type origin struct {
	index  int
	nested *operation
}

// nestedBatch puts the nested records of every sub-request before it, as
// sub-requests of their own, and takes them out of the answer again.
func (t *Trigger) nestedBatch(e *core.BatchRequestEvent, s *session) error {
	var expanded []*core.InternalRequest
	var origins []origin
	for i, r := range e.Batch {
		operations, err := t.nestedSub(e, r)
		if err != nil {
			return batchError(i, err)
		}
		for _, op := range operations {
			sub := &core.InternalRequest{Method: op.method(), URL: op.url(), Body: op.body, Headers: maps.Clone(r.Headers)}
			if op.given && !op.update { // an earlier sub-request may create it
				sub.Method = http.MethodPut
			}
			sub.Headers[indexHeader] += "/" + strconv.Itoa(len(s.nested))
			s.nested = append(s.nested, origin{i, op})
			expanded, origins = append(expanded, sub), append(origins, origin{i, op})
		}
		expanded, origins = append(expanded, r), append(origins, origin{index: i})
	}
	if len(expanded) == len(e.Batch) {
		return e.Next()
	}
	e.Batch = expanded
	held, direct := httptest.NewRecorder(), e.Response
	e.Response = &router.ResponseWriter{ResponseWriter: held}
	err := e.Next()
	e.Response = direct
	if err != nil {
		return renumber(err, origins)
	}
	var results, own []json.RawMessage
	if err := json.Unmarshal(held.Body.Bytes(), &results); err != nil || len(results) != len(origins) {
		return router.NewInternalServerError("", errors.Join(err, errors.New("unexpected batch answer")))
	}
	for i, o := range origins {
		if o.nested == nil {
			own = append(own, results[i])
		}
	}
	return e.JSON(held.Code, own)
}

// nestedKey is where the event of a nested write has its nestedWrite.
const nestedKey = "@workflowsNested"

// nestedWrite is what the hooks of a nested write are to know.
type nestedWrite struct {
	session   *session // of the request it is part of
	submitted map[string]any
}

// interceptsNested reports whether before workflows run for nested records.
func (t *Trigger) interceptsNested(n *nestedPlan) bool {
	return slices.ContainsFunc(n.operations, func(o *operation) bool {
		action := workflow.ActionCreate
		if o.update {
			action = workflow.ActionUpdate
		}
		return slices.ContainsFunc(match(t.config.Catalog(), nil, o.collection.Name, action), (*candidate).before)
	})
}

// nests reports whether a sub-request of the batch has nested records.
func (s *session) nests(index int) bool {
	return slices.ContainsFunc(s.nested, func(o origin) bool { return o.index == index })
}

func (t *Trigger) nestedSub(e *core.BatchRequestEvent, r *core.InternalRequest) ([]*operation, error) {
	m := recordURL.FindStringSubmatch(r.URL)
	if m == nil || r.Method == http.MethodDelete {
		return nil, nil
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(m[1])
	if err != nil {
		return nil, nil //nolint:nilerr // PocketBase answers 404
	}
	p := &planner{app: e.App}
	body, rewritten, err := p.object(collection, r.Body, "", 0)
	if err != nil {
		return nil, err
	}
	if rewritten {
		r.Body = body
	}
	return p.operations, nil
}

// renumber lets an error of an expanded batch name the client's own
// sub-request.
func renumber(err error, origins []origin) error {
	var api *router.ApiError
	if !errors.As(err, &api) {
		return err
	}
	requests, ok := api.Data["requests"].(map[string]any)
	if !ok {
		return err
	}
	for number, detail := range requests {
		i, convErr := strconv.Atoi(number)
		if convErr != nil || i < 0 || i >= len(origins) {
			continue
		}
		if entry, ok := detail.(map[string]any); ok && origins[i].nested != nil {
			if response, ok := entry["response"].(*router.ApiError); ok {
				entry["response"] = origins[i].nested.rename(response)
			}
		}
		api.Data["requests"] = map[string]any{strconv.Itoa(origins[i].index): detail}
	}
	return api
}
