package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// requestLifetime is how long a request is remembered.
	requestLifetime = 24 * time.Hour
	// maxExpired is how many older rows an insert takes away. More than one, so
	// that they become fewer.
	maxExpired = 20
)

// Request is a request that came with an idempotency key, as it is remembered.
type Request struct {
	// ID is chosen by the caller.
	ID string
	// Digest stands for caller and key, Fingerprint for what was asked.
	Digest      string
	Fingerprint string
	// Action, Collection (its id) and Record are what was written; "" for more
	// than one record.
	Action     workflow.Action
	Collection string
	Record     string
	// Status is 0 until the answer is known.
	Status  int
	Headers map[string]string
	Body    string
}

// A row that has expired counts as absent: it is overwritten, also its id, so
// that a late answer to it finds nothing.
var insertRequest = newStatement("INSERT INTO " + requestsName +
	" (id, digest, fingerprint, action, collection, record, status, headers, body, created) VALUES (?,?,?,?,?,?,0,?,'',?)" +
	" ON CONFLICT (digest) DO UPDATE SET id=excluded.id, fingerprint=excluded.fingerprint, action=excluded.action," +
	" collection=excluded.collection, record=excluded.record, status=0, headers=excluded.headers, body='', created=excluded.created" +
	" WHERE " + requestsName + ".created < ? OR " + requestsName + ".id = excluded.id")

var (
	deleteExpired = newStatement("DELETE FROM " + requestsName + " WHERE rowid IN" +
		" (SELECT rowid FROM " + requestsName + " WHERE created < ? ORDER BY created LIMIT ?)")
	completeRequest = newStatement("UPDATE " + requestsName + " SET status=?, headers=?, body=? WHERE id=?")
)

const findRequestSQL = "SELECT id, digest, fingerprint, action, collection, record, status, headers, body FROM " +
	requestsName + " WHERE digest = {:digest} AND created >= {:since}"

var errRequestTaken = errors.New("another request has the same key")

// FindRequest returns the request remembered under digest, or sql.ErrNoRows.
func (s *Store) FindRequest(ctx context.Context, digest string) (*Request, error) {
	var row struct {
		ID          string   `db:"id"`
		Digest      string   `db:"digest"`
		Fingerprint string   `db:"fingerprint"`
		Action      string   `db:"action"`
		Collection  string   `db:"collection"`
		Record      string   `db:"record"`
		Status      int      `db:"status"`
		Headers     jsonText `db:"headers"`
		Body        string   `db:"body"`
	}
	err := s.app.ConcurrentDB().NewQuery(findRequestSQL).WithContext(ctx).
		Bind(dbx.Params{"digest": digest, "since": formatDate(time.Now().Add(-requestLifetime))}).One(&row)
	if err != nil {
		return nil, fmt.Errorf("find a remembered request: %w", err)
	}
	r := &Request{
		ID: row.ID, Digest: row.Digest, Fingerprint: row.Fingerprint,
		Action: workflow.Action(row.Action), Collection: row.Collection, Record: row.Record,
		Status: row.Status, Body: row.Body,
	}
	if err := row.Headers.decode(&r.Headers); err != nil {
		return nil, fmt.Errorf("read remembered request %s: %w", row.ID, err)
	}
	return r, nil
}

// InsertRequest stores a request without its answer, through app, the app of
// the transaction of its write, and takes some expired ones away. It is an error
// when another request has the digest: the transaction must be rolled back then.
// The same request may be inserted again.
func (s *Store) InsertRequest(app core.App, r *Request) error {
	headers, err := column(r.Headers)
	if err != nil {
		return fmt.Errorf("remember a request: %w", err)
	}
	now := time.Now()
	expired := formatDate(now.Add(-requestLifetime))
	b := s.prepared.batch(s.app, app)
	rows, err := b.exec(insertRequest, r.ID, r.Digest, r.Fingerprint, string(r.Action), r.Collection, r.Record,
		headers, formatDate(now), expired)
	if err == nil && rows == 0 {
		err = errRequestTaken
	}
	if err == nil {
		_, err = b.exec(deleteExpired, expired, maxExpired)
	}
	if err != nil {
		return fmt.Errorf("remember a request: %w", err)
	}
	return nil
}

// CompleteRequest adds the answer to a stored request. It does nothing when the
// row is gone.
func (s *Store) CompleteRequest(ctx context.Context, r *Request) error {
	headers, err := column(r.Headers)
	if err == nil {
		args := []any{r.Status, headers, r.Body, r.ID}
		err = s.write(ctx, func(b *batch) error {
			_, err := b.exec(completeRequest, args...)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("remember the answer to request %s: %w", r.ID, err)
	}
	return nil
}
