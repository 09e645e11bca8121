package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestStore_Begun(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	fresh, running, parked, woken, late, ended, other := newExecution("a"), newExecution("a"), newExecution("a"), newExecution("a"), newExecution("a"), newExecution("a"), newExecution("b")
	require.NoError(t, s.Insert(app, fresh, running, parked, woken, late, ended, other))
	now := time.Now()
	for _, e := range []*workflow.Execution{running, other} {
		e.StartedAt = now
		require.NoError(t, s.MarkRunning(t.Context(), []*workflow.Execution{e}))
	}
	for e, at := range map[*workflow.Execution]time.Time{parked: now.Add(time.Hour), woken: now.Add(-time.Second)} {
		e.StartedAt = now
		require.NoError(t, errOf(s.Park(t.Context(), e, workflow.Park{WakeAt: at})))
	}
	due, err := s.Due(t.Context(), now, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, errOf(s.Park(t.Context(), late, workflow.Park{WakeAt: now.Add(time.Hour)})), "a start that is put off is no start")
	ended.Status, ended.StartedAt = workflow.StatusCompleted, now
	require.NoError(t, errOf(s.Finish(t.Context(), ended)))

	found, err := s.Begun(t.Context(), "a")
	require.NoError(t, err)
	var ids []string
	for _, e := range found {
		ids = append(ids, e.ID)
	}
	require.ElementsMatch(t, []string{running.ID, parked.ID, woken.ID}, ids)
}

func TestStore_MarkRunningAfterPark(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	e := newExecution("a")
	require.NoError(t, s.Insert(app, e))
	late := *e
	require.NoError(t, errOf(s.Park(t.Context(), e, workflow.Park{WakeAt: time.Now().Add(time.Hour)})))
	require.NoError(t, s.MarkRunning(t.Context(), []*workflow.Execution{&late}))
	found, err := s.Find(t.Context(), e.ID)
	require.NoError(t, err)
	require.Equal(t, workflow.StatusWaiting, found.Status)
}
