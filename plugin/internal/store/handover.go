package store

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Start takes over executions that one transaction has committed: whole ones
// first, then those of which only the id was kept.
type Start func(whole []*workflow.Execution, others []workflow.Waiter)

// OnHandOver sets who takes over what HandOver was called for. Call it once,
// before anything is stored.
func (s *Store) OnHandOver(start Start) { s.start = start }

// HandOver hands e over, which was inserted through app, once the transaction of
// app has committed; all executions of a transaction together.
func (s *Store) HandOver(app core.App, e *workflow.Execution) {
	s.after.add(app, s.ended, func(end *ending) {
		if end.whole < maxHandedOver || e.Status != workflow.StatusQueued {
			end.whole++
			end.commits = append(end.commits, commit{execution: e})
			return
		}
		end.commits = append(end.commits, commit{waiter: workflow.Waiter{ID: e.ID, Workflow: e.Workflow}})
	})
}

// AfterCommit calls do once the transaction of app has committed.
func (s *Store) AfterCommit(app core.App, do func()) {
	s.after.add(app, s.ended, func(end *ending) { end.commits = append(end.commits, commit{do: do}) })
}

// RecordAfter keeps e, which has ended badly and is about to be undone, once the
// transaction of app has ended either way.
func (s *Store) RecordAfter(app core.App, e *workflow.Execution) {
	s.after.add(app, s.ended, func(end *ending) { end.failed = append(end.failed, e) })
}

func (s *Store) ended(e *ending, txErr error) {
	for _, x := range e.failed {
		// Here and now: the group commit may be what waits for this to return.
		if err := s.record(x, func(run func(*batch) error) error { return runAll(s.writer.commitAlone, &op{run: run}) }); err != nil {
			s.app.Logger().Error("Recording a rolled back execution failed", "workflow", x.Workflow, "error", err)
		}
	}
	if txErr != nil {
		return
	}
	var whole []*workflow.Execution
	var others []workflow.Waiter
	for _, c := range e.commits {
		switch {
		case c.do != nil:
			c.do()
		case c.execution != nil:
			whole = append(whole, c.execution)
		default:
			others = append(others, c.waiter)
		}
	}
	if len(whole)+len(others) > 0 {
		s.start(whole, others)
	}
}

const nestedSavepoint = "workflow_nested"

// Nested runs fn behind a savepoint of app's transaction: when it fails, what it
// wrote is undone, whatever becomes of the transaction.
func (s *Store) Nested(app core.App, fn func() error) (err error) {
	b := s.prepared.batch(s.app, app)
	if _, err := b.exec(nested); err != nil {
		return fmt.Errorf("set a savepoint: %w", err)
	}
	mark := s.after.mark(app)
	done := false
	defer func() {
		if !done { // fn failed or panicked
			s.after.undo(app, mark)
			if _, undoErr := b.exec(rollbackNested); undoErr == nil {
				_, _ = b.exec(releaseNested)
			} // else the whole transaction is gone already
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	done = true
	if _, err := b.exec(releaseNested); err != nil {
		return fmt.Errorf("release a savepoint: %w", err)
	}
	return nil
}

var (
	nested         = newStatement("SAVEPOINT " + nestedSavepoint)
	rollbackNested = newStatement("ROLLBACK TO " + nestedSavepoint)
	releaseNested  = newStatement("RELEASE " + nestedSavepoint)
)

// Transact runs fn in a transaction on the caller's goroutine, from its start the
// only writer. It shares no commit with others, so that callbacks of what fn
// writes may write themselves.
func (s *Store) Transact(fn func(tx core.App) error) error { return s.alone(fn) }
