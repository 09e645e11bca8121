package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// past stores an execution as if it had been made at a time.
func past(t testing.TB, app core.App, at time.Time, key, status string, took time.Duration) string {
	t.Helper()
	var n int
	require.NoError(t, app.DB().NewQuery("SELECT COUNT(*) FROM "+executionsName).Row(&n))
	id := idAt(at) + fmt.Sprintf("%06d", n)
	started, finished := formatDate(at), ""
	if workflow.Status(status).Final() {
		finished = formatDate(at.Add(took))
	}
	_, err := app.NonconcurrentDB().Insert(executionsName, dbx.Params{
		"id": id, "workflow": key, "status": status, "startedAt": started, "finishedAt": finished, "created": formatDate(at), "updated": formatDate(at),
	}).Execute()
	require.NoError(t, err)
	return id
}

func activityOf(t testing.TB, s *Store, now time.Time, key string) workflow.Activity {
	t.Helper()
	told, err := s.Activity(context.Background(), now)
	require.NoError(t, err)
	require.True(t, told.Complete)
	for _, a := range told.Workflows {
		if a.Workflow == key {
			return a
		}
	}
	return workflow.Activity{}
}

func TestActivity(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	now := time.Date(2030, 5, 6, 12, 30, 0, 0, time.UTC)
	for range 95 {
		past(t, app, now.Add(-time.Hour), "a", "completed", 100*time.Millisecond)
	}
	for range 5 {
		past(t, app, now.Add(-2*time.Hour), "a", "failed", 10*time.Second)
	}
	past(t, app, now.Add(-3*time.Hour), "a", "canceled", time.Hour)
	past(t, app, now.Add(-30*time.Hour), "a", "error", time.Second)
	waiting := past(t, app, now.Add(-10*time.Minute), "a", "waiting", 0)
	young := past(t, app, now.Add(-time.Second), "a", "queued", 0)

	a := activityOf(t, s, now, "a")
	require.Equal(t, 103, a.Total, "what is older than the window does not count")
	require.Len(t, a.Hours, workflow.ActivityHours)
	require.Equal(t, map[workflow.Status]int{"waiting": 1, "queued": 1}, a.Hours[23])
	require.Equal(t, map[workflow.Status]int{"completed": 95}, a.Hours[22])
	require.Equal(t, map[workflow.Status]int{"failed": 5}, a.Hours[21])
	require.InDelta(t, 0.05, *a.FailureRate, 1e-9, "a canceled one is neither good nor bad")
	require.InEpsilon(t, 100, *a.P95, 0.03)

	set := func(id, status string) {
		_, err := app.NonconcurrentDB().Update(executionsName, dbx.Params{"status": status, "finishedAt": formatDate(now)}, dbx.HashExp{"id": id}).Execute()
		require.NoError(t, err)
	}
	set(waiting, "completed")
	require.Equal(t, a, activityOf(t, s, now.Add(time.Second), "a"), "it is not counted anew every moment")

	now = now.Add(5 * time.Second)
	require.Equal(t, map[workflow.Status]int{"completed": 1, "queued": 1}, activityOf(t, s, now, "a").Hours[23], "one that ends is followed")
	now = now.Add(time.Minute)
	set(young, "failed")
	require.Equal(t, map[workflow.Status]int{"completed": 1, "failed": 1}, activityOf(t, s, now, "a").Hours[23])
	past(t, app, now, "a", "completed", time.Millisecond)
	now = now.Add(time.Hour)
	later := activityOf(t, s, now, "a")
	require.Equal(t, map[workflow.Status]int{"completed": 2, "failed": 1}, later.Hours[22], "the window moves on")
	require.Empty(t, activityOf(t, s, now.Add(48*time.Hour), "a").Total)
}

func TestActivity_LastExecution(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	_, err := s.SyncDefinitions(context.Background(), []workflow.Version{newVersion("idle", "1"), newVersion("never", "1")}, nil)
	require.NoError(t, err)
	now := time.Date(2030, 5, 6, 12, 30, 0, 0, time.UTC)
	past(t, app, now.Add(-200*time.Hour), "idle", "completed", time.Second)
	id := past(t, app, now.Add(-100*time.Hour), "idle", "failed", time.Second)

	idle := activityOf(t, s, now, "idle")
	require.Zero(t, idle.Total)
	require.Nil(t, idle.FailureRate)
	require.Nil(t, idle.P95)
	require.Equal(t, &workflow.LastExecution{ID: id, Status: "failed", Created: now.Add(-100 * time.Hour)}, idle.Last)
	require.Nil(t, activityOf(t, s, now, "never").Last)
}

// TestActivity_IsBounded: a look goes through some of a long past only, and the
// next ones through the rest.
func TestActivity_IsBounded(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	now := time.Now()
	const n = 3*activityPage + 17
	seedPast(t, app, now.Add(-2*time.Hour), n)
	a := &s.activity
	a.done, a.open = tallies{}, map[string]struct{}{}
	a.oldest, a.newest = idAt(now), idAt(now)
	for looks := 1; ; looks++ {
		done, err := a.back(context.Background(), app.ConcurrentDB(), idAt(now.Add(-5*time.Hour)), time.Time{})
		require.NoError(t, err)
		if done {
			require.Equal(t, 4, looks)
			break
		}
	}
	require.Equal(t, n, a.done.activities(now.Add(-23 * time.Hour)).Workflows[0].Total)
}

// seedPast makes n ended executions of one workflow, a millisecond apart.
func seedPast(tb testing.TB, app core.App, from time.Time, n int) {
	tb.Helper()
	_, err := app.NonconcurrentDB().NewQuery(`WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i+1 < {:n})
		INSERT INTO ` + executionsName + ` (id, workflow, status, input, startedAt, finishedAt, created, updated)
		SELECT {:prefix} || printf('%06d', i), 'a', 'completed', '{"data":{"title":"as long as records are"}}', {:at}, {:at}, {:at}, {:at} FROM c`).
		Bind(dbx.Params{"n": n, "prefix": idAt(from), "at": formatDate(from)}).Execute()
	require.NoError(tb, err)
}

func BenchmarkActivity(b *testing.B) {
	app := newApp(b)
	s := New(app)
	now := time.Now()
	seedPast(b, app, now.Add(-2*time.Hour), 100_000)
	for told := (workflow.Activities{}); !told.Complete; {
		var err error
		told, err = s.Activity(context.Background(), now)
		require.NoError(b, err)
	}
	for b.Loop() {
		now = now.Add(activityAge)
		_, err := s.Activity(context.Background(), now)
		require.NoError(b, err)
	}
}
