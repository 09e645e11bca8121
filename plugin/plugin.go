// Package plugin gives a PocketBase app workflows: JavaScript functions that
// run, durably, after a REST write that names them (post-action events).
//
//	app := pocketbase.New()
//	plugin.MustRegister(app, plugin.Config{})
//	jsvm.MustRegister(app, jsvm.Config{OnInit: plugin.Get(app).BindVM})
//
// A client adds ?triggerWorkflows=key1,key2!relation to an ordinary record
// create, update or delete; the request to run is stored in the same SQLite
// transaction as the record, so there is no write without its executions and
// no execution without its write. Handlers are cut into named steps whose
// results are journaled: after a crash an execution goes on where it was.
package plugin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/api"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/dashboard"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/owner"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/task"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// hookID names the plugin's hook handlers, so that a host can unbind or
// reorder them.
const hookID = "pbWorkflows"

// storeKey is where the app keeps its plugin.
const storeKey = "@workflowsPlugin"

// Plugin is the workflows of one app.
type Plugin struct {
	app         core.App
	config      Config
	store       *store.Store
	runner      *script.Runner
	engine      *engine.Engine
	trigger     *trigger.Trigger
	desk        *task.Desk
	definitions *definitions
	types       *declarationsFile
	executions  *executions
	owner       *owner.Owner
	watcher     *watcher
	janitor     *janitor
	schedules   *schedules
	dates       dateWatch
	clock       func() time.Time // of the schedules
	origin      origin
	api         *api.API
	dryRuns     dryRuns
}

// MustRegister is Register that panics on an error.
func MustRegister(app core.App, config Config) {
	if err := Register(app, config); err != nil {
		panic(err)
	}
}

// Register adds workflows to app: its collections at bootstrap, its triggers
// and its engine when the app serves. Errors: a wrong field of config, or a
// second registration on the same app.
func Register(app core.App, config Config) error {
	if err := config.validate(); err != nil {
		return fmt.Errorf("register workflows: %w", err)
	}
	if Get(app) != nil {
		return errors.New("register workflows: the app has them already")
	}
	p := &Plugin{app: app, config: config.withDefaults(app), clock: time.Now}
	before := trigger.Handlers(app)
	if err := p.build(); err != nil {
		return fmt.Errorf("register workflows: %w", err)
	}
	app.Store().Set(storeKey, p)
	p.bindHooks()
	p.trigger.Settle(before)
	return nil
}

// Get returns the plugin registered on app, or nil.
func Get(app core.App) *Plugin {
	p, _ := app.Store().Get(storeKey).(*Plugin)
	return p
}

// build makes the floors and joins them.
func (p *Plugin) build() error {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("make a secret: %w", err)
	}
	p.store = store.New(p.app)
	p.api = api.New(p.app, service{p})
	p.runner = script.New(script.Config{
		App:           p.app,
		ScriptTimeout: p.config.ScriptTimeout,
		WorkflowsDir:  p.config.WorkflowsDir,
		PoolSize:      p.config.Workers,
		Spare:         16 * p.config.Workers, // as many executions may be under way
		Source:        p.version,
		Bind:          p.bindVM,
		Parent:        p.parentHeader,
		EventURL:      p.eventURL,
		MatchEvent:    p.store.MatchEvent,
	})
	runner := runnerAdapter{p.runner}
	p.desk = p.newDesk()
	p.engine = engine.New(engine.Config{
		Store:           p.store,
		Journal:         journal{p.store},
		Waits:           waits{p.store, p},
		Tasks:           p.desk,
		Runner:          runner,
		Workers:         p.config.Workers,
		Buffer:          p.config.Buffer,
		ShutdownTimeout: p.config.ShutdownTimeout,
		Policy:          p.policy,
		Sequel:          p.sequel,
		Paused:          func(key string) bool { return p.definitions.current().Paused(key) },
		Priority:        func(key string) int { return p.definitions.current().Priority(key) },
		Limited:         func() []string { return p.definitions.current().Limited() },
		Logger:          p.app.Logger,
	})
	p.owner = owner.New(owner.Config{
		Dir:       p.app.DataDir(),
		OnAcquire: p.own,
		OnRelease: p.disown,
		OnRing:    p.rung,
		Logger:    p.app.Logger,
	})
	p.definitions = &definitions{app: p.app, store: p.store, dir: p.config.WorkflowsDir, runner: p.runner, changed: p.published}
	p.types = &declarationsFile{app: p.app}
	p.executions = &executions{plugin: p, store: p.store, engine: p.engine, runner: runner, owner: p.owner}
	p.store.OnHandOver(p.executions.HandOver)
	p.janitor = p.newJanitor()
	p.trigger = trigger.Register(p.app, trigger.Config{
		Executions:  p.executions,
		Duplicates:  duplicates{p.executions},
		Before:      before{p.executions},
		Commits:     commits{p.store},
		Requests:    requests{p.store},
		Schedules:   p.store,
		Catalog:     p.definitions.current,
		RoleFields:  p.config.RoleFields,
		Strict:      p.config.Strict,
		SyncTimeout: p.config.SyncTimeout,
		NewID:       store.NewID,
		Secret:      secret,
	})
	p.schedules = p.newSchedules()
	return nil
}

