package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Atomic runs fn in a transaction and returns when it has committed, or undone
// what fn wrote. It may share the commit with writes of other callers, and runs
// fn on another goroutine then. Fn must write through tx only and must not wait
// for another write of the store.
func (s *Store) Atomic(ctx context.Context, fn func(tx core.App) error) error {
	return s.share(ctx, &op{app: fn})
}

// Whole is Atomic for an fn that writes all or, with an error, nothing: SQLite
// undoes a single statement that fails, at no cost. An fn that has left a part
// behind says so with workflow.ErrTorn; then everything that shares its commit is
// undone.
func (s *Store) Whole(ctx context.Context, fn func(tx core.App) error) error {
	return s.share(ctx, &op{app: fn, whole: true})
}

func (s *Store) share(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.ctx, o.done = ctx, make(chan error, 1)
	queued, err := s.writer.enqueue(o)
	if err != nil {
		return err
	}
	if !queued {
		return s.alone(o.app)
	}
	return <-o.done // it may have begun: its end is waited for
}

// alone runs fn in a transaction that nobody else writes during, from its start.
func (s *Store) alone(fn func(tx core.App) error) error {
	return s.app.RunInTransaction(func(tx core.App) error {
		if _, err := s.prepared.batch(s.app, tx).exec(lock); err != nil {
			return fmt.Errorf("lock the database: %w", err)
		}
		return fn(tx)
	})
}

var (
	savepoint = newStatement("SAVEPOINT workflow_op")
	rollback  = newStatement("ROLLBACK TO workflow_op")
	release   = newStatement("RELEASE workflow_op")
)

// flushApp commits all together; nothing that goes through PocketBase runs twice.
// A savepoint costs SQLite a copy of every page that is written behind it: ops
// that need one have their own, those of the store itself, which can be run again,
// share one.
func (c *committer) flushApp(pending []*op) {
	if db, ok := c.app.NonconcurrentDB().(*dbx.DB); ok {
		_ = c.prepared.ensure(db.DB()) // without it the statements are parsed anew
	}
	var through, own []*op
	for _, o := range pending {
		if o.app != nil {
			through = append(through, o)
		} else {
			own = append(own, o)
		}
	}
	results := make([]error, len(through))
	again := false
	err := c.inApp(func(tx core.App) error {
		b := c.prepared.batch(c.app, tx)
		if _, err := b.exec(lock); err != nil {
			return err
		}
		for i, o := range through {
			if o.whole || len(pending) == 1 {
				results[i] = runOp(o, tx, b)
				if results[i] != nil && (!o.whole || errors.Is(results[i], workflow.ErrTorn)) {
					return results[i]
				}
				continue
			}
			var err error
			if results[i], err = undone(b, func() error { return runOp(o, tx, b) }); err != nil {
				return err
			}
		}
		if len(own) == 0 {
			return nil
		}
		failed, err := undone(b, func() error {
			for _, o := range own {
				if err := runOp(o, tx, b); err != nil {
					return err
				}
			}
			return nil
		})
		again = failed != nil
		return err
	})
	if errors.Is(err, workflow.ErrTorn) { // the others' error is not that one's
		err = errors.New("undone with another write that shared the commit")
	}
	for i, o := range through {
		if err != nil && results[i] == nil {
			results[i] = err
		}
		o.done <- results[i]
	}
	for _, o := range own {
		if err == nil && !again {
			o.done <- nil
		} else {
			o.done <- runAll(c.commit, o)
		}
	}
}

// undone runs fn behind a savepoint; what it wrote is undone when it fails. Err is
// set when the transaction can't go on.
func undone(b *batch, fn func() error) (failed, err error) {
	if _, err := b.exec(savepoint); err != nil {
		return nil, err
	}
	if failed = fn(); failed != nil {
		if _, err := b.exec(rollback); err != nil {
			return failed, errors.Join(failed, err)
		}
	}
	_, err = b.exec(release)
	return failed, err
}

// inApp is RunInTransaction of an app whose database may have been closed.
func (c *committer) inApp(fn func(tx core.App) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write: panic: %v", r)
		}
	}()
	return c.app.RunInTransaction(fn)
}

func runOp(o *op, tx core.App, b *batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write: panic: %v", r)
		}
	}()
	if o.app != nil {
		return o.app(tx)
	}
	return o.run(b)
}
