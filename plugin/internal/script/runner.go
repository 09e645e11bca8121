package script

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Config sets up a Runner.
type Config struct {
	// App is $app of the scripts.
	App core.App
	// Bind adds to every VM; current is the execution that is running on it.
	// Defaults to nothing.
	Bind func(vm *goja.Runtime, current func() *workflow.Execution)
	// Parent is the X-Workflow-Parent header of a script's request to a URL, ""
	// for none. Defaults to none.
	Parent func(e *workflow.Execution, url string) string
	// EventURL makes the URL by which an event can be sent to an execution once,
	// until expires (zero for ever). The step's name and index tell URLs of the
	// same event apart.
	EventURL func(e *workflow.Execution, step *workflow.Step, event string, expires time.Time) string
	// MatchEvent reports whether a payload satisfies a filter over event.*; with a
	// nil payload it only checks the filter.
	MatchEvent func(ctx context.Context, filter string, payload []byte) (bool, error)
	// PoolSize is how many idle VMs a version keeps. Defaults to 8.
	PoolSize int
	// Spare is how many more all versions together keep: a VM takes 0.3 ms to make
	// and about 250 KB. Defaults to none.
	Spare int
	// ScriptTimeout is how long one run may keep the CPU. Defaults to 30 s.
	ScriptTimeout time.Duration
	// Source finds a pinned version.
	Source func(key string, version int) (*workflow.Version, error)
	// WorkflowsDir is where the files are.
	WorkflowsDir string
}

// Runner runs handlers.
type Runner struct {
	config Config

	mu       sync.Mutex
	compiled map[string]*compiled // by hash
	order    []string             // the hashes, least recently compiled first
	spare    atomic.Int64
}

// maxCompiled is how many versions stay compiled.
const maxCompiled = 256

// New makes a runner.
func New(config Config) *Runner {
	if config.PoolSize <= 0 {
		config.PoolSize = 8
	}
	if config.ScriptTimeout <= 0 {
		config.ScriptTimeout = 30 * time.Second
	}
	if config.Parent == nil {
		config.Parent = func(*workflow.Execution, string) string { return "" }
	}
	if dir, err := filepath.Abs(config.WorkflowsDir); err == nil {
		config.WorkflowsDir = dir
	}
	return &Runner{config: config, compiled: map[string]*compiled{}}
}

func (r *Runner) compile(e *workflow.Execution) (*compiled, error) {
	v, err := r.config.Source(e.Workflow, e.Version)
	if err != nil {
		return nil, err
	}
	// Several workflows of one file share its source but not their pool's version.
	id := v.Workflow + "@" + v.Hash
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.compiled[id]; c != nil {
		return c, nil
	}
	c, err := newCompiled(v, r.config.WorkflowsDir)
	if err != nil {
		return nil, fmt.Errorf("compile version %d of workflow %q: %w", v.Number, v.Workflow, err)
	}
	c.least, c.spare = r.config.PoolSize, &r.spare
	r.compiled[id] = c
	if r.order = append(r.order, id); len(r.order) > maxCompiled {
		r.compiled[r.order[0]].close()
		delete(r.compiled, r.order[0])
		r.order = r.order[1:]
	}
	return c, nil
}

func (r *Runner) machine(c *compiled) *machine {
	if m := c.take(); m != nil {
		return m
	}
	return r.newMachine()
}

func (r *Runner) newMachine() *machine {
	m := &machine{app: &guardedApp{App: r.config.App}}
	m.vm = newVM(m.app, r.config.WorkflowsDir)
	if r.config.Bind != nil {
		r.config.Bind(m.vm, func() *workflow.Execution {
			if m.run == nil {
				return nil
			}
			return m.run.execution
		})
	}
	bindErrors(m.vm)
	m.bindHTTP(r.config.Parent)
	m.bindOutside()
	m.bindSleep()
	m.appValue, m.step, m.log = m.vm.Get("$app"), m.steps(), m.logger()
	m.snapshot()
	return m
}

// Run runs the handler of e's version. It returns StatusQueued when ctx was
// canceled, StatusAborted when its deadline or the script timeout was over.
func (r *Runner) Run(ctx context.Context, e *workflow.Execution, j Journal) workflow.Outcome {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(workflow.ErrLost) // branches that are left over
	outcome, _ := r.run(ctx, e, j, nil)
	return outcome
}

// run runs the handler, for a branch along its path; end is how the branch ended.
func (r *Runner) run(ctx context.Context, e *workflow.Execution, j Journal, path []hop) (outcome workflow.Outcome, end *branchEnd) {
	c, err := r.compile(e)
	if err != nil {
		return workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Name: "Error", Message: err.Error()}}, nil
	}
	outside := outsideOf(ctx)
	var m *machine
	if outside != nil {
		m = r.newMachine()
		m.seal(outside)
	} else {
		m = r.machine(c)
	}
	app := r.config.App
	if a, ok := ctx.Value(appKey{}).(core.App); ok {
		app = a
	}
	m.app.App, m.app.execution = app, e
	x := &run{runner: r, machine: m, vm: m.vm, ctx: ctx, execution: e, journal: j, path: path}
	m.run = x
	clean := false
	defer func() {
		x.clock.close()
		m.run = nil
		m.app.App, m.app.own, m.app.wroteCollections, m.app.execution = r.config.App, 0, false, nil
		if p := recover(); p != nil {
			clean = false
			outcome = x.outcome(workflow.StatusError, &workflow.Failure{Name: "panic", Message: fmt.Sprint(p)})
		}
		if clean && outside == nil {
			c.give(m, int64(r.config.Spare))
		}
	}()
	outcome = x.start(c)
	clean = !x.cut || m.drains()
	return outcome, x.branchEnd
}

type appKey struct{}

// WithApp makes app the $app of runs with the returned context: mode
// transaction runs with the app of the write's own transaction.
func WithApp(ctx context.Context, app core.App) context.Context {
	return context.WithValue(ctx, appKey{}, app)
}
