package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/task"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// world is a database, its scripts, and the process that runs them at the
// moment.
type world struct {
	t      *testing.T
	app    *tests.TestApp
	store  *store.Store
	runner *script.Runner
	desk   *task.Desk

	mu       sync.Mutex
	versions map[string]*workflow.Version
	counts   map[string]int

	ahead   atomic.Int64 // of the wall clock
	process *process
	engine  *engine.Engine
	ends    []func()
	// looked is what the engine was last told to look for.
	looked   time.Time
	lookedBy *engine.Engine
}

// newWorld makes a world without a process.
func newWorld(t *testing.T) *world {
	t.Helper()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	require.NoError(t, store.EnsureCollections(app))
	w := &world{t: t, app: app, store: store.New(app), versions: map[string]*workflow.Version{}, counts: map[string]int{}}
	w.desk = w.newDesk()
	w.store.Start()
	t.Cleanup(w.store.Stop)
	w.runner = script.New(script.Config{
		App:          app,
		Bind:         w.bind,
		MatchEvent:   w.store.MatchEvent,
		WorkflowsDir: t.TempDir() + "/workflows",
		EventURL: func(e *workflow.Execution, step *workflow.Step, event string, _ time.Time) string {
			return e.ID + "/" + event + "/" + step.ID
		},
		Source: func(key string, _ int) (*workflow.Version, error) {
			if v := w.version(key); v != nil {
				return v, nil
			}
			return nil, fmt.Errorf("there is no workflow %q", key)
		},
	})
	t.Cleanup(w.bury)
	w.define("child", workflow.Definition{}, `(ctx) => { count("child"); return { doubled: ctx.data.n * 2 } }`)
	w.define("sleeper", workflow.Definition{}, `(ctx) => { ctx.step.sleep("nap", "1h"); return "slept" }`)
	return w
}

// bind adds count(name) to the scripts: how often something was really done.
func (w *world) bind(vm *goja.Runtime, current func() *workflow.Execution) {
	_ = vm.Set("count", func(name string) {
		id := current().Root
		w.mu.Lock()
		defer w.mu.Unlock()
		w.counts[id+" "+name]++
	})
}

func (w *world) counted(id, name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[id+" "+name]
}

func (w *world) version(key string) *workflow.Version {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.versions[key]
}

// define adds a workflow.
func (w *world) define(key string, definition workflow.Definition, handler string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	definition.Key = key
	w.versions[key] = &workflow.Version{
		Workflow: key, Number: 1, Hash: key + handler, File: key + ".js", Definition: definition,
		Script: fmt.Sprintf("workflow(%q, { on: { type: \"action\", collection: \"demo2\" } }, %s)", key, handler),
	}
}

// now is the wall clock of the processes.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// boot starts a process that dies at a point.
func (w *world) boot(at crash) {
	w.t.Helper()
	p := newProcess(w.store, at)
	e := engine.New(engine.Config{
		Store: p, Journal: p, Waits: p, Tasks: asks{p, w.desk}, Runner: runner{w.runner}, Now: w.now, Logger: w.app.Logger, Workers: 4, ShutdownTimeout: time.Millisecond,
		Policy: func(x *workflow.Execution) engine.Policy {
			return engine.Policy{Timeout: w.version(x.Workflow).Definition.Timeout}
		},
	})
	w.process, w.engine = p, e
	w.ends = append(w.ends, func() {
		close(p.buried)
		e.Stop()
	})
	require.NoError(w.t, e.Start())
}

// bury ends all processes, dead ones too.
func (w *world) bury() {
	for _, end := range w.ends {
		end()
	}
	w.ends = nil
}

// never is a point that no process comes to.
var never = crash{write: -1}

// runner and session are the plugin's own joints.
type runner struct{ *script.Runner }

func (r runner) Run(ctx context.Context, e *workflow.Execution, s *engine.Session) workflow.Outcome {
	return r.Runner.Run(ctx, e, session{s})
}

type session struct{ *engine.Session }

func (s session) Branch(ctx context.Context, lost func() bool, fn func(script.Journal)) {
	s.Session.Branch(ctx, lost, func(own *engine.Session) { fn(session{own}) })
}

// submit triggers a workflow.
func (w *world) submit(key string) *workflow.Execution {
	w.t.Helper()
	x := &workflow.Execution{ID: store.NewID(), Workflow: key, Version: 1, Input: workflow.Input{Data: json.RawMessage(`{"n":21}`)}}
	require.NoError(w.t, w.store.Insert(w.app, x))
	own := *x // the engine's
	w.engine.Submit(&own)
	return x
}

func (w *world) find(id string) *workflow.Execution {
	w.t.Helper()
	x, err := w.store.Find(context.Background(), id)
	require.NoError(w.t, err)
	return x
}

// pass lets the next parked execution be due.
func (w *world) pass() {
	w.t.Helper()
	at, err := w.store.NextWake(context.Background())
	require.NoError(w.t, err)
	switch ahead := at.Sub(w.now()); {
	case at.IsZero() || at.Equal(w.looked) && w.lookedBy == w.engine:
		return // it has been told
	case ahead > 0:
		w.ahead.Add(int64(ahead + time.Second))
	}
	w.looked, w.lookedBy = at, w.engine
	w.engine.Look()
}

// send sends an event.
func (w *world) send(x *workflow.Execution, name, payload string) {
	w.t.Helper()
	wakes, err := w.store.SendEvent(context.Background(), w.app, &workflow.Event{Execution: x.ID, Name: name, Payload: json.RawMessage(payload)})
	require.NoError(w.t, err)
	if wakes {
		w.engine.Wake(workflow.Waiter{ID: x.ID, Workflow: x.Workflow})
	}
}

// wait calls until again and again until it is true.
func (w *world) wait(what string, until func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !until(); time.Sleep(4 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(w.t, "it does not come to that: "+what)
		}
	}
}

// parks waits until an execution is parked for long, with everything that it
// waits for.
func (w *world) parks(id string) {
	w.t.Helper()
	w.wait("parked", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(w.t, w.engine.Drain(ctx))
		x := w.find(id)
		return x.Status == workflow.StatusWaiting && (x.WakeAt.IsZero() || x.WakeAt.Sub(w.now()) > time.Minute)
	})
}

// children are the executions that one has started.
func (w *world) children(id string) []*core.Record {
	w.t.Helper()
	list, err := w.app.FindRecordsByFilter("_workflowExecutions", "parent = {:id}", "id", 0, 0, map[string]any{"id": id})
	require.NoError(w.t, err)
	return list
}

// journal is an execution's journal as "kind name status", in order.
func (w *world) journal(id string) []string {
	w.t.Helper()
	steps, err := w.store.Steps(context.Background(), id)
	require.NoError(w.t, err)
	list := []string{}
	for _, s := range steps {
		list = append(list, fmt.Sprintf("%s %s %s", s.Kind, s.Name, s.Status))
	}
	slices.Sort(list)
	return list
}
