package plugin

import (
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// dryRuns follows the writes of dry runs, those of hooks and of cascades too. At
// most one runs at a time: each holds the only writer.
type dryRuns struct {
	active atomic.Int32 // a write looks at this alone
	byTx   sync.Map     // *core.TxAppInfo → *dryWrites
}

// dryWrites are the writes of one dry run.
type dryWrites struct {
	mu   sync.Mutex
	list []workflow.DryWrite
}

func (w *dryWrites) add(one workflow.DryWrite) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, one)
}

func (w *dryWrites) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.list)
}

// undo forgets the writes since the list had n.
func (w *dryWrites) undo(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = w.list[:min(n, len(w.list))]
}

// dryWritePriority is that of the statement itself: what comes before has its say
// in the values.
const dryWritePriority = 100000

func (d *dryRuns) bindHooks(app core.App) {
	bind := func(h *hook.TaggedHook[*core.ModelEvent], action workflow.Action) {
		h.Bind(&hook.Handler[*core.ModelEvent]{Id: hookID + "DryRun", Priority: dryWritePriority, Func: func(e *core.ModelEvent) error {
			if d.active.Load() == 0 {
				return e.Next()
			}
			return d.follow(e, action)
		}})
	}
	bind(app.OnModelCreateExecute(), workflow.ActionCreate)
	bind(app.OnModelUpdateExecute(), workflow.ActionUpdate)
	bind(app.OnModelDeleteExecute(), workflow.ActionDelete)
}

func (d *dryRuns) follow(e *core.ModelEvent, action workflow.Action) error {
	var writes *dryWrites
	if tx := e.App.TxInfo(); tx != nil {
		if found, ok := d.byTx.Load(tx); ok {
			writes = found.(*dryWrites)
		}
	}
	if writes == nil {
		return e.Next()
	}
	one := dryWrite(e.Model, action)
	if err := e.Next(); err != nil {
		return err
	}
	writes.add(one)
	return nil
}

// dryWrite is a write in words.
func dryWrite(model core.Model, action workflow.Action) workflow.DryWrite {
	one := workflow.DryWrite{Action: action, Collection: model.TableName()}
	one.ID, _ = model.PK().(string)
	record, ok := model.(*core.Record)
	if proxy, is := model.(core.RecordProxy); is {
		record, ok = proxy.ProxyRecord(), true
	}
	if !ok {
		return one
	}
	one.Collection, one.ID = record.Collection().Name, record.Id
	if action == workflow.ActionDelete {
		return one
	}
	one.Values = map[string]any{}
	before := record.Original()
	for _, field := range record.Collection().Fields {
		name := field.GetName()
		if action == workflow.ActionUpdate && reflect.DeepEqual(before.Get(name), record.Get(name)) {
			continue
		}
		switch {
		case field.Type() == core.FieldTypePassword || name == core.FieldNameTokenKey:
			one.Values[name] = "(secret)"
		default:
			one.Values[name] = record.Get(name)
		}
	}
	return one
}
