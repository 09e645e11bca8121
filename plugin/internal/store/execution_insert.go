package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The columns of a new execution; the rest keeps its defaults. SQLite parses the
// statement every time, so what most executions do not have is left out for
// them.
var (
	newColumns   = []string{"id", "workflow", "version", "status", "mode", `"trigger"`, "input", "messages", "user", "userCollection", "roleName", "root", "created", "updated"}
	childColumns = slices.Concat(newColumns, []string{"reason", "parent", "depth", "chain", "rerunOf", "dedupKey", "wakeAt"})
	endedColumns = slices.Concat(childColumns, []string{"output", "error", "errorStack", "logs", "response", "attempt", "startedAt", "finishedAt"})

	insertNew   = insertStatement(newColumns, 1)
	insertChild = insertStatement(childColumns, 1)
	insertEnded = insertStatement(endedColumns, 1)
)

// maxInsertRows keeps a statement under SQLite's 32766 values.
const maxInsertRows = 500

func insertStatement(columns []string, rows int) *statement {
	row := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	return newStatement("INSERT INTO " + executionsName + " (" + strings.Join(columns, ",") + ") VALUES " +
		row + strings.Repeat(","+row, rows-1))
}

// Insert stores new executions through app, which may be a transaction's app,
// in the given order, all or none, and sets what is empty: ID, Created (now), Root (the
// execution itself), Status (queued), Mode (async). Realtime subscribers are
// told when the transaction has committed.
func (s *Store) Insert(app core.App, execs ...*workflow.Execution) error {
	if len(execs) == 0 {
		return nil
	}
	if app.TxInfo() == nil { // nothing to be part of but the next group commit
		if err := s.write(context.Background(), func(b *batch) error { return insertAll(b, execs) }); err != nil {
			return err
		}
	} else if err := insertAll(s.prepared.batch(s.app, app), execs); err != nil {
		return err
	}
	s.notifyAfter(app, "create", executionIDs(execs)...)
	return nil
}

func insertAll(b *batch, execs []*workflow.Execution) error {
	for rest := execs; len(rest) > 0; {
		n := min(len(rest), maxInsertRows)
		if err := insertExecutions(b, rest[:n]); err != nil {
			return fmt.Errorf("insert %d executions: %w", len(execs), err)
		}
		rest = rest[n:]
	}
	return nil
}

func insertExecutions(b *batch, execs []*workflow.Execution) error {
	child := slices.ContainsFunc(execs, func(e *workflow.Execution) bool {
		return e.Parent != "" || e.Reason != "" || e.Depth != 0 || len(e.Chain) > 0 || e.RerunOf != "" || e.DedupKey != "" || !e.WakeAt.IsZero()
	})
	statement, columns := insertNew, newColumns
	if child {
		statement, columns = insertChild, childColumns
	}
	if len(execs) > 1 {
		statement = insertStatement(columns, len(execs))
	}
	args := make([]any, 0, len(execs)*len(columns))
	for _, e := range execs {
		fillNew(e)
		var err error
		if args, err = appendNew(args, e); err == nil && child {
			args, err = appendChild(args, e)
		}
		if err != nil {
			return fmt.Errorf("workflow %q: %w", e.Workflow, err)
		}
	}
	_, err := b.exec(statement, args...)
	return err
}

// Record stores an execution that has ended already, in a transaction of its
// own: e.g. one whose transaction was rolled back, with its Sequel. It sets what Insert sets,
// and FinishedAt (now). Errors: a status that is not final.
func (s *Store) Record(ctx context.Context, e *workflow.Execution) error {
	return s.record(e, func(run func(*batch) error) error { return s.write(ctx, run) })
}

// record is Record; write runs its statement.
func (s *Store) record(e *workflow.Execution, write func(run func(*batch) error) error) error {
	if !e.Status.Final() {
		return fmt.Errorf("record execution of workflow %q: status %q is not final", e.Workflow, e.Status)
	}
	fillNew(e)
	if e.FinishedAt.IsZero() {
		e.FinishedAt = time.Now()
	}
	args, err := appendNew(nil, e)
	if err == nil {
		args, err = appendChild(args, e)
	}
	if err == nil {
		args, err = appendEnded(args, e)
	}
	if err == nil {
		err = write(func(b *batch) error {
			if _, err := b.exec(insertEnded, args...); err != nil {
				return err
			}
			return insertSequel(b, e)
		})
	}
	if err != nil {
		return fmt.Errorf("record execution of workflow %q: %w", e.Workflow, err)
	}
	s.Notify("create", e.ID)
	if e.Sequel != nil {
		s.Notify("create", e.Sequel.ID)
	}
	return nil
}

// insertSequel stores what an execution that has ended is followed by.
func insertSequel(b *batch, e *workflow.Execution) error {
	if e.Sequel == nil {
		return nil
	}
	return insertExecutions(b, []*workflow.Execution{e.Sequel})
}

func fillNew(e *workflow.Execution) {
	if e.ID == "" {
		e.ID = NewID()
	}
	if e.Created.IsZero() {
		e.Created = time.Now()
	}
	if e.Root == "" {
		e.Root = e.ID
	}
	if e.Status == "" {
		e.Status = workflow.StatusQueued
	}
	if e.Mode == "" {
		e.Mode = workflow.ModeAsync
	}
}

func appendNew(args []any, e *workflow.Execution) ([]any, error) {
	cause, err1 := column(e.Cause)
	input, err2 := column(e.Input)
	messages, err3 := messagesColumn(e.Messages)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	created := formatDate(e.Created)
	return append(args, e.ID, e.Workflow, e.Version, string(e.Status), string(e.Mode), cause, input, messages,
		e.User, e.UserCollection, e.RoleName, e.Root, created, created), nil
}

func appendChild(args []any, e *workflow.Execution) ([]any, error) {
	var chain any
	if len(e.Chain) > 0 {
		var err error
		if chain, err = column(e.Chain); err != nil {
			return nil, err
		}
	}
	return append(args, e.Reason, e.Parent, e.Depth, chain, e.RerunOf, e.DedupKey, formatDate(e.WakeAt)), nil
}

func appendEnded(args []any, e *workflow.Execution) ([]any, error) {
	failure, stack, err1 := failureColumns(e.Failure)
	logs, err2 := logsColumn(e.Logs)
	response, err3 := responseColumn(e.Response)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return append(args, rawColumn(e.Output), failure, stack, logs, response,
		e.Attempt, formatDate(e.StartedAt), formatDate(e.FinishedAt)), nil
}

func messagesColumn(messages []string) (any, error) {
	if len(messages) == 0 {
		return "[]", nil
	}
	return column(messages)
}

func logsColumn(logs []workflow.Log) (any, error) {
	if len(logs) == 0 {
		return nil, nil
	}
	return column(logs)
}

func responseColumn(r *workflow.Response) (any, error) {
	if r == nil {
		return nil, nil
	}
	return column(r)
}

func executionIDs(execs []*workflow.Execution) []string {
	ids := make([]string, len(execs))
	for i, e := range execs {
		ids[i] = e.ID
	}
	return ids
}
