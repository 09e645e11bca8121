package plugin

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// definitions keeps files, rows and the catalog that triggers read in line.
type definitions struct {
	app    core.App
	store  *store.Store
	runner *script.Runner
	dir    string
	// changed is told of every new catalog.
	changed func()

	mu      sync.Mutex // one load or refresh at a time
	catalog atomic.Pointer[workflow.Catalog]
	// versions caches pinned versions, which never change.
	versions sync.Map
}

// current is the catalog of this moment; a request pins it.
func (d *definitions) current() *workflow.Catalog { return d.catalog.Load() }

// reload reads the workflow files and brings the rows in line with them.
func (d *definitions) reload() error {
	d.mu.Lock()
	defer d.mu.Unlock()

	loaded, err := script.Load(d.app, d.dir)
	if err != nil {
		return fmt.Errorf("load workflows from %s: %w", d.dir, err)
	}
	problems := make([]store.FileProblem, 0, len(loaded.Problems))
	for _, p := range loaded.Problems {
		d.app.Logger().Error("A workflow file has a problem", "file", p.File, "keys", p.Keys, "error", p.Problem.Error())
		problems = append(problems, store.FileProblem{File: p.File, Keys: p.Keys, Problem: p.Problem})
	}
	ctx := context.WithValue(context.Background(), ownWrite{}, true)
	entries, err := d.store.SyncDefinitions(ctx, loaded.Versions, problems)
	if err != nil {
		return fmt.Errorf("store the workflows of %s: %w", d.dir, err)
	}
	return d.publish(ctx, entries)
}

// refresh reads the rows again: a switch was moved or the schema changed.
func (d *definitions) refresh() error {
	d.mu.Lock()
	defer d.mu.Unlock()

	ctx := context.WithValue(context.Background(), ownWrite{}, true)
	entries, err := d.store.Entries(ctx)
	if err != nil {
		return fmt.Errorf("read the workflows: %w", err)
	}
	return d.publish(ctx, entries)
}

// publish checks the entries against the live schema and makes them current.
func (d *definitions) publish(ctx context.Context, entries []*workflow.Entry) error {
	for _, e := range entries {
		if !e.Usable() {
			continue
		}
		if e.Problem = script.Check(d.app, e.Version.Definition); e.Problem == nil {
			e.Problem = trigger.CheckRecord(d.app, e.Version.Definition)
		}
		if e.Problem == nil {
			e.Problem = checkOnFailure(e.Version.Definition, entries)
		}
		if err := d.store.SetProblem(ctx, e.Version.Workflow, e.Problem); err != nil {
			return fmt.Errorf("mark workflow %q: %w", e.Version.Workflow, err)
		}
	}
	d.catalog.Store(workflow.NewCatalog(entries))
	d.changed()
	return nil
}

// ownWrite marks the contexts of what definitions write themselves, which is no
// news to them.
type ownWrite struct{}

// bindHooks follows the enabled switch and the schema, whoever changes them.
func (d *definitions) bindHooks() {
	onRecord := func(e *core.RecordEvent) error {
		err := e.Next()
		if e.Context == nil || e.Context.Value(ownWrite{}) == nil {
			d.follow()
		}
		return err
	}
	onCollection := func(e *core.CollectionEvent) error {
		err := e.Next()
		d.follow()
		return err
	}
	d.app.OnRecordAfterUpdateSuccess("_workflows").BindFunc(onRecord)
	d.app.OnRecordAfterDeleteSuccess("_workflows").BindFunc(onRecord)
	d.app.OnCollectionAfterCreateSuccess().BindFunc(onCollection)
	d.app.OnCollectionAfterUpdateSuccess().BindFunc(onCollection)
	d.app.OnCollectionAfterDeleteSuccess().BindFunc(onCollection)
}

// follow refreshes a catalog that is in use; before that there is nothing to
// keep in line.
func (d *definitions) follow() {
	if d.catalog.Load() == nil {
		return
	}
	if err := d.refresh(); err != nil {
		d.app.Logger().Error("Refreshing the workflows failed", "error", err)
	}
}

type versionID struct {
	key    string
	number int
}

// version finds a pinned version, from the catalog, the cache or the database.
func (d *definitions) version(key string, number int) (*workflow.Version, error) {
	if e := d.current().Find(key); e != nil && e.Version.Number == number {
		return &e.Version, nil
	}
	id := versionID{key, number}
	if v, ok := d.versions.Load(id); ok {
		return v.(*workflow.Version), nil
	}
	v, err := d.store.Version(context.Background(), key, number)
	if err != nil {
		return nil, fmt.Errorf("find version %d of workflow %q: %w", number, key, err)
	}
	d.versions.Store(id, v)
	return v, nil
}

// policy is how an execution is to be run, from its version's options.
func (p *Plugin) policy(e *workflow.Execution) engine.Policy {
	v, err := p.version(e.Workflow, e.Version)
	if err != nil {
		return engine.Policy{} // the run will say so
	}
	policy := engine.Policy{Timeout: v.Definition.Timeout}
	if c := v.Definition.Concurrency; c.Limit > 0 {
		policy.Limit, policy.Group = c.Limit, e.Workflow
		if c.Key != "" {
			policy.Group += "\x00" + key(c.Key, e.Input)
		}
	}
	return policy
}

// key is the value of a key expression, which was checked when it was loaded.
func key(source string, in workflow.Input) string {
	expression, err := workflow.ParseKeyExpression(source)
	if err != nil {
		return ""
	}
	value, err := expression.Eval(in)
	if err != nil {
		return "" // an input that is no JSON has no keys
	}
	return value
}
