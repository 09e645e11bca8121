package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Keep stores executions that have ended, with their steps, all or none, through
// app, which may be a transaction's app. It sets what Record sets. Errors: a
// status that is not final.
func (s *Store) Keep(app core.App, ended ...workflow.Kept) error {
	writes := make([]keptWrite, len(ended))
	ids := make([]string, len(ended))
	for i, k := range ended {
		w, err := newKeptWrite(k)
		if err != nil {
			return fmt.Errorf("keep execution of workflow %q: %w", k.Execution.Workflow, err)
		}
		writes[i], ids[i] = w, k.Execution.ID
	}
	all := func(b *batch) error {
		for _, w := range writes {
			if err := w.run(b); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	if app.TxInfo() == nil {
		err = s.write(context.Background(), all)
	} else {
		err = all(s.prepared.batch(s.app, app))
	}
	if err != nil {
		return fmt.Errorf("keep %d executions: %w", len(ended), err)
	}
	s.notifyAfter(app, "create", ids...)
	return nil
}

// keptWrite stores one execution as running, which is what steps ask for, then
// its steps, then its end.
type keptWrite struct {
	kept      *workflow.Execution
	execution []any
	steps     []*stepWrite
	end       []any // nil without steps
}

func newKeptWrite(k workflow.Kept) (w keptWrite, err error) {
	e := k.Execution
	w.kept = e
	if !e.Status.Final() {
		return w, fmt.Errorf("status %q is not final", e.Status)
	}
	fillNew(e)
	if e.FinishedAt.IsZero() {
		e.FinishedAt = time.Now()
	}
	if len(k.Steps) > 0 {
		if w.end, err = finishArgs(e); err != nil {
			return w, err
		}
		final := e.Status
		e.Status = workflow.StatusRunning
		defer func() { e.Status = final }()
	}
	if w.execution, err = appendNew(nil, e); err != nil {
		return w, err
	}
	if w.execution, err = appendChild(w.execution, e); err != nil {
		return w, err
	}
	if w.execution, err = appendEnded(w.execution, e); err != nil {
		return w, err
	}
	for _, step := range k.Steps {
		s, err := newStepWrite(e, step)
		if err != nil {
			return w, fmt.Errorf("step %q: %w", step.Name, err)
		}
		s.marks = nil
		w.steps = append(w.steps, s)
	}
	return w, nil
}

func (w keptWrite) run(b *batch) error {
	if _, err := b.exec(insertEnded, w.execution...); err != nil {
		return err
	}
	for _, s := range w.steps {
		if err := s.run(b); err != nil {
			return err
		}
	}
	if w.end == nil {
		return nil
	}
	_, _, err := finishExecution(b, w.kept, w.end)
	return err
}
