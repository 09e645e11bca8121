package store

import (
	"context"
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestKeep(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	ended := func(status workflow.Status, steps ...*workflow.Step) workflow.Kept {
		e := newExecution("guard")
		e.Status, e.Reason, e.Messages = status, "because", []string{"said"}
		return workflow.Kept{Execution: e, Steps: steps}
	}
	check := func(k workflow.Kept) {
		t.Helper()
		found, err := s.Find(ctx, k.Execution.ID)
		require.NoError(t, err)
		require.Equal(t, k.Execution.Status, found.Status)
		require.Equal(t, "because", found.Reason)
		require.Equal(t, []string{"said"}, found.Messages)
		require.False(t, found.FinishedAt.IsZero())
		steps, err := s.Steps(ctx, k.Execution.ID)
		require.NoError(t, err)
		require.Len(t, steps, len(k.Steps))
	}
	plain, stepped := ended(workflow.StatusFailed), ended(workflow.StatusCompleted, newStep("a", 0), newStep("b", 1))
	require.NoError(t, s.Keep(app, plain, stepped))
	check(plain)
	check(stepped)

	inTx := ended(workflow.StatusAborted, newStep("a", 0))
	undone := errors.New("undone")
	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		require.NoError(t, s.Keep(tx, inTx))
		return undone
	}), undone)
	require.Error(t, errOf(s.Find(ctx, inTx.Execution.ID)), "rolled back")
	require.NoError(t, s.Keep(app, inTx), "and kept alone afterwards")
	check(inTx)

	open := newStep("open", 0)
	open.Status = workflow.StatusWaiting
	cut := ended(workflow.StatusAborted, open)
	cut.Execution.Open = true
	require.NoError(t, s.Keep(app, cut))
	steps, err := s.Steps(ctx, cut.Execution.ID)
	require.NoError(t, err)
	require.True(t, steps[0].Status.Final(), "a step can't outlive its execution")

	require.ErrorContains(t, s.Keep(app, ended(workflow.StatusRunning)), "not final")
}
