package store

import (
	"testing"

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
