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

func TestStore_ParkSeesWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	sent := func(e *workflow.Execution, name string) string {
		v := &workflow.Event{Execution: e.ID, Name: name}
		wakes, err := s.SendEvent(t.Context(), app, v)
		require.NoError(t, err)
		require.False(t, wakes)
		return v.ID
	}
	awaits := func(list ...string) (p workflow.Park) {
		for i := 0; i < len(list); i += 2 {
			p = p.Merge(workflow.Park{Events: []workflow.Awaited{{Name: list[i], After: list[i+1]}}})
		}
		return p
	}
	e := newExecution("a")
	require.NoError(t, s.Insert(app, e))
	first, second, third := sent(e, "a"), sent(e, "b"), sent(e, "a")
	ended, open := newExecution("child"), newExecution("child")
	require.NoError(t, s.Insert(app, ended, open))
	ended.Status = workflow.StatusFailed
	require.NoError(t, errOf(s.Finish(t.Context(), ended)))

	for _, c := range []struct {
		name  string
		park  workflow.Park
		ready bool
	}{
		{"nothing was looked at", awaits("a", ""), true},
		{"an earlier one was", awaits("a", first), true},
		{"the last one was", awaits("a", third), false},
		{"a later one of another name was", awaits("a", first, "b", second), true},
		{"all were", awaits("b", second, "a", third), false},
		{"nothing of one of two names was", awaits("b", "", "a", third), true},
		{"there is none of the name", awaits("c", ""), false},
		{"a child has ended", workflow.Park{Children: []string{open.ID, ended.ID}}, true},
		{"no child has", workflow.Park{Children: []string{open.ID}}, false},
		{"a time that is over is left to Due", workflow.Park{WakeAt: time.Now().Add(-time.Hour)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ready, err := s.Park(t.Context(), e, c.park)
			require.NoError(t, err)
			require.Equal(t, c.ready, ready)
			found, err := s.Find(t.Context(), e.ID)
			require.NoError(t, err)
			if ready {
				require.Equal(t, workflow.StatusQueued, found.Status)
				require.Zero(t, found.WakeAt)
			} else {
				require.Equal(t, workflow.StatusWaiting, found.Status)
				require.WithinDuration(t, c.park.WakeAt, found.WakeAt, time.Millisecond)
			}
		})
	}
}
