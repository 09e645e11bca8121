package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func newRequest(digest string) *Request {
	return &Request{
		ID: NewID(), Digest: digest, Fingerprint: "f", Action: workflow.ActionCreate, Collection: "c", Record: "r",
		Headers: map[string]string{"X-Workflow-Executions": "a=1"},
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	insert := func(r *Request) error {
		return app.RunInTransaction(func(tx core.App) error { return s.InsertRequest(tx, r) })
	}
	age := func(t *testing.T, digest string, by time.Duration) {
		t.Helper()
		_, err := app.DB().Update(requestsName, dbx.Params{"created": formatDate(time.Now().Add(-by))}, dbx.HashExp{"digest": digest}).Execute()
		require.NoError(t, err)
	}

	t.Run("reads back, then with its answer", func(t *testing.T) {
		r := newRequest("read")
		require.NoError(t, insert(r))
		found, err := s.FindRequest(ctx, "read")
		require.NoError(t, err)
		require.Equal(t, r, found)
		r.Status, r.Body = 400, "{\"a\":\"<&>\"}\n"
		r.Headers["Content-Type"] = "application/json"
		require.NoError(t, s.CompleteRequest(ctx, r))
		found, err = s.FindRequest(ctx, "read")
		require.NoError(t, err)
		require.Equal(t, r, found)
		record, err := app.FindRecordById(requestsName, r.ID)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), record.GetDateTime("created").Time(), time.Minute)
	})
	t.Run("unknown", func(t *testing.T) {
		_, err := s.FindRequest(ctx, "nope")
		require.ErrorIs(t, err, sql.ErrNoRows)
	})
	t.Run("is undone with its transaction", func(t *testing.T) {
		undo := errors.New("undo")
		require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
			require.NoError(t, s.InsertRequest(tx, newRequest("undone")))
			return undo
		}), undo)
		_, err := s.FindRequest(ctx, "undone")
		require.ErrorIs(t, err, sql.ErrNoRows)
	})
	t.Run("a digest is taken once", func(t *testing.T) {
		first, second := newRequest("taken"), newRequest("taken")
		require.NoError(t, insert(first))
		require.NoError(t, insert(first), "the same request again")
		require.ErrorIs(t, insert(second), errRequestTaken)
		found, err := s.FindRequest(ctx, "taken")
		require.NoError(t, err)
		require.Equal(t, first.ID, found.ID)
	})
	t.Run("an expired one is overwritten", func(t *testing.T) {
		first, second := newRequest("old"), newRequest("old")
		require.NoError(t, insert(first))
		first.Status, first.Body = 200, "first"
		require.NoError(t, s.CompleteRequest(ctx, first))
		age(t, "old", requestLifetime-time.Minute)
		require.ErrorIs(t, insert(second), errRequestTaken)
		age(t, "old", requestLifetime+time.Minute)
		_, err := s.FindRequest(ctx, "old")
		require.ErrorIs(t, err, sql.ErrNoRows)
		require.NoError(t, insert(second))
		require.NoError(t, s.CompleteRequest(ctx, first), "too late")
		found, err := s.FindRequest(ctx, "old")
		require.NoError(t, err)
		require.Equal(t, second, found)
	})
	t.Run("expired ones go in small batches, the oldest first", func(t *testing.T) {
		const n = 2*maxExpired + 1
		for i := range n {
			require.NoError(t, insert(newRequest(fmt.Sprint("expired", i))))
		}
		for i := range n {
			age(t, fmt.Sprint("expired", i), requestLifetime+time.Duration(i+1)*time.Hour)
		}
		for _, left := range []int{maxExpired + 1, 1, 0} {
			require.NoError(t, insert(newRequest(fmt.Sprint("left", left))))
			count, err := app.CountRecords(requestsName, dbx.NewExp("digest LIKE 'expired%'"))
			require.NoError(t, err)
			require.EqualValues(t, left, count)
			if left == 1 {
				_, err := app.FindFirstRecordByData(requestsName, "digest", "expired0")
				require.NoError(t, err)
			}
		}
	})
	t.Run("reading and clearing use the indexes", func(t *testing.T) {
		for query, index := range map[string]string{
			findRequestSQL: "idx_workflowRequests_digest",
			"SELECT rowid FROM " + requestsName + " WHERE created < {:since} ORDER BY created LIMIT 20": "idx_workflowRequests_created",
		} {
			var plan []struct {
				Detail string `db:"detail"`
			}
			require.NoError(t, app.DB().NewQuery("EXPLAIN QUERY PLAN "+query).Bind(dbx.Params{"digest": "d", "since": "s"}).All(&plan))
			require.Len(t, plan, 1)
			require.Contains(t, plan[0].Detail, index)
		}
	})
}

func TestRequest_Guards(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s, r := New(f.app), newRequest("guarded")
	require.NoError(t, f.app.RunInTransaction(func(tx core.App) error { return s.InsertRequest(tx, r) }))
	path := "/api/collections/" + requestsName + "/records"
	for _, c := range []struct {
		method, url string
		says        string
	}{
		{http.MethodPost, path, "can't be created"},
		{http.MethodPatch, path + "/" + r.ID, "can't be changed"},
		{http.MethodDelete, path + "/" + r.ID, "expire after 24 hours"},
	} {
		status, body := f.call(t, c.method, c.url, f.super, `{"digest":"x","fingerprint":"y"}`)
		require.Equal(t, http.StatusBadRequest, status, body)
		require.Contains(t, body, c.says)
	}
	status, _ := f.call(t, http.MethodGet, path, f.owner, "")
	require.Equal(t, http.StatusForbidden, status)
	status, body := f.call(t, http.MethodGet, path, f.super, "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "guarded")
}