func (p *Plugin) bindHooks() {
	p.app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: hookID,
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return store.EnsureCollections(e.App)
		},
	})
	p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Id: hookID, Func: p.serve})
	p.app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: hookID,
		Func: func(e *core.TerminateEvent) error {
			p.stop() // before Next: afterwards the databases are closed
			return e.Next()
		},
	})
	// The lock and the doorbell belong to this machine, not to a backup.
	leaveOut := &hook.Handler[*core.BackupEvent]{
		Id: hookID,
		Func: func(e *core.BackupEvent) error {
			e.Exclude = append(e.Exclude, owner.DirName)
			return e.Next()
		},
	}
	p.app.OnBackupCreate().Bind(leaveOut)
	p.app.OnBackupRestore().Bind(leaveOut)
	store.BindHooks(p.app)
	p.definitions.bindHooks()
	p.dates.moved = p.moved
	p.dates.bind(p.app)
	p.app.OnRecordAfterDeleteSuccess("_workflows").Bind(&hook.Handler[*core.RecordEvent]{Id: hookID + "Schedule", Func: p.forget})
	p.dryRuns.bindHooks(p.app)
}

// serve loads the workflows, binds the routes and, once the port is bound,
// starts the engine.
func (p *Plugin) serve(e *core.ServeEvent) error {
	// A host that bootstrapped before Register has no collections yet.
	if err := store.EnsureCollections(e.App); err != nil {
		return err
	}
	p.store.Start()
	if err := p.definitions.reload(); err != nil {
		return err
	}
	p.types.serve()
	p.origin.set(e)
	p.trigger.Bind(e)
	p.api.Bind(e)
	api.BindTasks(e, p.app, p.desk)
	if err := dashboard.Bind(e); err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	if err := p.owner.Start(); err != nil {
		return fmt.Errorf("start the workflow engine: %w", err)
	}
	w, err := watchDir(p.config.WorkflowsDir, p.filesChanged, func(err error) {
		p.app.Logger().Warn("Watching the workflow files failed", "error", err)
	})
	if err != nil {
		// Without a watcher everything works but a reload needs a restart.
		p.app.Logger().Warn("The workflow files are not watched", "error", err)
	}
	p.watcher = w
	return nil
}

func (p *Plugin) filesChanged() {
	if err := p.definitions.reload(); err != nil {
		p.app.Logger().Error("Reloading the workflow files failed", "error", err)
	}
}

// own begins what only one process of a pb_data may do.
func (p *Plugin) own() error {
	if err := p.engine.Start(); err != nil {
		return err
	}
	p.janitor.Start()
	p.schedules.Start()
	return nil
}

// disown ends it, before another process may begin.
func (p *Plugin) disown() {
	p.schedules.Stop()
	p.janitor.Stop()
	p.engine.Stop()
}

// published follows a new catalog. Where another process runs the workflows, that
// one is told: a switch may have been moved.
func (p *Plugin) published() {
	p.dates.follow(p.definitions.current())
	if !p.owner.Owns() {
		p.executions.ring()
		return
	}
	p.engine.Kick()
	p.janitor.Refresh()
	p.schedules.Refresh()
}

// rung looks at what another process has stored.
func (p *Plugin) rung() {
	p.schedules.Rescan()
	p.definitions.follow()
	p.engine.Look()
}

// stop ends what serve started; it may be called more than once.
func (p *Plugin) stop() {
	p.watcher.stop()
	p.watcher = nil
	before{p.executions}.interrupt(engine.ErrStopping)
	p.owner.Stop()  // and the engine with it
	p.engine.Stop() // what ran for requests while another process had it
	p.desk.Stop()
	p.store.Stop()
}

// version finds the source an execution is pinned to.
func (p *Plugin) version(key string, number int) (*workflow.Version, error) {
	return p.definitions.version(key, number)
}
