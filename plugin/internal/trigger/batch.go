package trigger

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// indexHeader tells the hooks of a sub-request which one it is. It is set on
// every sub-request of a batch and means nothing elsewhere.
const indexHeader = "X-Workflow-Batch-Index"

var recordURL = regexp.MustCompile(`^/api/collections/([^/?]+)/records(?:/[^/?]+)?(?:\?.*)?$`)

// onBatch checks what all sub-requests name before the first of them writes.
func (t *Trigger) onBatch(e *core.BatchRequestEvent) error {
	s, ok := e.Get(sessionKey).(*session)
	if !ok {
		return e.Next()
	}
	for i, r := range e.Batch {
		if r.Headers == nil {
			r.Headers = map[string]string{}
		}
		for name := range r.Headers {
			if strings.EqualFold(name, indexHeader) {
				delete(r.Headers, name)
			}
		}
		r.Headers[indexHeader] = strconv.Itoa(i)
		s.bodies = append(s.bodies, r.Body)
		if err := t.checkSub(e, r); err != nil {
			return batchError(i, err)
		}
	}
	if s.key == nil {
		return t.nestedBatch(e, s)
	}
	if !slices.ContainsFunc(e.Batch, func(r *core.InternalRequest) bool { return t.starts(e.App, r) }) {
		s.key = nil // nobody asked for it but PocketBase, which ignores it
		return t.nestedBatch(e, s)
	}
	return s.key.batch(e, func() error { return t.nestedBatch(e, s) })
}

// starts reports whether a sub-request names workflows or starts global ones.
func (t *Trigger) starts(app core.App, r *core.InternalRequest) bool {
	m := recordURL.FindStringSubmatch(r.URL)
	u, err := url.Parse(r.URL)
	if m == nil || err != nil {
		return false
	}
	if refs, err := refsOf(u); err != nil || len(refs) > 0 {
		return err == nil
	}
	collection, err := app.FindCachedCollectionByNameOrId(m[1])
	if err != nil {
		return false
	}
	actions := map[string][]workflow.Action{
		http.MethodPost: {workflow.ActionCreate}, http.MethodPut: {workflow.ActionCreate, workflow.ActionUpdate},
		http.MethodPatch: {workflow.ActionUpdate}, http.MethodDelete: {workflow.ActionDelete},
	}[strings.ToUpper(r.Method)]
	return slices.ContainsFunc(actions, func(a workflow.Action) bool {
		return len(t.config.Catalog().Globals(collection.Name, a)) > 0
	})
}

func (t *Trigger) checkSub(e *core.BatchRequestEvent, r *core.InternalRequest) error {
	m := recordURL.FindStringSubmatch(r.URL)
	if m == nil {
		return nil // PocketBase refuses it
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(m[1])
	if err != nil {
		return nil //nolint:nilerr // PocketBase answers 404
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil //nolint:nilerr // PocketBase refuses it
	}
	refs, err := refsOf(u)
	if err != nil {
		return parameterError(err)
	}
	if len(refs) == 0 {
		return nil
	}
	info, err := e.RequestInfo()
	if err != nil {
		return err
	}
	action := map[string]workflow.Action{"PATCH": workflow.ActionUpdate, "DELETE": workflow.ActionDelete}[r.Method]
	if action == "" {
		action = workflow.ActionCreate
	}
	for _, c := range match(t.config.Catalog(), refs, collection.Name, action) {
		if c.named && c.entry != nil && (c.skip == "" || c.skip == workflow.SkipActionMismatch) {
			if err := mayTrigger(e.App, c.definition(), info); err != nil {
				return err
			}
		}
	}
	return nil
}
