package trigger

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// executePriority is outside of everything that takes part in the SQL statement.
const executePriority = -100000

// direct is the short way of a write: its transaction holds the record's own
// statement and the executions, and nothing else, so that it can share a commit
// with others. Rules, validation and the response stay outside, as in a plain
// PocketBase write. It is taken only while nobody else listens in between: a
// hook that fails after the statement must still undo it.
type direct struct {
	trigger *Trigger
	usual   []int // how many handlers an app has with this plugin and no other

	waiting atomic.Int64
	writes  sync.Map // *core.Record → *writing
}

func newDirect(t *Trigger) *direct {
	d := &direct{trigger: t}
	d.bind(t.app.OnModelCreateExecute())
	d.bind(t.app.OnModelUpdateExecute())
	return d
}

// Settle tells the triggers that the plugin has bound all its hooks; before is what
// Handlers counted when it had bound none. Until then no write goes the short way.
func (t *Trigger) Settle(before []int) {
	usual := Handlers(core.NewBaseApp(core.BaseAppConfig{}))
	for i, n := range Handlers(t.app) {
		usual[i] += n - before[i]
	}
	t.direct.usual = usual
}

// Handlers counts those that run after the statement of a write and before its
// answer.
func Handlers(app core.App) []int {
	return []int{
		app.OnRecordCreateRequest().Length(), app.OnRecordUpdateRequest().Length(),
		app.OnRecordEnrich().Length(),
		app.OnModelCreate().Length(), app.OnModelCreateExecute().Length(),
		app.OnModelUpdate().Length(), app.OnModelUpdateExecute().Length(),
		app.OnRecordCreate().Length(), app.OnRecordCreateExecute().Length(),
		app.OnRecordUpdate().Length(), app.OnRecordUpdateExecute().Length(),
	}
}

// fits reports whether a write may go the short way.
func (d *direct) fits(p *plan, e *core.RecordRequestEvent) bool {
	if p.action == workflow.ActionDelete || e.App.TxInfo() != nil || p.session == nil || e.Collection.Name == core.CollectionNameSuperusers || d.trigger.records.listens(e.Collection, p.action) {
		return false
	}
	for _, c := range p.candidates {
		if c.skip == "" && c.definition().Mode == workflow.ModeTransaction {
			return false
		}
	}
	return slices.Equal(d.usual, Handlers(d.trigger.app))
}

// write lets the rest of the request save the record; execute does the rest.
func (d *direct) write(p *plan, e *core.RecordRequestEvent) error {
	w := &writing{trigger: d.trigger, plan: p}
	if p.action == workflow.ActionUpdate {
		w.original = e.Record.Original()
	}
	d.waiting.Add(1)
	d.writes.Store(e.Record, w)
	defer func() {
		d.waiting.Add(-1)
		d.writes.Delete(e.Record)
	}()
	return e.Next()
}

// whole reports whether nothing but a broken database can keep the executions
// from being stored once the record's statement has succeeded. It is one
// statement only where PocketBase has nothing to do with accounts.
func (d *direct) whole(p *plan, record *core.Record) bool {
	if d.trigger.config.Strict || record.Collection().IsAuth() || p.session.key != nil {
		return false
	}
	for _, c := range p.candidates {
		if c.skip != "" {
			continue
		}
		def := c.definition()
		if c.ref.Path != "" || def.On.Condition != "" || len(def.On.Expand) > 0 || def.Dedup.Key != "" {
			return false
		}
	}
	return true
}

func (d *direct) bind(h *hook.TaggedHook[*core.ModelEvent]) {
	h.Bind(&hook.Handler[*core.ModelEvent]{Id: "pbWorkflowsTrigger", Priority: executePriority, Func: d.execute})
}

// execute runs the statement of a write that waits for it, and stores its
// executions in the same commit.
func (d *direct) execute(e *core.ModelEvent) error {
	if d.waiting.Load() == 0 {
		return e.Next()
	}
	record, ok := e.Model.(*core.Record)
	if !ok {
		return e.Next()
	}
	found, ok := d.writes.LoadAndDelete(record)
	if !ok {
		return e.Next()
	}
	w := found.(*writing)
	outer := e.App
	defer func() { e.App = outer }()
	whole := d.whole(w.plan, record)
	run := func(tx core.App) error {
		e.App, w.tx = tx, tx
		if err := e.Next(); err != nil {
			return err
		}
		err := w.finish(record)
		if err != nil && whole {
			err = errors.Join(workflow.ErrTorn, err)
		}
		return err
	}
	if outer.TxInfo() != nil { // PocketBase itself wraps this one
		outer.TxInfo().OnComplete(w.completed)
		return run(outer)
	}
	atomic := d.trigger.config.Executions.Atomic
	if whole {
		atomic = d.trigger.config.Executions.Whole
	}
	err := atomic(e.Context, run)
	_ = w.completed(err)
	return err
}
