package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Atomic runs fn in a transaction and returns when it has committed, or undone
// what fn wrote. It may share the commit with writes of other callers, and runs
// fn on another goroutine then. Fn must write through tx only and must not wait
// for another write of the store.
func (s *Store) Atomic(ctx context.Context, fn func(tx core.App) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{ctx: ctx, app: fn, done: make(chan error, 1)}
	queued, err := s.writer.enqueue(o)
	if err != nil {
		return err
	}
	if !queued {
		return s.alone(fn)
	}
	return <-o.done // fn may have begun: its end is waited for
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

// flushApp commits all together, each behind a savepoint of its own: what fails
// is undone alone, and nothing runs twice.
func (c *committer) flushApp(pending []*op) {
	results := make([]error, len(pending))
	if db, ok := c.app.NonconcurrentDB().(*dbx.DB); ok {
		_ = c.prepared.ensure(db.DB()) // without it the statements are parsed anew
	}
	err := c.inApp(func(tx core.App) error {
		b := c.prepared.batch(c.app, tx)
		if _, err := b.exec(lock); err != nil {
			return err
		}
		for i, o := range pending {
			if len(pending) == 1 {
				return runOp(o, tx, b)
			}
			if _, err := b.exec(savepoint); err != nil {
				return err
			}
			results[i] = runOp(o, tx, b)
			if results[i] != nil {
				if _, err := b.exec(rollback); err != nil {
					return errors.Join(results[i], err)
				}
			}
			if _, err := b.exec(release); err != nil {
				return err
			}
		}
		return nil
	})
	for i, o := range pending {
		if err != nil {
			results[i] = err
		}
		o.done <- results[i]
	}
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
