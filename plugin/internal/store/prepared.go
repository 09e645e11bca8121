package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// hot are the statements that the writer keeps prepared on the write
// connection. SQLite takes longer to parse them, and dbx to rewrite them, than
// to run them: together that is more than half of a small commit.
var hot = []*statement{saveStep, markRunning, finish}

// committer runs batches in transactions of the app's write connection. It is
// used by one goroutine at a time.
type committer struct {
	app      core.App
	db       *sql.DB
	prepared map[*statement]*sql.Stmt
}

// commit runs fn in one transaction: what app.RunInTransaction does, with
// prepared statements and without a transaction's app, which fn has no use for.
func (c *committer) commit(fn func(*batch) error) error {
	db, ok := c.app.NonconcurrentDB().(*dbx.DB)
	if !ok { // the store's app is itself a transaction's
		return c.app.RunInTransaction(func(tx core.App) error { return fn(&batch{db: tx.NonconcurrentDB()}) })
	}
	if err := c.prepare(db.DB()); err != nil {
		return err
	}
	tx, err := c.db.Begin() //nolint:noctx // a commit is never given up halfway
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(&batch{db: db.Wrap(tx), tx: tx, prepared: c.prepared}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// prepare does nothing unless the app has opened its database anew, as after
// the restore of a backup. It must not run inside a transaction: there is only
// one connection.
func (c *committer) prepare(db *sql.DB) error {
	if c.db == db {
		return nil
	}
	_ = c.close() // of a database that is closed already
	prepared := make(map[*statement]*sql.Stmt, len(hot))
	for _, s := range hot {
		stmt, err := db.Prepare(s.plain) //nolint:noctx,sqlclosecheck // kept until close
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		prepared[s] = stmt
	}
	c.db, c.prepared = db, prepared
	return nil
}

func (c *committer) close() error {
	var errs []error
	for _, stmt := range c.prepared {
		errs = append(errs, stmt.Close())
	}
	c.db, c.prepared = nil, nil
	return errors.Join(errs...)
}
