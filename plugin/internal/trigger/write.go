package trigger

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// found is a candidate with one of its targets, its input frozen.
type found struct {
	candidate *candidate
	execution *workflow.Execution
}

// write runs the rest of the request's hooks, which save the record, and stores
// the executions in the same transaction.
func (t *Trigger) write(p *plan, e *core.RecordRequestEvent) error {
	err := t.writeRecord(p, e)
	if err != nil {
		t.failed(p, err)
	}
	return err
}

func (t *Trigger) writeRecord(p *plan, e *core.RecordRequestEvent) error {
	if t.direct.fits(p, e) {
		return t.direct.write(p, e)
	}
	outer := e.App
	defer func() { e.App = outer }()
	err := outer.RunInTransaction(func(tx core.App) error {
		e.App = tx
		w := &writing{trigger: t, plan: p, tx: tx}
		// Before Next: the answer is written by a later callback of the same kind.
		tx.TxInfo().OnComplete(w.completed)
		if p.action == workflow.ActionDelete {
			if err := w.resolve(e.Record); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			return w.store()
		}
		if p.action == workflow.ActionUpdate {
			w.original = e.Record.Original()
		}
		if err := e.Next(); err != nil {
			return err
		}
		if e.Record.IsNew() {
			return nil // another hook ended the request without a write
		}
		return w.finish(e.Record)
	})
	return err
}

// writing is one write inside its transaction.
type writing struct {
	trigger *Trigger
	plan    *plan
	tx      core.App
	// original is the record before an update, record the one that is written.
	original *core.Record
	record   *core.Record
	// unsaved is a record with values that are not stored.
	unsaved *core.Record

	results []result
	// silent are the skipped ones that nobody asked for.
	silent []result
	found  []found
	async  []*workflow.Execution
	chain  []link
	// after is to be done once all has committed.
	after []func()
	// failed ended badly in mode transaction and rolls all back.
	failed *workflow.Execution
}

// completed is called when the transaction has ended either way. It never
// returns an error: the row would stay while the caller is told otherwise.
func (w *writing) completed(txErr error) error {
	if txErr != nil {
		for _, l := range w.chain {
			w.trigger.config.Executions.Free(l.execution)
		}
	}
	switch {
	case txErr == nil:
		w.decide()
		for _, do := range w.after {
			do()
		}
		if w.plan.session != nil {
			w.plan.session.add(w.results, w.chain)
		}
		if len(w.async) > 0 {
			w.trigger.config.Executions.Start(w.async...)
		}
	case w.failed != nil:
		w.trigger.failed(w.plan, txErr)
		if err := w.trigger.config.Executions.Record(context.Background(), w.failed); err != nil {
			w.trigger.app.Logger().Error("Recording a rolled back execution failed", "workflow", w.failed.Workflow, "error", err)
		}
	default:
		w.trigger.failed(w.plan, txErr)
	}
	return nil
}

// finish stores what a record that has just been written starts.
func (w *writing) finish(record *core.Record) error {
	if err := w.resolve(record); err != nil {
		return err
	}
	return w.store()
}

// resolve finds the targets of every candidate and freezes their inputs.
func (w *writing) resolve(record *core.Record) error {
	w.record = record
	user, err := export(w.tx, w.plan.info.Auth, nil)
	if err != nil {
		return err
	}
	var before json.RawMessage
	if w.original != nil {
		if before, err = export(w.tx, w.original, nil); err != nil {
			return err
		}
	}
	for _, c := range w.plan.candidates {
		if c.skip != "" {
			w.skip(c, c.skip)
			continue
		}
		targets, reason, err := w.targets(c, record)
		if err != nil {
			return router.NewInternalServerError("", err)
		}
		if reason != "" {
			w.skip(c, reason)
			continue
		}
		for _, target := range targets {
			data, err := export(w.tx, target, c.definition().On.Expand)
			if err != nil {
				return err
			}
			own := before
			if c.ref.Path != "" {
				own = nil
			}
			if err := w.add(c, w.trigger.execution(w.plan, c, target, data, own, user)); err != nil {
				return router.NewInternalServerError("", err)
			}
		}
	}
	return w.strict()
}

// strict is the 400 of Config.Strict for the first skipped entry.
func (w *writing) strict() error {
	if w.trigger.config.Strict {
		for _, r := range w.results {
			if r.skip != "" {
				return skippedError(r.ref, r.skip)
			}
		}
	}
	return nil
}

