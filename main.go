// Command pocketbase-workflows is PocketBase with workflows: JavaScript
// functions that run, durably, after a REST write that names them.
package main

import (
	"embed"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/pocketbase/pocketbase/plugins/migratecmd"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/osutils"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

//go:embed pb_migrations pb_hooks workflows
var demo embed.FS

func main() {
	app := pocketbase.New()
	flags := app.RootCmd.PersistentFlags()
	workflowsDir := flags.String("workflowsDir", "", "the directory with the workflow files (default \"workflows\" beside pb_data)")
	hooksDir := flags.String("hooksDir", "", "the directory with the JS app hooks (default \"pb_hooks\" beside pb_data)")
	hooksWatch := flags.Bool("hooksWatch", true, "auto restart the app on pb_hooks file change; it has no effect on Windows")
	hooksPool := flags.Int("hooksPool", 15, "the total prewarm goja.Runtime instances for the JS app hooks execution")
	migrationsDir := flags.String("migrationsDir", "", "the directory with the user defined migrations (default \"pb_migrations\" beside pb_data)")
	automigrate := flags.Bool("automigrate", true, "enable/disable auto migrations")
	publicDir := flags.String("publicDir", defaultPublicDir(), "the directory to serve static files")
	// The plugins need the values before the command runs; a wrong flag is
	// reported when PocketBase parses them again.
	_ = app.RootCmd.ParseFlags(os.Args[1:])

	demoCommand := plugin.NewDemoCommand(demo)
	app.RootCmd.AddCommand(demoCommand)
	if command, _, err := app.RootCmd.Find(os.Args[1:]); err == nil && command == demoCommand {
		// Before PocketBase makes a pb_data for it: the demo has its own.
		if app.RootCmd.Execute() != nil {
			os.Exit(1)
		}
		return
	}
	plugin.MustRegister(app, plugin.Config{WorkflowsDir: *workflowsDir})
	jsvm.MustRegister(app, jsvm.Config{
		HooksDir:      *hooksDir,
		HooksWatch:    *hooksWatch,
		HooksPoolSize: *hooksPool,
		MigrationsDir: *migrationsDir,
		OnInit:        func(vm *goja.Runtime) { plugin.Get(app).BindVM(vm) },
	})
	migratecmd.MustRegister(app, app.RootCmd, migratecmd.Config{
		TemplateLang: migratecmd.TemplateLangJS,
		Automigrate:  *automigrate,
		Dir:          *migrationsDir,
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Func: func(e *core.ServeEvent) error {
			if !e.Router.HasRoute(http.MethodGet, "/{path...}") {
				e.Router.GET("/{path...}", apis.Static(os.DirFS(*publicDir), true))
			}
			return e.Next()
		},
		Priority: 999, // a route of the user's own wins
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// defaultPublicDir is pb_public beside the executable.
func defaultPublicDir() string {
	if osutils.IsProbablyGoRun() {
		return "./pb_public"
	}
	return filepath.Join(os.Args[0], "../pb_public")
}
