package trigger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The header that makes it safe to send a triggering request again, and the one
// that marks the answer to a request which was carried out before.
const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// maxKey is the length of the longest key, in bytes.
const maxKey = 255

// Request is a request with a key whose write has been committed, as it is
// remembered for 24 hours. It holds digests of the caller, the key and what was
// sent, never these themselves.
type Request struct {
	ID string
	// Digest stands for caller and key, Fingerprint for what was asked.
	Digest      string
	Fingerprint string
	// Action, Collection (its id) and Record are what was written; "" for a
	// batch and where a before workflow answered in place of the write.
	Action     workflow.Action
	Collection string
	Record     string
	// Status is 0 until the answer is known.
	Status int
	// Headers are X-Workflow-* and Content-Type.
	Headers map[string]string
	Body    string
}

// Requests remembers requests with a key.
type Requests interface {
	// Find returns the request remembered under a digest, or sql.ErrNoRows.
	Find(ctx context.Context, digest string) (*Request, error)
	// Insert stores a request without its answer through app, the app of the
	// write's transaction. It is an error when another one has its digest.
	Insert(app core.App, r *Request) error
	// Complete adds the answer.
	Complete(ctx context.Context, r *Request) error
}

// keyOf is the key of a single request that names workflows or starts global
// ones. Nil is a request without one: others ignore the header, as PocketBase
// does. Close it.
func (t *Trigger) keyOf(e *core.RequestEvent, collection *core.Collection, action workflow.Action, refs []Ref) (*keyed, error) {
	if _, ok := e.Request.Header[keyHeader]; !ok {
		return nil, nil
	}
	if len(match(t.config.Catalog(), refs, collection.Name, action)) == 0 {
		return nil, nil
	}
	return t.newKeyed(e, 0)
}

// batchKeyOf is the key of a batch, nil without one. Whether it counts is known
// when the batch has been read.
func (t *Trigger) batchKeyOf(e *core.RequestEvent) (*keyed, error) {
	settings := e.App.Settings().Batch
	if _, ok := e.Request.Header[keyHeader]; !ok || !settings.Enabled {
		return nil, nil
	}
	limit := settings.MaxBodySize
	if limit <= 0 {
		limit = 128 << 20 // PocketBase's own default, which it sets later
	}
	if e.Request.ContentLength > limit {
		return nil, nil // PocketBase refuses it
	}
	return t.newKeyed(e, limit)
}

// newKeyed reads the whole body, up to limit bytes if that is not 0, and leaves
// it to be read again. A key that can't be used is an error later, when it is
// known that it counts.
func (t *Trigger) newKeyed(e *core.RequestEvent, limit int64) (*keyed, error) {
	key, invalid := readKey(e.Request.Header)
	if body, ok := e.Request.Body.(router.Rereader); ok {
		body.Reread() // somebody may have read of it
	}
	source := e.Request.Body
	if limit > 0 {
		source = http.MaxBytesReader(e.Response, source, limit)
	}
	body := &router.RereadableReadCloser{ReadCloser: source}
	e.Request.Body = body
	asked, err := fingerprint(key, e.Request)
	if err != nil {
		_ = body.Close()
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, apis.ErrRequestEntityTooLarge
		}
		return nil, router.ToApiError(err)
	}
	return &keyed{
		trigger: t, invalid: invalid, body: body, leave: func() {},
		request: Request{ID: t.config.NewID(), Digest: digest(e.Auth, key), Fingerprint: asked},
	}, nil
}

// readKey reads the header: 1 to 255 visible ASCII characters. The error is a
// 400.
func readKey(h http.Header) (string, error) {
	values := h[keyHeader]
	if len(values) == 1 && visible(values[0]) && len(values[0]) <= maxKey {
		return values[0], nil
	}
	return "", keyError(http.StatusBadRequest, "validation_invalid_idempotency_key",
		fmt.Sprintf("The header %s must have 1 to %d visible ASCII characters.", keyHeader, maxKey))
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// digest stands for a caller and a key. Guests can't be told apart: they share
// one scope, in which only the key counts.
func digest(auth *core.Record, key string) string {
	collection, id := "", ""
	if auth != nil {
		collection, id = auth.Collection().Id, auth.Id
	}
	sum := sha256.Sum256([]byte(collection + "\x00" + id + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

// fingerprint stands for what a request asks: method, path, query without the
// token, and the raw body, which it reads to its end. The key goes in too, so
// that nobody who reads it can guess at a password in the body.
func fingerprint(key string, r *http.Request) (string, error) {
	query := r.URL.Query()
	query.Del(tokenParameter)
	h := sha256.New()
	for _, part := range []string{key, r.Method, r.URL.EscapedPath(), query.Encode()} {
		_, _ = io.WriteString(h, part+"\x00") // a hash never fails
	}
	if _, err := io.Copy(h, r.Body); err != nil {
		return "", fmt.Errorf("read the body: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// keyError is an error answer about the key.
func keyError(status int, code, message string) *router.ApiError {
	return router.NewApiError(status, message, validation.Errors{keyHeader: &item{code: code, message: message}})
}
