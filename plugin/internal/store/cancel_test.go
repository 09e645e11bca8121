package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestStore_Cancel(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	parent, child, detached, other := newExecution("parent"), newExecution("child"), newExecution("detached"), newExecution("other")
	require.NoError(t, s.Insert(app, parent, other))
	child.Parent, child.Cause = parent.ID, workflow.Cause{Type: workflow.TriggerInvoke, Wait: true}
	detached.Parent, detached.Cause = parent.ID, workflow.Cause{Type: workflow.TriggerInvoke}
	require.NoError(t, s.Insert(app, child))
	require.NoError(t, s.Insert(app, detached))

	done, err := s.Cancel(t.Context(), []string{parent.ID, "unknown"}, "canceled")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{parent.ID, child.ID}, done.IDs)
	for e, status := range map[*workflow.Execution]workflow.Status{
		parent: workflow.StatusCanceled, child: workflow.StatusCanceled, detached: workflow.StatusQueued, other: workflow.StatusQueued,
	} {
		found, err := s.Find(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, status, found.Status, e.Workflow)
	}
	done, err = s.Cancel(t.Context(), []string{parent.ID}, "canceled")
	require.NoError(t, err)
	require.Empty(t, done.IDs, "what has ended stays as it is")
}

func TestStore_FinishEndsWhatIsOpen(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	for _, open := range []bool{false, true} {
		e := newExecution("a")
		require.NoError(t, s.Insert(app, e))
		done, waits := newStep("done", 0), newStep("waits", 1)
		waits.Status, waits.Result, waits.WakeAt = workflow.StatusWaiting, nil, time.Now().Add(time.Hour)
		require.NoError(t, s.SaveStep(t.Context(), e, done))
		require.NoError(t, s.SaveStep(t.Context(), e, waits))
		e.Status, e.Open = workflow.StatusAborted, open
		require.NoError(t, errOf(s.Finish(t.Context(), e)))
		steps, err := s.Steps(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, workflow.StatusCompleted, steps[0].Status)
		if open {
			require.Equal(t, workflow.StatusAborted, steps[1].Status)
			require.NotZero(t, steps[1].FinishedAt)
			require.Zero(t, steps[1].WakeAt)
		} else {
			require.Equal(t, workflow.StatusWaiting, steps[1].Status, "nobody said that there is one")
		}
	}
}
