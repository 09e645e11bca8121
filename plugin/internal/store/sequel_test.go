package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestStore_Sequel: an end and what follows it are one commit.
func TestStore_Sequel(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	failed := func() *workflow.Execution {
		e := newExecution("a")
		e.Status = workflow.StatusFailed
		return e
	}
	follower := func(id string) *workflow.Execution {
		e := newExecution("alarm")
		e.ID = id
		return e
	}
	count := func() int {
		n, err := app.CountRecords(executionsName)
		require.NoError(t, err)
		return int(n)
	}
	ends := map[string]func(e *workflow.Execution) error{
		"Finish": func(e *workflow.Execution) error { return errOf(s.Finish(t.Context(), e)) },
		"Record": func(e *workflow.Execution) error { return s.Record(t.Context(), e) },
	}
	for name, end := range ends {
		t.Run(name+" stores both", func(t *testing.T) {
			e := failed()
			if name == "Finish" {
				e.Status = ""
				require.NoError(t, s.Insert(app, e))
				e.Status = workflow.StatusFailed
			}
			e.Sequel = follower("")
			require.NoError(t, end(e))
			found, err := s.Find(t.Context(), e.Sequel.ID)
			require.NoError(t, err)
			require.Equal(t, workflow.StatusQueued, found.Status)
		})
		t.Run(name+" stores neither when one fails", func(t *testing.T) {
			taken := follower("")
			require.NoError(t, s.Insert(app, taken))
			e := failed()
			if name == "Finish" {
				e.Status = ""
				require.NoError(t, s.Insert(app, e))
				e.Status = workflow.StatusFailed
			}
			e.Sequel = follower(taken.ID) // its id is not free
			before := count()
			require.Error(t, end(e))
			require.Equal(t, before, count())
			if name == "Finish" {
				found, err := s.Find(t.Context(), e.ID)
				require.NoError(t, err)
				require.Equal(t, workflow.StatusQueued, found.Status)
			}
		})
	}
	t.Run("an end that comes too late has none", func(t *testing.T) {
		e := newExecution("a")
		require.NoError(t, s.Insert(app, e))
		e.Status = workflow.StatusCompleted
		require.NoError(t, errOf(s.Finish(t.Context(), e)))
		before := count()
		e.Status, e.Sequel = workflow.StatusFailed, follower("")
		require.ErrorIs(t, errOf(s.Finish(t.Context(), e)), workflow.ErrGone)
		require.Equal(t, before, count())
	})
}
