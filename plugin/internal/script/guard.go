package script

import (
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// guardedApp is the $app of one VM. Inside a transaction, the user's own or a
// step's, it IS the transaction's app: PocketBase has one writer, so a write
// through the outer app would wait for ever for the transaction it stands in.
type guardedApp struct {
	core.App
	// own counts the user's own $app.runInTransaction calls around us.
	own int
	// wroteCollections is true once the run has changed a collection.
	wroteCollections bool
	// execution is the one that runs, whose chain its writes go on.
	execution *workflow.Execution
}

// RunInTransaction is PocketBase's, with $app swapped meanwhile.
func (g *guardedApp) RunInTransaction(fn func(txApp core.App) error) error {
	outer := g.App
	return outer.RunInTransaction(func(txApp core.App) error {
		g.own++
		defer func() { g.own-- }()
		return g.within(txApp, func() error { return fn(g) })
	})
}

// within runs fn with txApp as the app.
func (g *guardedApp) within(txApp core.App, fn func() error) error {
	outer := g.App
	g.App = txApp
	defer func() { g.App = outer }()
	return fn()
}

// by marks a write as one of the execution that runs.
func (g *guardedApp) by(ctx context.Context) context.Context {
	if g.execution == nil {
		return ctx
	}
	return workflow.WithRunning(ctx, g.execution)
}
