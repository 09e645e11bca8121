package store

import (
	"database/sql"
	"fmt"
	"sync/atomic"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// hot are the statements that are kept prepared on the write connection. SQLite
// takes longer to parse them, and dbx to rewrite them, than to run them:
// together that is more than half of a small commit.
var hot = []*statement{insertNew, insertChild, saveStep, saveFullStep, markRunning, park, finish, lock, savepoint, rollback, release, nested, rollbackNested, releaseNested}

// prepared holds the hot statements of the app's open database. They are closed
// with it.
type prepared struct {
	current atomic.Pointer[preparedSet]
}

type preparedSet struct {
	db         *sql.DB
	statements map[*statement]*sql.Stmt
}

// ensure does nothing unless the app has opened its database anew, as after the
// restore of a backup. It must not be called inside a transaction: there is only
// one connection.
func (p *prepared) ensure(db *sql.DB) error {
	if set := p.current.Load(); set != nil && set.db == db {
		return nil
	}
	set := &preparedSet{db: db, statements: make(map[*statement]*sql.Stmt, len(hot))}
	for _, s := range hot {
		stmt, err := db.Prepare(s.plain) //nolint:noctx,sqlclosecheck // kept as long as the database
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		set.statements[s] = stmt
	}
	p.current.Store(set)
	return nil
}

// of returns the statements prepared on db, or none.
func (p *prepared) of(db *sql.DB) map[*statement]*sql.Stmt {
	if set := p.current.Load(); set != nil && set.db == db {
		return set.statements
	}
	return nil
}

// batch is a batch in the transaction of txApp, which app opened.
func (p *prepared) batch(app, txApp core.App) *batch {
	b := &batch{db: txApp.NonconcurrentDB()}
	outer, ok := app.NonconcurrentDB().(*dbx.DB)
	if !ok {
		return b
	}
	tx, ok := b.db.(*dbx.Tx)
	if !ok {
		return b
	}
	if builder, ok := tx.Builder.(interface{ Executor() dbx.Executor }); ok {
		if b.tx, ok = builder.Executor().(*sql.Tx); ok {
			b.prepared = p.of(outer.DB())
		}
	}
	return b
}

// committer runs batches in transactions of the app's write connection.
type committer struct {
	app      core.App
	prepared *prepared
}

// commit runs fn in one transaction: what app.RunInTransaction does, with
// prepared statements and without a transaction's app, which fn has no use for.
func (c *committer) commit(fn func(*batch) error) error {
	db, ok := c.app.NonconcurrentDB().(*dbx.DB)
	if !ok { // the store's app is itself a transaction's
		return c.app.RunInTransaction(func(tx core.App) error { return fn(&batch{db: tx.NonconcurrentDB()}) })
	}
	if err := c.prepared.ensure(db.DB()); err != nil {
		return err
	}
	tx, err := db.DB().Begin() //nolint:noctx // a commit is never given up halfway
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(&batch{db: db.Wrap(tx), tx: tx, prepared: c.prepared.of(db.DB())}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