func (w *writing) add(c *candidate, e *workflow.Execution) error {
	earlier, after, err := w.trigger.dedup(w.tx, c.definition(), e)
	if err != nil {
		return err
	}
	if after != nil {
		w.after = append(w.after, after)
	}
	for _, f := range w.found { // of the same request, not stored yet
		if earlier == "" && e.DedupKey != "" && f.execution.Workflow == e.Workflow && f.execution.DedupKey == e.DedupKey {
			earlier = f.execution.ID
		}
	}
	switch {
	case earlier == "":
	case c.definition().Dedup.Policy == workflow.DedupReturn:
		w.results = append(w.results, result{index: w.plan.index, ref: c.ref, id: earlier})
		return nil
	default:
		w.skip(c, workflow.SkipDuplicate)
		return nil
	}
	w.found = append(w.found, found{c, e})
	w.results = append(w.results, result{index: w.plan.index, ref: c.ref, id: e.ID})
	return nil
}

// skip tells of a named entry; nobody asked for a global one, of which only the
// decisions tell.
func (w *writing) skip(c *candidate, reason workflow.SkipReason) {
	if c.named {
		w.results = append(w.results, result{index: w.plan.index, ref: c.ref, skip: reason})
		return
	}
	w.silent = append(w.silent, result{index: w.plan.index, ref: c.ref, skip: reason})
}

// targets are the records that a candidate is about, or why there is none.
func (w *writing) targets(c *candidate, record *core.Record) ([]*core.Record, workflow.SkipReason, error) {
	on := c.definition().On
	targets := []*core.Record{record}
	if c.ref.Path != "" {
		var reason workflow.SkipReason
		var err error
		if targets, reason, err = follow(w.tx, record, c.ref.Path, w.plan.info); err != nil || reason != "" {
			return nil, reason, err
		}
	} else if w.original != nil && len(on.Fields) > 0 && !changed(record, w.original, on.Fields) {
		return nil, workflow.SkipConditionFalse, nil
	}
	kept := targets[:0:0]
	reason := workflow.SkipConditionFalse
	for _, target := range targets {
		ok, err := w.matches(target, on.Condition)
		if err != nil {
			return nil, "", err
		}
		switch {
		case !ok:
		case recurs(w.plan.parent, c.definition(), target.Collection().Name+"/"+target.Id):
			reason = workflow.SkipRecursion
		default:
			kept = append(kept, target)
		}
	}
	if len(kept) == 0 {
		return nil, reason, nil
	}
	return kept, "", nil
}

// changed reports whether one of the fields differs.
func changed(record, original *core.Record, fields []string) bool {
	for _, name := range fields {
		if _, ok := record.Collection().Fields.GetByName(name).(*core.PasswordField); ok {
			name += ":hash" // the plain one is known of a new password only
		}
		is, err := json.Marshal(record.Get(name))
		if err != nil {
			return true
		}
		was, err := json.Marshal(original.Get(name))
		if err != nil || !bytes.Equal(is, was) {
			return true
		}
	}
	return false
}

// store inserts the executions and runs those of mode transaction.
func (w *writing) store() error {
	if w.plan.session != nil {
		if err := w.plan.session.key.remember(w); err != nil {
			return err
		}
	}
	executions := make([]*workflow.Execution, 0, len(w.found))
	for _, f := range w.found {
		e := f.execution
		if e.Mode == workflow.ModeSync && w.plan.session == nil {
			e.Mode = workflow.ModeAsync // nobody waits for it
		}
		executions = append(executions, e)
		switch e.Mode {
		case workflow.ModeSync:
			w.chain = append(w.chain, link{w.plan.index, e.Workflow, f.candidate.named, e})
			w.trigger.config.Executions.Reserve(e)
		case workflow.ModeAsync:
			w.async = append(w.async, e)
		case workflow.ModeTransaction:
		}
	}
	if len(executions) == 0 {
		return nil
	}
	if err := w.trigger.config.Executions.Insert(w.tx, executions...); err != nil {
		return router.NewInternalServerError("", err)
	}
	for _, e := range executions {
		if e.Mode != workflow.ModeTransaction {
			continue
		}
		out := w.trigger.config.Executions.RunInTx(context.Background(), w.tx, e)
		if out.Status != workflow.StatusCompleted {
			w.failed = e
			return workflowError(e.Workflow, out)
		}
	}
	return nil
}
