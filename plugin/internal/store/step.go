package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const finalStatuses = `'completed','failed','error','aborted','canceled','rejected'`

// saveStep writes nothing when the execution is gone or has ended, and never
// replaces a step that has a final status. What most steps do not have is left
// out for them: SQLite is quicker with the shorter statement.
var (
	plainColumns = []string{
		"id", "execution", "branch", "name", "\"index\"", "seq", "kind", "status", "attempt", "result", "error", "logs", "startedAt", "finishedAt",
	}
	fullColumns = slices.Concat(plainColumns, []string{"options", "attempts", "messages", "ref", "wakeAt"})

	saveStep     = stepStatement(plainColumns, ", wakeAt=''")
	saveFullStep = stepStatement(fullColumns, "")
)

func stepStatement(columns []string, also string) *statement {
	var updates []string
	for _, c := range columns[5:] {
		updates = append(updates, c+"=excluded."+c)
	}
	// The execution is NULL, which its column ignores, when it has ended. An
	// INSERT … SELECT … WHERE EXISTS says the same and costs twice as much: SQLite
	// makes a temporary table for it.
	return newStatement("INSERT OR IGNORE INTO " + stepsName + " (" + strings.Join(columns, ",") + ")" +
		" VALUES (?,(SELECT id FROM " + executionsName + " WHERE id=? AND status IN (" + activeStatuses + "))" + strings.Repeat(",?", len(columns)-2) + ")" +
		" ON CONFLICT (execution,branch,name,\"index\") DO UPDATE SET " + strings.Join(updates, ", ") + also +
		" WHERE status NOT IN (" + finalStatuses + ")")
}

var (
	stepColumns = strings.Join(fullColumns, ",")
	stepsSQL    = "SELECT " + stepColumns + " FROM " + stepsName + " WHERE execution = {:execution} ORDER BY branch, seq"
	stepSQL     = "SELECT " + stepColumns + " FROM " + stepsName +
		" WHERE execution = {:execution} AND branch = {:branch} AND name = {:name} AND \"index\" = {:index}"
)

// stepRow is a step as its columns hold it.
type stepRow struct {
	ID         string   `db:"id"`
	Execution  string   `db:"execution"`
	Branch     string   `db:"branch"`
	Name       string   `db:"name"`
	Index      int      `db:"index"`
	Seq        int      `db:"seq"`
	Kind       string   `db:"kind"`
	Status     string   `db:"status"`
	Attempt    int      `db:"attempt"`
	Result     jsonText `db:"result"`
	Error      jsonText `db:"error"`
	Logs       jsonText `db:"logs"`
	Options    jsonText `db:"options"`
	Attempts   jsonText `db:"attempts"`
	Messages   jsonText `db:"messages"`
	Ref        string   `db:"ref"`
	WakeAt     string   `db:"wakeAt"`
	StartedAt  string   `db:"startedAt"`
	FinishedAt string   `db:"finishedAt"`
}

func (r *stepRow) step() (*workflow.Step, error) {
	step := &workflow.Step{
		ID: r.ID, Execution: r.Execution, Name: r.Name, Index: r.Index, Seq: r.Seq,
		Branch: r.Branch, Kind: workflow.StepKind(r.Kind), Status: workflow.Status(r.Status), Attempt: r.Attempt,
		Result: r.Result.raw(), Options: r.Options.raw(), Ref: r.Ref,
		WakeAt: parseDate(r.WakeAt), StartedAt: parseDate(r.StartedAt), FinishedAt: parseDate(r.FinishedAt),
	}
	for _, c := range []struct {
		column jsonText
		into   any
	}{{r.Error, &step.Failure}, {r.Logs, &step.Logs}, {r.Attempts, &step.Attempts}, {r.Messages, &step.Messages}} {
		if err := c.column.decode(c.into); err != nil {
			return nil, err
		}
	}
	return step, nil
}

// Steps returns the journal of an execution in order.
func (s *Store) Steps(ctx context.Context, executionID string) ([]*workflow.Step, error) {
	return readSteps(ctx, s.app.ConcurrentDB(), executionID)
}

func readSteps(ctx context.Context, db dbx.Builder, executionID string) ([]*workflow.Step, error) {
	var rows []stepRow
	err := db.NewQuery(stepsSQL).WithContext(ctx).Bind(dbx.Params{"execution": executionID}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read steps of execution %s: %w", executionID, err)
	}
	steps := make([]*workflow.Step, len(rows))
	for i := range rows {
		if steps[i], err = rows[i].step(); err != nil {
			return nil, fmt.Errorf("read step %q of execution %s: %w", rows[i].Name, executionID, err)
		}
	}
	return steps, nil
}

