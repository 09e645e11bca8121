package store

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	type counts = map[workflow.Status]int
	is := func(want counts) {
		t.Helper()
		got, err := s.Counts(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	is(counts{})
	one, two := ended(t, s, "a", workflow.StatusCompleted, day(1)), ended(t, s, "a", workflow.StatusCompleted, day(1))
	failed := ended(t, s, "a", workflow.StatusFailed, day(1))
	queued := active(t, app, s, "a", workflow.StatusQueued, day(0))
	ended(t, s, "b", workflow.StatusCompleted, day(1))
	whole := counts{"completed": 2, "failed": 1, "queued": 1}
	is(whole)

	_, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1")}, nil)
	require.NoError(t, err)
	is(whole)
	_, err = s.DeleteFinished(ctx, idsOf(one, failed), time.Minute)
	require.NoError(t, err)
	is(whole)
	_, err = s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "2")}, nil)
	require.NoError(t, err)
	is(whole)

	drop := func(app core.App, e *workflow.Execution) error {
		record, err := app.FindRecordById(executionsName, e.ID)
		require.NoError(t, err)
		record.Set("status", "error") // what is stored counts
		return app.Delete(record)
	}
	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		require.NoError(t, drop(tx, two))
		return errRolledBack
	}), errRolledBack)
	is(whole)
	require.NoError(t, drop(app, two))
	is(whole)
	require.NoError(t, drop(app, queued))
	is(counts{"completed": 2, "failed": 1}) // it never ended
	require.JSONEq(t, `{"completed":2,"failed":1}`, row(t, app, "a").GetString("counters"))

	_, err = app.NonconcurrentDB().Update(workflowsName, dbx.Params{"counters": "not JSON"}, dbx.HashExp{"key": "a"}).Execute()
	require.NoError(t, err)
	is(counts{})
	last := ended(t, s, "a", workflow.StatusAborted, day(1))
	_, err = s.DeleteFinished(ctx, idsOf(last), time.Minute)
	require.NoError(t, err)
	is(counts{"aborted": 1}) // what can't be read is begun anew
}

// TestCounters_Truncate: the dashboard's way of clearing a collection.
func TestCounters_Truncate(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	_, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1")}, nil)
	require.NoError(t, err)
	for range 3 {
		withRows(t, app, ended(t, s, "a", workflow.StatusRejected, day(1)), 2)
	}
	collection, err := app.FindCollectionByNameOrId(executionsName)
	require.NoError(t, err)
	require.NoError(t, app.TruncateCollection(collection))
	got, err := s.Counts(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, map[workflow.Status]int{"rejected": 3}, got)
}

// TestCounters_API: deleting by hand counts too, and the counters are nothing that
// a client can set.
func TestCounters_API(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	url := "/api/collections/" + workflowsName + "/records/" + f.workflow
	stale, err := row(t, f.app, "a").MarshalJSON()
	require.NoError(t, err)
	status, body := f.call(t, http.MethodDelete, "/api/collections/"+executionsName+"/records/"+f.ended, f.super, "")
	require.Equal(t, http.StatusNoContent, status, body)
	for _, sent := range []string{string(stale), `{"enabled":false,"counters":{"error":99}}`, `{"enabled":true}`} {
		status, body = f.call(t, http.MethodPatch, url, f.super, sent)
		require.Equal(t, http.StatusOK, status, body)
		require.Contains(t, body, `"counters":{"error":1}`)
		require.JSONEq(t, `{"error":1}`, row(t, f.app, "a").GetString("counters"))
	}
	require.True(t, row(t, f.app, "a").GetBool("enabled"))
}

// TestCounters_StaleRecord: a record that was read before a deletion does not bring
// the old counters back.
func TestCounters_StaleRecord(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	_, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1")}, nil)
	require.NoError(t, err)
	record := row(t, app, "a")
	e := ended(t, s, "a", workflow.StatusCompleted, day(1))
	_, err = s.DeleteFinished(ctx, idsOf(e), time.Minute)
	require.NoError(t, err)
	record.Set("enabled", false)
	require.NoError(t, app.Save(record))
	require.JSONEq(t, `{"completed":1}`, row(t, app, "a").GetString("counters"))
	require.False(t, row(t, app, "a").GetBool("enabled"))
	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		record.Set("enabled", true)
		return errors.Join(tx.Save(record), errRolledBack)
	}), errRolledBack)
	require.False(t, row(t, app, "a").GetBool("enabled"))
}
