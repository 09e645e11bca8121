package store

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// maxBatch is how many writes share one commit at most.
const maxBatch = 64

// writer commits the writes of many callers together. It takes what is queued
// at the moment, never waits for more, and never polls: alone, a write is
// committed at once; under load, the writes that came in during one commit make
// up the next.
//
// It can be started and stopped again and again. While it is stopped, every
// write is its own transaction on the caller's goroutine.
type writer struct {
	app      core.App
	prepared *prepared

	mu   sync.RWMutex // writes hold it for reading while they queue
	ops  chan *op     // nil while stopped
	done chan struct{}
}

// op is one caller's write. What run uses must not change after it was queued:
// the caller may have given up on waiting.
type op struct {
	ctx context.Context //nolint:containedctx // travels with the queued write
	run func(*batch) error
	// app, instead of run, is for a write that goes through PocketBase. It runs
	// at most once.
	app func(core.App) error
	// whole is set for an app that needs no savepoint.
	whole bool
	done  chan error
}

func (w *writer) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ops != nil {
		return
	}
	w.ops, w.done = make(chan *op, maxBatch), make(chan struct{})
	go w.loop(w.ops, w.done)
}

// stop commits everything that was queued, then returns.
func (w *writer) stop() {
	w.mu.Lock()
	ops, done := w.ops, w.done
	w.ops = nil
	w.mu.Unlock()
	if ops != nil {
		close(ops)
	}
	if done != nil {
		<-done
	}
}

// write returns when run's writes are durable. If ctx ends first its error is
// returned: a write that is still queued then is dropped, one whose commit has
// begun may still become durable.
func (w *writer) write(ctx context.Context, run func(*batch) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{ctx: ctx, run: run, done: make(chan error, 1)}
	queued, err := w.enqueue(o)
	if err != nil {
		return err
	}
	if !queued {
		return runAll(w.commitAlone, o)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) enqueue(o *op) (queued bool, err error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.ops == nil {
		return false, nil
	}
	select {
	case w.ops <- o:
		return true, nil
	case <-o.ctx.Done():
		return false, o.ctx.Err()
	}
}

func (w *writer) loop(ops <-chan *op, done chan<- struct{}) {
	defer close(done)
	c := &committer{app: w.app, prepared: w.prepared}
	if db, ok := w.app.NonconcurrentDB().(*dbx.DB); ok {
		_ = w.prepared.ensure(db.DB()) // the first commit says what is wrong
	}
	pending := make([]*op, 0, maxBatch)
	for o := range ops {
		pending = fill(wanted(pending[:0], o), ops)
		// Callers that are ready to run may have something for this commit too:
		// letting them go first costs less than a commit more.
		runtime.Gosched()
		pending = fill(pending, ops)
		flush(c, pending)
	}
}

// fill takes what is queued, up to a batch.
func fill(pending []*op, ops <-chan *op) []*op {
	for len(pending) < maxBatch {
		select {
		case o, open := <-ops:
			if !open {
				return pending
			}
			pending = wanted(pending, o)
		default:
			return pending
		}
	}
	return pending
}

// wanted appends o unless its caller has given up on it.
func wanted(pending []*op, o *op) []*op {
	if err := o.ctx.Err(); err != nil {
		o.done <- err
		return pending
	}
	return append(pending, o)
}

// flush commits all together. When that fails it commits each alone, so that
// only the guilty one gets its error.
func flush(c *committer, pending []*op) {
	if len(pending) == 0 {
		return
	}
	if slices.ContainsFunc(pending, func(o *op) bool { return o.app != nil }) {
		c.flushApp(pending)
		return
	}
	err := runAll(c.commit, pending...)
	for _, o := range pending {
		if err != nil && len(pending) > 1 {
			o.done <- runAll(c.commit, o)
			continue
		}
		o.done <- err
	}
}

// runAll runs ops in the transaction that commit opens.
func runAll(commit func(func(*batch) error) error, ops ...*op) (err error) {
	defer func() {
		// A closed database panics in PocketBase; the callers get it as an
		// error and the writer lives on.
		if r := recover(); r != nil {
			err = fmt.Errorf("write: panic: %v", r)
		}
	}()
	return commit(func(b *batch) error {
		for _, o := range ops {
			if err := o.run(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// commitAlone is for writes while the writer is stopped.
func (w *writer) commitAlone(run func(*batch) error) error {
	return w.app.RunInTransaction(func(tx core.App) error { return run(&batch{db: tx.NonconcurrentDB()}) })
}
