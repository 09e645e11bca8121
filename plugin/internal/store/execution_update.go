package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// A final status is never overwritten: that is the fence of both statements. Nor
// is waiting by a mark that comes late: nothing would wake the execution then.
var (
	markRunning = newStatement("UPDATE " + executionsName + " SET status='running', startedAt=?, attempt=?, updated=?" +
		" WHERE id=? AND status IN ('queued','running')")
	finish = newStatement("UPDATE " + executionsName + " SET status=?, reason=?, messages=?, output=?, error=?, errorStack=?," +
		" logs=?, response=?, attempt=?, startedAt=?, finishedAt=?, updated=?, wakeAt=''" +
		" WHERE id=? AND status IN (" + activeStatuses + ")")
)

// MarkRunning shows executions as running, with their Attempt and StartedAt (now
// when empty), and marks them. Those that are gone, have ended or were parked
// meanwhile are left alone: their next SaveStep or Finish says so.
func (s *Store) MarkRunning(ctx context.Context, execs []*workflow.Execution) error {
	marks := newMarks(execs)
	if len(marks) == 0 {
		return nil
	}
	if err := s.write(ctx, marks.run); err != nil {
		return fmt.Errorf("mark %d executions as running: %w", len(marks), err)
	}
	marks.done()
	s.Notify("update", marks.ids()...)
	return nil
}

// mark is the running state of an execution as it was when the write was asked
// for.
type mark struct {
	execution *workflow.Execution
	args      []any
}

type marks []mark

// newMarks prepares the executions that are not marked yet.
func newMarks(execs []*workflow.Execution) marks {
	now := time.Now()
	var list marks
	for _, e := range execs {
		if e.Marked {
			continue
		}
		if e.StartedAt.IsZero() {
			e.StartedAt = now
		}
		e.Status = workflow.StatusRunning
		list = append(list, mark{e, []any{formatDate(e.StartedAt), e.Attempt, formatDate(now), e.ID}})
	}
	return list
}

func (m marks) run(b *batch) error {
	for _, one := range m {
		if _, err := b.exec(markRunning, one.args...); err != nil {
			return err
		}
	}
	return nil
}

func (m marks) done() {
	for _, one := range m {
		one.execution.Marked = true
	}
}

func (m marks) ids() []string {
	ids := make([]string, len(m))
	for i, one := range m {
		ids[i] = one.execution.ID
	}
	return ids
}

// Finish stores how an execution ended: status, reason, output, failure,
// messages, logs, attempt and times (FinishedAt is now when empty). In the same
// commit it queues a parent that waits for it, cancels steps that have not
// ended and children that it waited for, and stores its Sequel. Errors: a status that is not final; workflow.ErrGone when the row
// was deleted or has a final status already, which then stays.
func (s *Store) Finish(ctx context.Context, e *workflow.Execution) (workflow.Ended, error) {
	args, err := finishArgs(e)
	var rows int64
	var ended workflow.Ended
	if err == nil {
		err = s.write(ctx, func(b *batch) (err error) {
			ended, rows, err = finishExecution(b, e, args)
			return err
		})
	}
	if err == nil && rows == 0 {
		err = workflow.ErrGone
	}
	if err != nil {
		return workflow.Ended{}, fmt.Errorf("finish execution %s as %s: %w", e.ID, e.Status, err)
	}
	s.Notify("update", e.ID)
	s.Notify("update", ended.Canceled.IDs...)
	if e.Sequel != nil {
		s.Notify("create", e.Sequel.ID)
	}
	s.realtime.notify(tasksName, "update", slices.Concat(ended.Tasks, ended.Canceled.Tasks)...)
	return ended, nil
}

func finishExecution(b *batch, e *workflow.Execution, args []any) (ended workflow.Ended, rows int64, err error) {
	if rows, err = b.exec(finish, args...); err != nil || rows == 0 {
		return ended, rows, err
	}
	if e.Cause.Wait {
		if ended.Woken, err = wakeParent(b, e.Parent); err != nil {
			return ended, rows, err
		}
	}
	if e.Open {
		if ended.Tasks, err = endSteps(b, e.ID, e.Status, formatDate(e.FinishedAt)); err != nil {
			return ended, rows, err
		}
	}
	if e.Invoked {
		if ended.Canceled, err = cancelChildren(b, e.ID); err != nil {
			return ended, rows, err
		}
	}
	return ended, rows, insertSequel(b, e)
}

func finishArgs(e *workflow.Execution) ([]any, error) {
	if !e.Status.Final() {
		return nil, errors.New("the status is not final")
	}
	now := time.Now()
	if e.FinishedAt.IsZero() {
		e.FinishedAt = now
	}
	messages, err := messagesColumn(e.Messages)
	if err != nil {
		return nil, err
	}
	args, err := appendEnded([]any{string(e.Status), e.Reason, messages}, e)
	if err != nil {
		return nil, err
	}
	return append(args, formatDate(now), e.ID), nil
}
