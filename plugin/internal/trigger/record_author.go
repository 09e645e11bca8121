package trigger

import (
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// author is who makes a change, as far as that can be known: a request or the
// script of an execution.
type author struct {
	request *core.RequestEvent
	parent  *workflow.Execution

	read bool
	info *core.RequestInfo
	role string
	name string // "METHOD /path"
	user json.RawMessage
}

// remember makes a request the author of the change of its record until forget
// is called.
func (r *records) remember(e *core.RecordRequestEvent) (forget func()) {
	if !r.trigger.config.Catalog().ListensToRecords() {
		return func() {}
	}
	record := e.Record
	r.requests.Store(record, &author{request: e.RequestEvent})
	return func() { r.requests.Delete(record) }
}

// authorOf finds who makes a change, or nil: the script whose app it is made
// with, the request whose record it is, or the author of the change that causes
// it.
func (r *records) authorOf(e *core.ModelEvent, record *core.Record) *author {
	if parent := workflow.Running(e.Context); parent != nil {
		return &author{parent: parent}
	}
	if a, ok := r.requests.Load(record); ok {
		return a.(*author)
	}
	if tx := e.App.TxInfo(); tx != nil {
		if a, ok := r.within.Load(tx); ok {
			return a.(*author)
		}
	}
	return nil
}

// within runs fn, a part of the transaction tx, with the change's author as the
// one of all changes that it causes there.
func (c *change) within(tx *core.TxAppInfo, fn func() error) error {
	if c.author == nil || tx == nil {
		return fn()
	}
	before, nested := c.records.within.Swap(tx, c.author)
	defer func() {
		if nested {
			c.records.within.Store(tx, before)
		} else {
			c.records.within.Delete(tx)
		}
	}()
	return fn()
}

// load reads what a request says, once. The error is an ApiError.
func (a *author) load(t *Trigger, app core.App) (err error) {
	if a.read || a.request == nil {
		return nil
	}
	if a.info, err = a.request.RequestInfo(); err != nil {
		return err
	}
	if a.role, err = t.actingRole(app, a.info.Auth, a.request.Request.Header); err != nil {
		return err
	}
	if a.user, err = export(app, a.info.Auth, nil); err != nil {
		return err
	}
	a.name = a.request.Request.Method + " " + a.request.Request.URL.Path
	a.parent = t.parentOf(a.request.Request)
	a.read = true
	return nil
}

// requestInfo is what filters see as @request.
func (a *author) requestInfo() *core.RequestInfo {
	if a.info != nil {
		return a.info
	}
	return &core.RequestInfo{Context: core.RequestInfoContextDefault, Query: map[string]string{}, Headers: map[string]string{}, Body: map[string]any{}}
}
