package store

import (
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestHandOver: what a transaction has committed is handed over once and in
// order; what was undone, as a whole or behind a savepoint, is not.
func TestHandOver(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	var calls int
	var got []string
	s.OnHandOver(func(whole []*workflow.Execution, others []workflow.Waiter) {
		calls++
		for _, e := range whole {
			got = append(got, e.ID)
		}
		for _, w := range others {
			got = append(got, w.ID)
		}
	})
	failed := errors.New("failed")
	add := func(tx core.App) *workflow.Execution {
		e := newExecution("a")
		require.NoError(t, s.Insert(tx, e))
		s.HandOver(tx, e)
		return e
	}
	var want []string
	var lost *workflow.Execution
	did := 0
	require.NoError(t, app.RunInTransaction(func(tx core.App) error {
		want = append(want, add(tx).ID)
		require.ErrorIs(t, s.Nested(tx, func() error {
			add(tx)
			s.AfterCommit(tx, func() { did += 100 })
			lost = newExecution("a")
			require.NoError(t, s.Insert(tx, lost))
			lost.Status = workflow.StatusFailed
			s.RecordAfter(tx, lost)
			return failed
		}), failed)
		require.NoError(t, s.Nested(tx, func() error {
			s.AfterCommit(tx, func() { did++ })
			for range maxHandedOver + 1 {
				want = append(want, add(tx).ID)
			}
			return nil
		}))
		require.Zero(t, calls)
		return nil
	}))
	require.Equal(t, 1, calls)
	require.Equal(t, 1, did)
	require.Equal(t, want, got)
	e, err := s.Find(t.Context(), lost.ID)
	require.NoError(t, err)
	require.Equal(t, workflow.StatusFailed, e.Status, "recorded though it was undone")
	n, err := app.CountRecords("_workflowExecutions")
	require.NoError(t, err)
	require.EqualValues(t, len(want)+1, n)

	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		add(tx)
		s.AfterCommit(tx, func() { did++ })
		return failed
	}), failed)
	require.Equal(t, 1, calls)
	require.Equal(t, 1, did)
	require.Empty(t, s.after.open)
}
