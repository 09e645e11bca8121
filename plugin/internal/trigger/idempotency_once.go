package trigger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// keyed is a request with a key: what it asks is done once. A nil one is a
// request without a key.
type keyed struct {
	trigger *Trigger
	request Request
	// invalid is the 400 for a key that can't be used.
	invalid error
	body    *router.RereadableReadCloser
	leave   func()
	// first is the earlier request that did it already.
	first *Request

	mu      sync.Mutex
	results []result // of a batch, so far
	stored  bool
	// committed is true when the write is there to stay.
	committed bool
}

// close lets the next request of the same key go on and frees the body.
func (k *keyed) close() {
	if k == nil {
		return
	}
	k.leave()
	_ = k.body.Close()
}

// once runs write unless the request has been carried out: k.replays then.
// Another request of the same key in this process is waited for.
func (k *keyed) once(ctx context.Context, write func() error) error {
	if k.invalid != nil {
		return k.invalid
	}
	leave, err := k.trigger.flights.enter(ctx, k.request.Digest)
	if err != nil {
		return keyError(http.StatusConflict, "idempotency_key_busy", "The first request with this "+keyHeader+" is still under way.")
	}
	k.leave = leave
	if done, err := k.find(ctx); done || err != nil {
		leave()
		return err
	}
	err = write()
	if err == nil || k.committed {
		return err
	}
	// Another process may have been first: the unique index lets one commit.
	if done, findErr := k.find(ctx); done {
		return findErr
	}
	return err
}

// find looks for an earlier request of the same caller and key. When there is
// one, the error is the 422 for a request that asks for something else.
func (k *keyed) find(ctx context.Context) (done bool, err error) {
	first, err := k.trigger.config.Requests.Find(ctx, k.request.Digest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, router.NewInternalServerError("", err)
	case first.Fingerprint != k.request.Fingerprint:
		return true, keyError(http.StatusUnprocessableEntity, "idempotency_key_reused",
			"This "+keyHeader+" was used for a request with another method, URL or body.")
	}
	k.first = first
	return true, nil
}

// batch is once for a batch: it is remembered in the batch's own transaction,
// whatever its sub-requests start.
func (k *keyed) batch(e *core.BatchRequestEvent, next func() error) error {
	return k.once(e.Request.Context(), func() error {
		outer := e.App
		defer func() { e.App = outer }()
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			tx.TxInfo().OnComplete(func(txErr error) error {
				k.committed = txErr == nil
				return nil
			})
			if err := next(); err != nil {
				return err
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			// The first sub-request is the last one to come here.
			slices.SortStableFunc(k.results, func(a, b result) int { return a.index - b.index })
			return k.insert(tx, k.results)
		})
	})
}

// remember is called in the transaction of every write of the request.
func (k *keyed) remember(w *writing) error {
	if k == nil {
		return nil
	}
	if w.plan.session.batch {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.results = append(k.results, w.results...)
		return nil
	}
	if w.record != nil {
		k.request.Action, k.request.Collection, k.request.Record = w.plan.action, w.record.Collection().Id, w.record.Id
	}
	return k.insert(w.tx, append(slices.Clone(w.plan.session.before), w.results...))
}

// add keeps what a before workflow of a batch did.
func (k *keyed) add(s *session, r result) {
	if k == nil || !s.batch {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.results = append(k.results, r)
}

// intercepted remembers an answer in place of the write. When that fails nothing
// is lost: a replay finds nothing written and asks the workflow again.
func (k *keyed) intercepted(h http.Header, body []byte) {
	if k == nil {
		return
	}
	k.request.Headers = kept(h)
	err := k.trigger.config.Executions.Atomic(context.Background(), func(tx core.App) error {
		return k.trigger.config.Requests.Insert(tx, &k.request)
	})
	if err != nil {
		k.trigger.app.Logger().Error("Remembering a request failed", "request", k.request.ID, "error", err)
		return
	}
	k.committed, k.stored = true, true
	k.answered(h, http.StatusOK, body)
}

// gaveWay reports whether a single request was answered in place of its write.
func (r *Request) gaveWay() bool { return r.Record == "" && r.Status == http.StatusOK }

func (k *keyed) insert(tx core.App, results []result) error {
	h := http.Header{}
	writeHeaders(h, results)
	k.request.Headers = kept(h)
	if err := k.trigger.config.Requests.Insert(tx, &k.request); err != nil {
		return router.NewInternalServerError("", err)
	}
	k.stored = true
	return nil
}

// answered remembers the answer, before it is sent. When that fails, a replay
// says what is known without it.
func (k *keyed) answered(h http.Header, status int, body []byte) {
	if k == nil || !k.committed || !k.stored {
		return
	}
	if h != nil {
		k.request.Headers = kept(h)
	}
	k.request.Status, k.request.Body = status, string(body)
	if err := k.trigger.config.Requests.Complete(context.Background(), &k.request); err != nil {
		k.trigger.app.Logger().Error("Remembering an answer failed", "request", k.request.ID, "error", err)
	}
}

// failed remembers an error that is the answer although the write is there to
// stay.
func (k *keyed) failed(h http.Header, err error) {
	if k == nil || !k.committed {
		return
	}
	answer := router.ToApiError(err)
	raw, err := json.Marshal(answer)
	if err != nil {
		raw = nil // a status without a body
	}
	k.answered(h, answer.Status, raw)
}

// kept are the headers of an answer that are remembered.
func kept(h http.Header) map[string]string {
	out := map[string]string{}
	for name := range h {
		if strings.HasPrefix(name, "X-Workflow-") || name == "Content-Type" {
			out[name] = h.Get(name)
		}
	}
	return out
}
