package trigger

import (
	"context"
	"fmt"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// manual is a request that starts manual workflows.
type manual struct {
	refs []Ref
	// collection is that of the records; nil without one.
	collection *core.Collection
	// ids name the records. Without any the submitted values are a record that is
	// not stored yet.
	ids []string
	// many is true for a list of records: submitted values are not laid over them.
	many bool
	// unwrap takes {"values": …} for the values, as NocoBase's clients send them.
	unwrap bool
}

// bindManual adds the routes for records. The one without a record is OnTrigger,
// among the routes of a workflow.
func (t *Trigger) bindManual(e *core.ServeEvent) {
	e.Router.POST("/api/collections/{collection}/records/{id}/trigger", func(e *core.RequestEvent) error {
		return t.onRecords(e, e.Request.PathValue("collection"), &manual{ids: []string{e.Request.PathValue("id")}})
	})
	e.Router.POST("/api/collections/{collection}/records/trigger", func(e *core.RequestEvent) error {
		ids := split(e.Request.URL.Query()["ids"]...)
		return t.onRecords(e, e.Request.PathValue("collection"), &manual{ids: ids, many: e.Request.URL.Query().Has("ids")})
	})
}

// split reads lists with commas; white space, empty entries and repeats are
// dropped.
func split(lists ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, list := range lists {
		for one := range strings.SplitSeq(list, entrySeparator) {
			if one = strings.TrimSpace(one); one != "" && !seen[one] {
				seen[one] = true
				out = append(out, one)
			}
		}
	}
	return out
}

// OnTrigger starts the workflow {key}, which has no record. A key that can't be
// started is a 404, one of another kind a 400 that says what to do.
func (t *Trigger) OnTrigger(e *core.RequestEvent) error {
	key := e.Request.PathValue("key")
	entry, err := t.startable(key)
	if err != nil {
		t.unusable(e, key, workflow.SkipWrongTrigger)
		return router.NewNotFoundError(strings.TrimPrefix(err.Error(), ErrNotStarted.Error()+": "), err)
	}
	if err := wrongKind(&entry.Version.Definition); err != nil {
		t.unusable(e, key, workflow.SkipWrongTrigger)
		return err
	}
	return t.manual(e, &manual{refs: []Ref{{Key: key}}})
}

// wrongKind is the 400 for a workflow that needs more than its key.
func wrongKind(def *workflow.Definition) error {
	message := ""
	switch def.On.StartsWith() {
	case workflow.ContextNone:
		return nil
	case workflow.ContextRecord, workflow.ContextRecords:
		message = fmt.Sprintf("Workflow %q is for records: POST /api/collections/%s/records/{id}/trigger?%s=%s.", def.Key, def.On.Collection, parameter, def.Key)
	default:
		message = fmt.Sprintf("Workflow %q has a trigger of type %q, it can't be started by hand.", def.Key, def.On.Type)
	}
	return router.NewBadRequestError(message, validation.Errors{"key": &item{code: "workflow_" + string(workflow.SkipWrongTrigger), message: message}})
}

// onRecords starts the workflows that triggerWorkflows names for records.
func (t *Trigger) onRecords(e *core.RequestEvent, collection string, m *manual) (err error) {
	if m.collection, err = e.App.FindCachedCollectionByNameOrId(collection); err != nil {
		return router.NewNotFoundError("Missing collection context.", err)
	}
	switch {
	case m.many && len(m.ids) == 0:
		return idsError("validation_required", "The records are missing: ?ids=a,b,c.")
	case len(m.ids) > maxTargets:
		return idsError("validation_too_many_records", fmt.Sprintf("At most %d records can be triggered at a time, got %d.", maxTargets, len(m.ids)))
	}
	return t.onNamed(e, m)
}

// onNamed starts what triggerWorkflows names.
func (t *Trigger) onNamed(e *core.RequestEvent, m *manual) (err error) {
	if m.refs, err = refsOf(e.Request.URL); err != nil {
		return parameterError(err)
	}
	if len(m.refs) == 0 {
		return parameterError(fmt.Errorf("%s must name at least one workflow", parameter))
	}
	return t.manual(e, m)
}

func idsError(code, message string) error {
	return router.NewBadRequestError(message, validation.Errors{"ids": &item{code: code, message: message}})
}

// manual checks who asks, starts what may start, waits for what is sync, and
// answers.
func (t *Trigger) manual(e *core.RequestEvent, m *manual) error {
	var key *keyed
	var err error
	if _, ok := e.Request.Header[keyHeader]; ok {
		if key, err = t.newKeyed(e, 0); err != nil {
			return err
		}
	}
	defer key.close()
	p, err := t.manualPlan(e, m)
	if err != nil {
		return err
	}
	s := &session{header: e.Response.Header(), plan: p, key: key}
	p.session = s
	w := &writing{trigger: t, plan: p, tx: e.App}
	start := func() error { return w.startManual(e, m) }
	if key != nil {
		err = key.once(e.Request.Context(), start)
	} else {
		err = start()
	}
	if key.replays() {
		return key.replay(e)
	}
	if err != nil {
		t.failed(p, err)
		key.failed(nil, err)
		return err
	}
	end := t.wait(s)
	writeMessages(e.Response.Header(), end.messages)
	if end.failed != nil {
		key.failed(e.Response.Header(), end.failed)
		return end.failed
	}
	return w.answerManual(e, end)
}

// manualPlan reads what a request names and checks rights and role before
// anything starts.
func (t *Trigger) manualPlan(e *core.RequestEvent, m *manual) (*plan, error) {
	catalog := t.config.Catalog()
	candidates := make([]*candidate, len(m.refs))
	for i, ref := range m.refs {
		c := &candidate{ref: ref, entry: catalog.Find(ref.Key), named: true}
		if c.skip = notUsable(c); c.skip == "" && !m.suits(c.definition().On.StartsWith()) {
			c.skip = workflow.SkipWrongTrigger
		}
		candidates[i] = c
	}
	if _, err := e.RequestInfo(); err != nil {
		return nil, bodyError(err)
	}
	return t.planFor(e.App, e, m.collection, workflow.ActionTrigger, candidates)
}

// suits reports whether a request has what a workflow is started with.
func (m *manual) suits(starts workflow.Context) bool {
	if m.collection == nil {
		return starts == workflow.ContextNone
	}
	return starts == workflow.ContextRecord || starts == workflow.ContextRecords
}

// startManual loads the records, and stores all executions in one transaction.
func (w *writing) startManual(e *core.RequestEvent, m *manual) error {
	values, err := m.values(e)
	if err != nil {
		return err
	}
	records, err := m.load(w, values)
	if err != nil {
		return err
	}
	starts, err := m.prepare(w, records, values)
	if err != nil {
		return err
	}
	store := func(tx core.App) error {
		w.tx = tx
		for _, f := range starts {
			if f.execution == nil {
				w.skip(f.candidate, f.candidate.skip)
			} else if err := w.add(f.candidate, f.execution); err != nil {
				return router.NewInternalServerError("", err)
			}
		}
		if err := w.strict(); err != nil {
			return err
		}
		return w.store()
	}
	if tx := e.App.TxInfo(); tx != nil { // the host answers when it has committed
		for _, f := range starts {
			if f.execution != nil {
				f.execution.Mode = workflow.ModeAsync
			}
		}
		tx.OnComplete(w.completed)
		return store(e.App)
	}
	err = w.trigger.config.Executions.Atomic(context.WithoutCancel(e.Request.Context()), store)
	_ = w.completed(err)
	return err
}
