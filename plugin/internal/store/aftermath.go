package store

import (
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// maxHandedOver is how many executions of one transaction are kept whole for the
// engine. Beyond that, as in a bulk import, only their ids are: it reads them.
const maxHandedOver = 1024

// aftermath keeps what is to be done when open transactions have ended, so that
// a transaction with ten thousand writes hands over once. Unlike PocketBase's own
// callbacks it knows savepoints: what was undone behind one is not done.
type aftermath struct {
	mu   sync.Mutex
	open map[*core.TxAppInfo]*ending
}

// ending is what is to be done when one transaction has ended.
type ending struct {
	commits []commit
	// failed ended badly and was undone: it is recorded either way.
	failed []*workflow.Execution
	whole  int
}

// commit is to be done once the transaction has committed: handing an execution
// over, whole or as a waiter, or calling do.
type commit struct {
	execution *workflow.Execution
	waiter    workflow.Waiter
	do        func()
}

func newAftermath() *aftermath { return &aftermath{open: map[*core.TxAppInfo]*ending{}} }

// mark is where the transaction of app is now, for undo.
func (a *aftermath) mark(app core.App) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.open[app.TxInfo()]; e != nil {
		return len(e.commits)
	}
	return 0
}

// undo forgets what was added since mark.
func (a *aftermath) undo(app core.App, mark int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.open[app.TxInfo()]; e != nil && len(e.commits) > mark {
		for _, c := range e.commits[mark:] {
			if c.execution != nil {
				e.whole--
			}
		}
		clear(e.commits[mark:])
		e.commits = e.commits[:mark]
	}
}

// add changes the ending of app's transaction; end is called with it when that
// has ended.
func (a *aftermath) add(app core.App, end func(e *ending, txErr error), change func(*ending)) {
	tx := app.TxInfo()
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.open[tx]
	if e == nil {
		e = &ending{}
		a.open[tx] = e
		tx.OnComplete(func(txErr error) error {
			a.mu.Lock()
			delete(a.open, tx)
			a.mu.Unlock()
			end(e, txErr)
			return nil // an error here would fail what has committed
		})
	}
	change(e)
}
