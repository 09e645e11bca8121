package store

import (
	"context"
	"sync"

	"github.com/pocketbase/pocketbase/core"
)

// Store is the database side of one app's workflows. Its methods are safe for
// concurrent use.
type Store struct {
	app      core.App
	writer   *writer
	prepared *prepared
	realtime *broadcaster
	after    *aftermath
	start    Start
	activity activity

	lifecycle sync.Mutex // one Start or Stop at a time
}

// New returns the store of app. It works at once; Start adds the group commit
// and the realtime messages.
func New(app core.App) *Store {
	p := &prepared{}
	return &Store{app: app, writer: &writer{app: app, prepared: p}, prepared: p, realtime: newBroadcaster(app), after: newAftermath()}
}

// Start lets writes of many callers share a commit and tells realtime
// subscribers of changed executions. It does nothing when started already.
func (s *Store) Start() {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	s.realtime.start()
	s.writer.start()
}

// Stop commits what is queued, hands the remaining realtime messages to those
// clients that take them, and ends the store's goroutines. Until the next Start
// every write is a transaction of its own and nobody is told of it. It may be
// called at any time and more than once, but the database must still be open.
func (s *Store) Stop() {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	s.writer.stop()
	s.realtime.stop()
}

// Notify sends realtime subscribers of the executions an ordinary PocketBase
// message with their present rows, in order and without waiting. Action is
// "create" or "update". It costs next to nothing when no client is connected.
// Call it after the commit.
func (s *Store) Notify(action string, ids ...string) {
	s.realtime.notify(executionsName, action, ids...)
}

// notifyStep is Notify for a step. Whether it is new is not known: the action is
// always "update".
func (s *Store) notifyStep(id string) { s.realtime.notify(stepsName, "update", id) }

// notifyAfter is Notify once the transaction of app, if it is one, has
// committed.
func (s *Store) notifyAfter(app core.App, action string, ids ...string) {
	tx := app.TxInfo()
	if tx == nil {
		s.Notify(action, ids...)
		return
	}
	tx.OnComplete(func(txErr error) error {
		if txErr == nil {
			s.Notify(action, ids...)
		}
		return nil // an error here would fail a request that has committed
	})
}

// Tx returns the store inside the open transaction of txApp. What it writes
// commits or rolls back with that transaction, and it sees what that wrote.
func (s *Store) Tx(txApp core.App) *TxStore { return &TxStore{store: s, app: txApp} }

// write runs one group-committed write.
func (s *Store) write(ctx context.Context, run func(*batch) error) error {
	return s.writer.write(ctx, run)
}
