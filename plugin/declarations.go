package plugin

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/declarations"
)

// declarationsFile keeps pb_data/workflows.d.ts in line with the collections.
type declarationsFile struct {
	app core.App
	mu  sync.Mutex // one write at a time
}

// path is where workflow files find it.
func (d *declarationsFile) path() string {
	return filepath.Join(d.app.DataDir(), declarations.FileName)
}

// WriteTypes writes to w what pb_data/workflows.d.ts is at this moment: the
// TypeScript declarations of workflow files, with the app's collections. The app
// must be bootstrapped.
func (p *Plugin) WriteTypes(w io.Writer) error {
	collections, err := p.app.FindAllCollections()
	if err != nil {
		return fmt.Errorf("read the collections: %w", err)
	}
	return declarations.Write(w, collections)
}

// update writes the file if it is not right already.
func (d *declarationsFile) update() (changed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	collections, err := d.app.FindAllCollections()
	if err != nil {
		return false, fmt.Errorf("read the collections: %w", err)
	}
	return declarations.Update(d.path(), collections)
}

// follow is update for those who can do without the file: editors read it, the
// server does not.
func (d *declarationsFile) follow() {
	if _, err := d.update(); err != nil {
		d.app.Logger().Warn("Writing the type declarations of workflows failed", "error", err)
	}
}

// serve writes the file at the start, and whenever a collection changes from then
// on.
func (d *declarationsFile) serve() {
	d.follow()
	changed := func() *hook.Handler[*core.CollectionEvent] {
		return &hook.Handler[*core.CollectionEvent]{
			Id: hookID + "Declarations",
			Func: func(e *core.CollectionEvent) error {
				err := e.Next()
				d.follow()
				return err
			},
		}
	}
	d.app.OnCollectionAfterCreateSuccess().Bind(changed())
	d.app.OnCollectionAfterUpdateSuccess().Bind(changed())
	d.app.OnCollectionAfterDeleteSuccess().Bind(changed())
}
