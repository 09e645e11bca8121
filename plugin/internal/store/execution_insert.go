package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// insertColumns are what a new execution has; the rest keeps its defaults.
var insertColumns = []string{
	"id", "workflow", "version", "status", "reason", "mode", "trigger", "input", "chain", "messages",
	"user", "userCollection", "roleName", "parent", "root", "depth", "created", "updated",
}

// endedColumns are what only an ended execution has.
var endedColumns = []string{"output", "error", "errorStack", "logs", "attempt", "startedAt", "finishedAt"}

var (
	insertOne     = insertStatement(insertColumns, 1)
	insertEnded   = insertStatement(append(append([]string{}, insertColumns...), endedColumns...), 1)
	maxInsertRows = 500 // SQLite takes 32766 values in one statement
)

func insertStatement(columns []string, rows int) *statement {
	row := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	return newStatement("INSERT INTO {{" + executionsName + "}} ([[" + strings.Join(columns, "]],[[") + "]]) VALUES " +
		row + strings.Repeat(","+row, rows-1))
}

// Insert stores new executions through app, which may be a transaction's app,
// in the given order, and sets what is empty: ID, Created (now), Root (the
// execution itself), Status (queued), Mode (async). Realtime subscribers are
// told when the transaction has committed.
func (s *Store) Insert(app core.App, execs ...*workflow.Execution) error {
	if len(execs) == 0 {
		return nil
	}
	b := &batch{db: app.NonconcurrentDB()}
	for rest := execs; len(rest) > 0; {
		n := min(len(rest), maxInsertRows)
		if err := insertExecutions(b, rest[:n]); err != nil {
			return fmt.Errorf("insert %d executions: %w", len(execs), err)
		}
		rest = rest[n:]
	}
	s.notifyAfter(app, "create", executionIDs(execs)...)
	return nil
}

func insertExecutions(b *batch, execs []*workflow.Execution) error {
	args := make([]any, 0, len(execs)*len(insertColumns))
	for _, e := range execs {
		fillNew(e)
		row, err := insertArgs(e)
		if err != nil {
			return fmt.Errorf("workflow %q: %w", e.Workflow, err)
		}
		args = append(args, row...)
	}
	statement := insertOne
	if len(execs) > 1 {
		statement = insertStatement(insertColumns, len(execs))
	}
	_, err := b.exec(statement, args...)
	return err
}

// Record stores an execution that has ended already, in a transaction of its
// own: e.g. one whose transaction was rolled back. It sets what Insert sets,
// and FinishedAt (now). Errors: a status that is not final.
func (s *Store) Record(ctx context.Context, e *workflow.Execution) error {
	if !e.Status.Final() {
		return fmt.Errorf("record execution of workflow %q: status %q is not final", e.Workflow, e.Status)
	}
	fillNew(e)
	if e.FinishedAt.IsZero() {
		e.FinishedAt = time.Now()
	}
	args, err := insertArgs(e)
	if err == nil {
		args, err = appendEndedArgs(args, e)
	}
	if err == nil {
		err = s.write(ctx, func(b *batch) error {
			_, err := b.exec(insertEnded, args...)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("record execution of workflow %q: %w", e.Workflow, err)
	}
	s.Notify("create", e.ID)
	return nil
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

func insertArgs(e *workflow.Execution) ([]any, error) {
	cause, err1 := column(e.Cause)
	input, err2 := column(e.Input)
	var chain any // most have none
	var err3 error
	if len(e.Chain) > 0 {
		chain, err3 = column(e.Chain)
	}
	messages, err4 := messagesColumn(e.Messages)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	created := formatDate(e.Created)
	return []any{
		e.ID, e.Workflow, e.Version, string(e.Status), e.Reason, string(e.Mode), cause, input, chain, messages,
		e.User, e.UserCollection, e.RoleName, e.Parent, e.Root, e.Depth, created, created,
	}, nil
}

func appendEndedArgs(args []any, e *workflow.Execution) ([]any, error) {
	failure, stack, err1 := failureColumns(e.Failure)
	logs, err2 := logsColumn(e.Logs)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return append(args, rawColumn(e.Output), failure, stack, logs,
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

func executionIDs(execs []*workflow.Execution) []string {
	ids := make([]string, len(execs))
	for i, e := range execs {
		ids[i] = e.ID
	}
	return ids
}
