package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// waitFor is how long a test waits for a run that has to end soon.
const waitFor = 20 * time.Second

// stage runs workflow sources: an app, a runner and the versions it knows.
type stage struct {
	t        testing.TB
	app      *tests.TestApp
	runner   *Runner
	versions map[string]*workflow.Version
}

// newStage is a runner on a PocketBase test app; with changes its Config.
func newStage(t testing.TB, with ...func(*Config)) *stage {
	t.Helper()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	s := &stage{t: t, app: app, versions: map[string]*workflow.Version{}}
	config := Config{
		App: app,
		Source: func(key string, number int) (*workflow.Version, error) {
			if v := s.versions[fmt.Sprintf("%s@%d", key, number)]; v != nil {
				return v, nil
			}
			return nil, fmt.Errorf("there is no version %d of %q", number, key)
		},
		WorkflowsDir: t.TempDir() + "/workflows",
	}
	for _, change := range with {
		change(&config)
	}
	s.runner = New(config)
	return s
}

// limit makes scripts that keep the CPU for longer than d end.
func limit(d time.Duration) func(*Config) { return func(c *Config) { c.ScriptTimeout = d } }

// limited runs fn with a script timeout that only holds meanwhile.
func (s *stage) limited(d time.Duration, fn func()) {
	before := s.runner.config.ScriptTimeout
	s.runner.config.ScriptTimeout = d
	defer func() { s.runner.config.ScriptTimeout = before }()
	fn()
}

// binding adds a Go function to the scripts' globals.
func binding(name string, fn any) func(*Config) {
	return func(c *Config) {
		c.Bind = func(vm *goja.Runtime, _ func() *workflow.Execution) { _ = vm.Set(name, fn) }
	}
}

// handler is the source of a file with one workflow, "w", whose handler is the
// given function; the function's text begins on line 2.
func handler(fn string) string {
	return "workflow(\"w\", { on: { type: \"action\", collection: \"demo2\" } },\n" + fn + ")"
}

// define stores source as the next version of workflow "w" and returns an
// execution that is pinned to it.
func (s *stage) define(source string, modules map[string]string) *workflow.Execution {
	number := len(s.versions) + 1
	s.versions[fmt.Sprintf("w@%d", number)] = &workflow.Version{
		Workflow: "w", Number: number, Hash: fmt.Sprint(hash(source, modules), number), File: "w.js", Script: source, Modules: modules,
	}
	return &workflow.Execution{
		ID: "e1", Workflow: "w", Version: number, Attempt: 1, Mode: workflow.ModeAsync,
		Input: workflow.Input{Data: json.RawMessage(`{"id":"r1","title":"Hello"}`)},
	}
}

// run executes a handler once, with a journal that holds the given steps.
func (s *stage) run(fn string, recorded ...*workflow.Step) (workflow.Outcome, *journal) {
	s.t.Helper()
	return s.execute(context.Background(), s.define(handler(fn), nil), recorded...)
}

// execute runs an execution and fails the test when that takes for ever.
func (s *stage) execute(ctx context.Context, e *workflow.Execution, recorded ...*workflow.Step) (workflow.Outcome, *journal) {
	s.t.Helper()
	j := newJournal(s.app, recorded)
	done := make(chan workflow.Outcome, 1)
	go func() { done <- s.runner.Run(ctx, e, j) }()
	select {
	case out := <-done:
		return out, j
	case <-time.After(waitFor):
		require.FailNow(s.t, "the run does not end")
		return workflow.Outcome{}, nil
	}
}

// output runs a handler that has to complete.
func (s *stage) output(fn string, recorded ...*workflow.Step) string {
	s.t.Helper()
	out, _ := s.run(fn, recorded...)
	require.Equalf(s.t, workflow.StatusCompleted, out.Status, "%+v", out.Failure)
	return string(out.Output)
}

// journal keeps steps in memory.
type journal struct {
	app      core.App
	recorded []*workflow.Step
	uses     map[string]int
	seq      int
	// saved are the steps that this run added.
	saved []*workflow.Step
	// refuse, when set, is what saving any step fails with.
	refuse error
}

var _ Journal = (*journal)(nil)

func newJournal(app core.App, recorded []*workflow.Step) *journal {
	return &journal{app: app, recorded: recorded, uses: map[string]int{}}
}

func (j *journal) Begin(name string, kind workflow.StepKind, options []byte) (*workflow.Step, error) {
	index := j.uses[name]
	j.uses[name]++
	j.seq++
	for _, step := range j.recorded {
		if step.Name == name && step.Index == index {
			return step, nil
		}
	}
	return &workflow.Step{Name: name, Index: index, Seq: j.seq - 1, Kind: kind, Status: workflow.StatusRunning, Attempt: 1}, nil
}

func (j *journal) Save(ctx context.Context, step *workflow.Step) error {
	if j.refuse != nil {
		return j.refuse
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j.saved = append(j.saved, step)
	return nil
}

func (j *journal) Transaction(ctx context.Context, step *workflow.Step, fn func(tx any) error) error {
	err := j.app.RunInTransaction(func(tx core.App) error {
		return errors.Join(fn(tx), ctx.Err(), j.refuse)
	})
	if err == nil {
		step.Status = workflow.StatusCompleted
		j.saved = append(j.saved, step)
	}
	return err
}

func (j *journal) Waiting(_ context.Context, fn func() error) error { return fn() }

func (j *journal) Now() time.Time { return time.Now() }

func (j *journal) Waits() bool { return true }

func (j *journal) Event(context.Context, *workflow.Step, string, func([]byte) (bool, error)) (bool, string, error) {
	return false, "", nil
}

func (j *journal) Invoke(context.Context, *workflow.Step, string, []byte, bool) (refused, err error) {
	return errors.New("no workflows here"), nil
}

func (j *journal) Child(context.Context, *workflow.Step) (*workflow.Execution, error) {
	return nil, workflow.ErrGone
}

func (j *journal) OpenTask(context.Context, *workflow.Step, workflow.TaskOptions) (refused, err error) {
	return nil, workflow.ErrGone
}

func (j *journal) TaskDue(context.Context, *workflow.Step) error { return workflow.ErrGone }

func (j *journal) TaskEnd(context.Context, *workflow.Step) (bool, error) { return false, nil }

func (j *journal) Fork(*workflow.Step) {}

func (j *journal) BranchStep(*workflow.Step, string) *workflow.Step { return &workflow.Step{} }

func (j *journal) Branch(context.Context, func() bool, func(Journal)) {}

func (j *journal) Enter(*workflow.Step, string, bool) {}

func (j *journal) Replaying() bool { return j.seq < len(j.recorded) }

// names lists the saved steps as name#index=status.
func (j *journal) names() []string {
	out := []string{}
	for _, step := range j.saved {
		out = append(out, fmt.Sprintf("%s#%d=%s", step.Name, step.Index, step.Status))
	}
	return out
}

// write puts a file into the workflows directory.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// assertOutput is for goroutines, where require must not be used.
func assertOutput(t testing.TB, out workflow.Outcome, want string) bool {
	t.Helper()
	return assert.Equalf(t, workflow.StatusCompleted, out.Status, "%+v", out.Failure) && assert.JSONEq(t, want, string(out.Output))
}
