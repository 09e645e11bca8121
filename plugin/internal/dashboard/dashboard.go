// Package dashboard adds the Workflows section to PocketBase's dashboard: plain
// ES modules and CSS, embedded and served as they are, with nothing to build.
//
// PocketBase's extension point (core.ServeEvent.UIExtensions) is undocumented.
// What touches it is this file, ui/main.js, which registers the pages, and
// ui/lib/host.js, through which every page uses PocketBase's own components.
// Nothing here is secret: the files are served to anyone, the data comes from
// the REST routes with the superuser's token.
package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

//go:embed ui
var embedded embed.FS

// name is that of the extension, and of its folder below /_/extensions/.
const name = "workflows"

// Bind adds the section to the dashboard of a server. It does nothing in a
// build without the dashboard (tag no_ui).
func Bind(e *core.ServeEvent) error {
	files, err := fs.Sub(embedded, "ui")
	if err != nil {
		return fmt.Errorf("open the dashboard's files: %w", err)
	}
	etag, err := version(files)
	if err != nil {
		return fmt.Errorf("read the dashboard's files: %w", err)
	}
	e.UIExtensions = append(e.UIExtensions, core.UIExtension{Name: name, FS: files})
	e.Router.Bind(revalidate(etag))
	return nil
}

// revalidate lets browsers ask whether the files have changed. PocketBase would
// let them keep the files for two weeks, past any upgrade; it sets its own
// header only where there is none.
func revalidate(etag string) *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "pbWorkflowsDashboard",
		Priority: -99999, // before PocketBase's own
		Func: func(e *core.RequestEvent) error {
			switch path := e.Request.URL.Path; {
			case path == "/_/extensions.js": // of all extensions together
				e.Response.Header().Set("Cache-Control", "no-cache")
			case strings.HasPrefix(path, "/_/extensions/"+name+"/"):
				e.Response.Header().Set("Cache-Control", "no-cache")
				e.Response.Header().Set("ETag", etag)
			}
			return e.Next()
		},
	}
}

// version is an ETag that changes with any of the files.
func version(files fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n", path, len(content)) // a hash never fails
		_, _ = sum.Write(content)
		return nil
	})
	return `W/"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`, err
}
