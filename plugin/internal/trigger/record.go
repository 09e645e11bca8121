package trigger

import (
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Commits is what the record trigger needs of the transactions that it takes
// part in, which may be anybody's.
type Commits interface {
	// Transact runs fn in a transaction of its own, on the caller's goroutine.
	Transact(fn func(tx core.App) error) error
	// Nested runs fn inside the transaction of app, and undoes what it wrote when
	// it fails.
	Nested(app core.App, fn func() error) error
	// HandOver hands e to the engine once the transaction of app has committed.
	HandOver(app core.App, e *workflow.Execution)
	// AfterCommit calls do once the transaction of app has committed.
	AfterCommit(app core.App, do func())
	// RecordAfter keeps e, which has failed, once the transaction of app has ended
	// either way.
	RecordAfter(app core.App, e *workflow.Execution)
}

// records starts the workflows that listen to changes of records, whoever makes
// them: their executions are inserted in the transaction of the change.
type records struct {
	trigger *Trigger
	// requests are the writes of requests under way, by *core.Record.
	requests sync.Map
	// within are the authors of changes under way, by *core.TxAppInfo: what a
	// change causes in its transaction, as cascade deletes, is theirs too.
	within sync.Map
}

func newRecords(t *Trigger) *records {
	r := &records{trigger: t}
	for action, h := range map[workflow.Action]*hook.TaggedHook[*core.ModelEvent]{
		workflow.ActionCreate: t.app.OnModelCreateExecute(),
		workflow.ActionUpdate: t.app.OnModelUpdateExecute(),
		workflow.ActionDelete: t.app.OnModelDeleteExecute(),
	} {
		h.Bind(&hook.Handler[*core.ModelEvent]{
			Id: "pbWorkflowsRecord",
			// Inside of the short way's transaction, outside of all others that take
			// part in the statement.
			Priority: executePriority + 1,
			Func:     func(e *core.ModelEvent) error { return r.execute(e, action) },
		})
	}
	return r
}

// listens reports whether a change of a collection's records starts anything.
func (r *records) listens(c *core.Collection, action workflow.Action) bool {
	return len(r.trigger.config.Catalog().Records(c.Name, c.Id, action)) > 0
}

// execute runs the statement of a change and stores what it starts, both in one
// transaction.
func (r *records) execute(e *core.ModelEvent, action workflow.Action) error {
	catalog := r.trigger.config.Catalog()
	if !catalog.ListensToRecords() {
		return e.Next()
	}
	record := recordOf(e.Model)
	if record == nil {
		return e.Next()
	}
	c := &change{records: r, action: action, record: record, event: e, author: r.authorOf(e, record)}
	c.entries = catalog.Records(record.Collection().Name, record.Collection().Id, action)
	if len(c.entries) == 0 && (c.author == nil || action != workflow.ActionDelete) {
		return e.Next() // a delete may cascade to a collection with listeners
	}
	outer := e.App
	defer func() { e.App = outer }()
	run := func(tx core.App) error {
		e.App = tx
		return c.within(tx.TxInfo(), c.run)
	}
	switch {
	case !inTransaction(outer):
		return r.trigger.config.Commits.Transact(run)
	case c.mayRefuse(): // and the transaction's owner may go on after that
		return r.trigger.config.Commits.Nested(outer, func() error { return run(outer) })
	default:
		return run(outer)
	}
}

// recordOf is the record that a model is, or nil.
func recordOf(m core.Model) *core.Record {
	switch m := m.(type) {
	case *core.Record:
		return m
	case core.RecordProxy:
		return m.ProxyRecord()
	default:
		return nil
	}
}

// inTransaction reports whether app writes to data.db in an open transaction.
func inTransaction(app core.App) bool {
	_, open := app.NonconcurrentDB().(*dbx.Tx)
	return open && app.TxInfo() != nil
}
