package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestActive_UsesThePartialIndex(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	var plan []struct {
		Detail string `db:"detail"`
	}
	err := app.DB().NewQuery("EXPLAIN QUERY PLAN " + activeSQL).Bind(dbx.Params{"after": "", "limit": 10}).All(&plan)
	require.NoError(t, err)
	var lines []string
	for _, step := range plan {
		lines = append(lines, step.Detail)
	}
	all := strings.Join(lines, "\n")
	require.Equal(t, 2, strings.Count(all, "USING INDEX idx_workflowExecutions_active (status=? AND id>?)"), all)
	require.NotContains(t, all, "SCAN")
	require.NotContains(t, all, "TEMP B-TREE", "pages come in order without sorting the backlog")
}

func TestActive_PageByPage(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	var want []string
	execs := make([]*workflow.Execution, 9)
	for i := range execs {
		execs[i] = newExecution("a")
	}
	insert(t, app, s, execs...)
	require.NoError(t, s.MarkRunning(ctx, execs[2:5]))
	ended := execs[7]
	ended.Status = workflow.StatusCompleted
	require.NoError(t, errOf(s.Finish(ctx, ended)))
	for _, e := range execs {
		if e != ended {
			want = append(want, e.ID)
		}
	}
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		page, err := s.Active(ctx, after, 3)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 3)
		got = append(got, waiterIDs(page)...)
	}
	require.Equal(t, want, got, "in id order")
}

func TestInsert_RollsBackWithItsTransaction(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	e, boom := newExecution("a"), errors.New("boom")
	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		if err := s.Insert(tx, e); err != nil {
			return err
		}
		return boom
	}), boom)
	_, err := s.Find(context.Background(), e.ID)
	require.ErrorIs(t, err, sql.ErrNoRows)
}

func TestInsert_MoreThanOneStatement(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	execs := make([]*workflow.Execution, maxInsertRows+7)
	for i := range execs {
		execs[i] = newExecution("a")
	}
	insert(t, app, s, execs...)
	active, err := s.Active(context.Background(), "", len(execs)+1)
	require.NoError(t, err)
	require.Equal(t, executionIDs(execs), waiterIDs(active))
	require.NoError(t, s.Insert(app))
}

func TestRecord(t *testing.T) {
	t.Parallel()
	_, s := newStarted(t)
	ctx := context.Background()
	e := newExecution("a")
	require.ErrorContains(t, s.Record(ctx, e), "not final")
	e.Status, e.Mode = workflow.StatusError, workflow.ModeTransaction
	e.Failure = &workflow.Failure{Message: "no", Stack: "a.js:1:1"}
	require.NoError(t, s.Record(ctx, e))
	got, err := s.Find(ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, workflow.StatusError, got.Status)
	require.Equal(t, workflow.ModeTransaction, got.Mode)
	require.Equal(t, e.Failure, got.Failure)
	require.False(t, got.FinishedAt.IsZero())
}

// TestRows_ArePocketBaseRecords shows that what plain SQL wrote is valid to
// PocketBase, so that records can be read, validated and exported as any other.
func TestRows_ArePocketBaseRecords(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	e := newExecution("a")
	insert(t, app, s, e)
	require.NoError(t, s.SaveStep(ctx, e, newStep("s", 0)))
	e.Status, e.Output = workflow.StatusCompleted, json.RawMessage(`"text"`)
	require.NoError(t, errOf(s.Finish(ctx, e)))
	for _, name := range []string{executionsName, stepsName} {
		records, err := app.FindAllRecords(name)
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.NoError(t, app.Validate(records[0]))
	}
	record, err := app.FindRecordById(executionsName, e.ID)
	require.NoError(t, err)
	require.Equal(t, `"text"`, record.GetString("output"))
	require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z$`, record.GetString("finishedAt"))
	require.NoError(t, app.Delete(record))
	total, err := app.CountRecords(stepsName)
	require.NoError(t, err)
	require.Zero(t, total, "steps go with their execution")
}