// SaveStep stores a step of e; it is durable when SaveStep returns. With the
// first step of an attempt it also shows the execution as running, in the same
// commit. Saving a step again that is recorded with the same result succeeds
// and changes nothing. Errors: workflow.ErrStepConflict when it is recorded
// with another result, workflow.ErrGone when the execution was deleted or has
// ended.
func (s *Store) SaveStep(ctx context.Context, e *workflow.Execution, step *workflow.Step) error {
	w, err := newStepWrite(e, step)
	if err == nil {
		err = s.write(ctx, w.run)
	}
	if err == nil {
		err = w.result()
	}
	if err != nil {
		return fmt.Errorf("save step %q of execution %s: %w", step.Name, e.ID, err)
	}
	w.marks.done()
	s.Notify("update", w.marks.ids()...)
	s.notifyStep(step.ID)
	return nil
}

// Transaction runs fn in a transaction and commits what it wrote together with
// the step, whose result fn sets: both or none. When fn or the commit fails,
// nothing is stored. Errors: fn's own, and those of SaveStep.
func (s *Store) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx core.App) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var w *stepWrite
	err := s.alone(func(tx core.App) error {
		var err error
		w, err = s.runStep(tx, e, step, fn)
		return err
	})
	if err != nil {
		return fmt.Errorf("transaction of step %q of execution %s: %w", step.Name, e.ID, err)
	}
	w.marks.done()
	s.Notify("update", w.marks.ids()...)
	s.notifyStep(step.ID)
	return nil
}

// runStep is fn and the step's row inside an open transaction.
func (s *Store) runStep(tx core.App, e *workflow.Execution, step *workflow.Step, fn func(tx core.App) error) (*stepWrite, error) {
	if err := fn(tx); err != nil {
		return nil, err
	}
	if !step.Status.Final() {
		step.Status = workflow.StatusCompleted
	}
	if step.FinishedAt.IsZero() {
		step.FinishedAt = time.Now()
	}
	w, err := newStepWrite(e, step)
	if err != nil {
		return nil, err
	}
	if err := w.run(s.prepared.batch(s.app, tx)); err != nil {
		return nil, err
	}
	return w, w.result()
}

// stepWrite is one step on its way into the database.
type stepWrite struct {
	step      string
	statement *statement

	args  []any
	marks marks
	same  stepIdentity
	// stored and known are how it went: written now, or there already.
	stored bool
	known  *stepRow
}

type stepIdentity struct {
	execution, branch, name, status string
	index                           int
	result                          json.RawMessage
}

func newStepWrite(e *workflow.Execution, step *workflow.Step) (*stepWrite, error) {
	if step.ID == "" {
		step.ID = NewID()
	}
	step.Execution = e.ID
	var failure any
	var err1 error
	if step.Failure != nil {
		failure, err1 = column(step.Failure)
	}
	logs, err2 := logsColumn(step.Logs)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	w := &stepWrite{
		step:      step.ID,
		statement: saveStep,
		args: []any{
			step.ID, e.ID, step.Branch, step.Name, step.Index, step.Seq, string(step.Kind), string(step.Status), step.Attempt,
			rawColumn(step.Result), failure, logs, formatDate(step.StartedAt), formatDate(step.FinishedAt),
		},
		marks: newMarks([]*workflow.Execution{e}),
		same:  stepIdentity{e.ID, step.Branch, step.Name, string(step.Status), step.Index, step.Result},
	}
	if len(step.Options) > 0 || len(step.Attempts) > 0 || len(step.Messages) > 0 || step.Ref != "" || !step.WakeAt.IsZero() {
		attempts, err1 := columnOrNull(step.Attempts)
		messages, err2 := columnOrNull(step.Messages)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		w.statement = saveFullStep
		w.args = append(w.args, rawColumn(step.Options), attempts, messages, step.Ref, formatDate(step.WakeAt))
	}
	return w, nil
}

// columnOrNull is column, and NULL for an empty list.
func columnOrNull[T any](list []T) (any, error) {
	if len(list) == 0 {
		return nil, nil
	}
	return column(list)
}

func (w *stepWrite) run(b *batch) error {
	w.stored, w.known = false, nil // a batch that failed runs again
	rows, err := b.exec(w.statement, w.args...)
	if err != nil {
		return err
	}
	if rows == 0 {
		return w.look(b.db)
	}
	w.stored = true
	return w.marks.run(b)
}

// look finds out why nothing was written.
func (w *stepWrite) look(db dbx.Builder) error {
	var row stepRow
	err := db.NewQuery(stepSQL).Bind(dbx.Params{"execution": w.same.execution, "branch": w.same.branch, "name": w.same.name, "index": w.same.index}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	w.known = &row
	return err
}

func (w *stepWrite) result() error {
	switch {
	case w.stored:
		return nil
	case w.known == nil || !workflow.Status(w.known.Status).Final():
		return workflow.ErrGone
	case w.known.Status == w.same.status && sameJSON(w.known.Result.raw(), w.same.result):
		w.marks = nil
		return nil
	default:
		return workflow.ErrStepConflict
	}
}
