package trigger

import (
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// hookPriority puts the transaction close around the write: other hooks of the
// request run before it.
const hookPriority = 9990

// bindHooks follows every record write over REST: hooks, unlike middlewares,
// see the sub-requests of a batch and the creates of other routes too.
func (t *Trigger) bindHooks() {
	on := func(action workflow.Action) *hook.Handler[*core.RecordRequestEvent] {
		return &hook.Handler[*core.RecordRequestEvent]{
			Id:       "pbWorkflowsTrigger",
			Priority: hookPriority,
			Func:     func(e *core.RecordRequestEvent) error { return t.onWrite(e, action) },
		}
	}
	t.app.OnRecordCreateRequest().Bind(on(workflow.ActionCreate))
	t.app.OnRecordUpdateRequest().Bind(on(workflow.ActionUpdate))
	t.app.OnRecordDeleteRequest().Bind(on(workflow.ActionDelete))
	t.app.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: "pbWorkflowsTrigger", Priority: hookPriority, Func: t.onBatch})
}

func (t *Trigger) onWrite(e *core.RecordRequestEvent, action workflow.Action) error {
	defer t.records.remember(e)()
	if s, ok := e.Get(sessionKey).(*session); ok {
		p, err := t.planOf(s, e, action)
		if err != nil {
			return err
		}
		if p == nil {
			return e.Next()
		}
		p.session, p.told = s, s
		return t.intercept(p, e)
	}
	// A write that no middleware of ours has seen: nested records, sign-ups over
	// OAuth2. Only globals can be meant.
	if len(t.config.Catalog().Globals(e.Collection.Name, action)) == 0 {
		return e.Next()
	}
	p, err := t.newPlan(e.App, e.RequestEvent, e.Collection, action, nil)
	if err != nil || p == nil {
		if err != nil {
			return err
		}
		return e.Next()
	}
	if n, ok := e.Get(nestedKey).(*nestedWrite); ok {
		p.told, p.submitted = n.session, n.submitted
	}
	return t.intercept(p, e)
}

// planOf is the plan of a write whose request has a session. The middleware made
// it for a single request; in a batch it is made here, where it is known whether
// an upsert creates or updates.
func (t *Trigger) planOf(s *session, e *core.RecordRequestEvent, action workflow.Action) (*plan, error) {
	if !s.batch {
		return s.plan, nil
	}
	number, nested, isNested := strings.Cut(e.Request.Header.Get(indexHeader), "/")
	index, err := strconv.Atoi(number)
	if err != nil {
		return s.plan, nil //nolint:nilerr // not a sub-request of ours
	}
	refs, err := refsOf(e.Request.URL)
	if err != nil {
		return nil, parameterError(err)
	}
	p, err := t.newPlan(e.App, e.RequestEvent, e.Collection, action, refs)
	if p != nil {
		p.index = index
		p.submitted = s.bodies[index]
		if n, err := strconv.Atoi(nested); isNested && err == nil {
			p.submitted = s.nested[n].nested.submitted
		}
	}
	return p, err
}
