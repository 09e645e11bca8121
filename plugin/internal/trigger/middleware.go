package trigger

import (
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// routes are PocketBase's own routes that trigger.
var routes = map[string]workflow.Action{
	"POST /api/collections/{collection}/records":        workflow.ActionCreate,
	"PATCH /api/collections/{collection}/records/{id}":  workflow.ActionUpdate,
	"DELETE /api/collections/{collection}/records/{id}": workflow.ActionDelete,
}

const batchRoute = "POST /api/batch"

func (t *Trigger) bindMiddlewares(e *core.ServeEvent) {
	e.Router.Bind(tokenMiddleware())
	e.Router.Bind(&hook.Handler[*core.RequestEvent]{
		Id: "pbWorkflowsTrigger",
		// After the login is loaded and the body limit is set.
		Priority: apis.DefaultBodyLimitMiddlewarePriority + 10,
		Func: func(e *core.RequestEvent) error {
			if e.Request.Method == http.MethodGet {
				return e.Next()
			}
			if isNocoBaseRecord(e.Request) {
				return t.nocoBase(e)
			}
			if action, ok := routes[e.Request.Pattern]; ok {
				return t.handle(e, action, e.Next)
			}
			if e.Request.Pattern == batchRoute {
				key, err := t.batchKeyOf(e)
				if err != nil {
					return err
				}
				defer key.close()
				s := &session{header: e.Response.Header(), batch: true, key: key}
				e.Set(sessionKey, s)
				return t.answer(e, s, true, e.Next)
			}
			return e.Next()
		},
	})
}

// handle is one single write: it checks what can be checked before anything is
// written, creates nested records, and lets next do the write.
func (t *Trigger) handle(e *core.RequestEvent, action workflow.Action, next func() error) error {
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil {
		return next() // its 404
	}
	refs, err := refsOf(e.Request.URL)
	if err != nil {
		return parameterError(err)
	}
	key, err := t.keyOf(e, collection, action, refs)
	if err != nil {
		return err
	}
	defer key.close()
	p, err := t.newPlan(e.App, e, collection, action, refs)
	if err != nil {
		return err
	}
	var s *session
	write, intercepts := next, false
	if action != workflow.ActionDelete {
		nested, err := t.nestedOf(e, collection)
		if err != nil {
			return err
		}
		if nested != nil {
			write = func() error { return nested.run(e, s, next) }
			intercepts = t.interceptsNested(nested)
		}
	}
	if p == nil && !intercepts {
		return write()
	}
	s = &session{header: e.Response.Header(), plan: p, key: key}
	e.Set(sessionKey, s)
	if key == nil {
		return t.answer(e, s, intercepts || p.waits(), write)
	}
	return t.answer(e, s, true, func() error { return key.once(e.Request.Context(), write) })
}

// answer runs write and, when sync workflows may have to be waited for or the
// answer is to be remembered, holds its answer back until they have ended.
func (t *Trigger) answer(e *core.RequestEvent, s *session, hold bool, write func() error) error {
	if !hold {
		return write()
	}
	direct := e.Response
	held := httptest.NewRecorder()
	e.Response = &router.ResponseWriter{ResponseWriter: held}
	s.header = held.Header()
	err := func() error {
		defer func() { e.Response = direct }()
		return write()
	}()
	if s.key.replays() {
		s.intercepted = !s.batch && s.key.first.gaveWay()
		return s.key.replay(e)
	}
	var in *intercepted
	if errors.As(err, &in) && !s.batch {
		return s.intercept(e, in)
	}
	if err != nil {
		s.tellBefore(direct.Header())
		s.key.failed(nil, err)
		return err
	}
	end := t.wait(s)
	for name, values := range held.Header() {
		if name == "Access-Control-Expose-Headers" {
			for _, v := range values {
				expose(direct.Header(), v)
			}
			continue
		}
		direct.Header()[name] = values
	}
	writeMessages(direct.Header(), append(s.messages, end.messages...))
	if end.failed != nil {
		s.key.failed(direct.Header(), end.failed)
		return end.failed
	}
	status := held.Code
	if end.late {
		status = http.StatusAccepted
	}
	s.key.answered(direct.Header(), status, held.Body.Bytes())
	direct.WriteHeader(status)
	_, err = direct.Write(held.Body.Bytes())
	return err
}
