package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var errDisk = errors.New("disk I/O error")

// bubble is a subtest with a clock of its own that jumps ahead whenever all
// goroutines wait. It fails when one of them is left at the end.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

// runnerFunc is a handler.
type runnerFunc func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome

func (f runnerFunc) Run(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
	return f(ctx, x, s)
}

// takes is a handler that keeps the CPU for d, unless it is interrupted.
func takes(d time.Duration) runnerFunc {
	return func(ctx context.Context, _ *workflow.Execution, _ *engine.Session) workflow.Outcome {
		return wait(ctx, d)
	}
}

// waitsFor is a handler that waits for something else than the CPU for d.
func waitsFor(d time.Duration) runnerFunc {
	return func(ctx context.Context, _ *workflow.Execution, s *engine.Session) (out workflow.Outcome) {
		_ = s.Waiting(ctx, func() error {
			out = wait(ctx, d)
			return nil
		})
		return out
	}
}

// wait is what a script does that is busy for d: it answers an interruption as
// the contract of Runner asks.
func wait(ctx context.Context, d time.Duration) workflow.Outcome {
	select {
	case <-time.After(d):
		return done()
	case <-ctx.Done():
		return interrupted(ctx)
	}
}

func done() workflow.Outcome { return workflow.Outcome{Status: workflow.StatusCompleted} }

func interrupted(ctx context.Context) workflow.Outcome {
	if errors.Is(context.Cause(ctx), engine.ErrTimeout) {
		return workflow.Outcome{Status: workflow.StatusAborted, Reason: "timeout"}
	}
	return workflow.Outcome{Status: workflow.StatusQueued}
}

// broken is the outcome of a script that the journal refused something.
func broken(err error) workflow.Outcome {
	return workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Message: err.Error()}}
}

// naps is a handler that sleeps for d as a step, parked.
func naps(d time.Duration) runnerFunc {
	return func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
		if out, ended := nap(ctx, s, "nap", d); !ended {
			return out
		}
		return done()
	}
}

// nap is ctx.step.sleep; false is a run that has to end with out.
func nap(ctx context.Context, s *engine.Session, name string, d time.Duration) (out workflow.Outcome, ended bool) {
	step, err := s.Begin(name, workflow.StepSleep, nil)
	switch {
	case err != nil:
		return broken(err), false
	case step.Status.Final():
		return out, true
	case step.Status != workflow.StatusWaiting:
		step.WakeAt = s.Now().Add(d)
		return parked(step, workflow.Park{WakeAt: step.WakeAt}), false
	case s.Now().Before(step.WakeAt):
		return parked(step, workflow.Park{WakeAt: step.WakeAt}), false
	}
	step.Status = workflow.StatusCompleted
	if err := s.Save(ctx, step); err != nil {
		return broken(err), false
	}
	return out, true
}

// awaits is a handler that waits for an event, parked, for at most d (0 is for
// ever), and returns its payload.
func awaits(name string, d time.Duration) runnerFunc {
	return func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
		step, err := s.Begin("wait", workflow.StepWaitForEvent, nil)
		if err != nil {
			return broken(err)
		}
		step.Ref = name
		if step.Status != workflow.StatusWaiting && d > 0 {
			step.WakeAt = s.Now().Add(d)
		}
		found, last, err := s.Event(ctx, step, name, func([]byte) (bool, error) { return true, nil })
		switch {
		case err != nil:
			return broken(err)
		case found:
			return workflow.Outcome{Status: workflow.StatusCompleted, Output: step.Result}
		case !step.WakeAt.IsZero() && !s.Now().Before(step.WakeAt):
			return workflow.Outcome{Status: workflow.StatusCompleted, Reason: "late"}
		}
		return parked(step, workflow.Park{WakeAt: step.WakeAt, Events: []workflow.Awaited{{Name: name, After: last}}})
	}
}

// invokes is a handler that invokes the workflow "child" and returns how that
// ended; other workflows run child.
func invokes(child runnerFunc) runnerFunc {
	return func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
		if x.Workflow == "child" {
			return child(ctx, x, s)
		}
		step, err := s.Begin("call", workflow.StepInvoke, nil)
		if err != nil {
			return broken(err)
		}
		if step.Ref == "" {
			step.Status = workflow.StatusWaiting
			if refused, err := s.Invoke(ctx, step, "child", nil, true); refused != nil || err != nil {
				return broken(errors.Join(refused, err))
			}
		}
		found, err := s.Child(ctx, step)
		switch {
		case err != nil:
			return broken(err)
		case !found.Status.Final():
			return parked(step, workflow.Park{Children: []string{step.Ref}})
		}
		return workflow.Outcome{Status: workflow.StatusCompleted, Reason: string(found.Status)}
	}
}

// parked is the outcome of a script that waits.
func parked(step *workflow.Step, p workflow.Park) workflow.Outcome {
	step.Status = workflow.StatusWaiting
	p.Steps = append(p.Steps, step)
	return workflow.Outcome{Status: workflow.StatusWaiting, Park: p}
}

// world is an engine with a fake store and a record of what it ran.
type world struct {
	*engine.Engine
	t     *testing.T
	store *fakeStore
	began time.Time

	mu       sync.Mutex
	runs     []string
	busy     int
	mostBusy int
	ended    []string
}

// newWorld makes an engine that is stopped at the latest when the test ends.
func newWorld(t *testing.T, run runnerFunc, change ...func(*engine.Config)) *world {
	t.Helper()
	w := &world{t: t, store: newFakeStore(), began: time.Now()}
	w.Engine = w.engine(run, change...)
	return w
}

// engine makes another engine for the same store, as the next process would.
func (w *world) engine(run runnerFunc, change ...func(*engine.Config)) *engine.Engine {
	config := engine.Config{
		Store:   w.store,
		Journal: w.store,
		Waits:   w.store,
		Logger:  func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		Workers: 4,
		Runner: runnerFunc(func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
			w.enter(x.ID)
			defer w.leave()
			return run(ctx, x, s)
		}),
		OnFinish: func(x *workflow.Execution) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ended = append(w.ended, x.ID)
		},
	}
	for _, c := range change {
		c(&config)
	}
	e := engine.New(config)
	w.t.Cleanup(e.Stop)
	return e
}

func (w *world) enter(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, id)
	w.busy++
	w.mostBusy = max(w.mostBusy, w.busy)
}

func (w *world) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy--
}

// ran lists the ids in the order in which they were taken up.
func (w *world) ran() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.runs...)
}

// finished lists the ids whose end was stored, in order.
func (w *world) finished() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.ended...)
}

// start starts the engine and lets it settle.
func (w *world) start() {
	w.t.Helper()
	require.NoError(w.t, w.Start())
	synctest.Wait()
}

// commit stores executions and submits them, as a triggering write does.
func (w *world) commit(executions ...*workflow.Execution) {
	w.store.add(executions...)
	w.Submit(executions...)
}

// drain waits until the engine is idle.
func (w *world) drain() {
	w.t.Helper()
	require.NoError(w.t, w.Drain(w.t.Context()))
}

// elapsed is how long ago the world was made, by the clock of the bubble.
func (w *world) elapsed() time.Duration { return time.Since(w.began) }

// at lists when a method of the store was called since the world was made.
func (w *world) at(method string) (times []time.Duration) {
	for _, c := range w.store.called(method) {
		times = append(times, c.at.Sub(w.began))
	}
	return times
}

// execution is one that was triggered just now.
func execution(id string) *workflow.Execution {
	return &workflow.Execution{ID: id, Workflow: "greet", Status: workflow.StatusQueued, Mode: workflow.ModeAsync, Created: time.Now()}
}

// of is an execution of another workflow.
func of(key, id string) *workflow.Execution {
	x := execution(id)
	x.Workflow = key
	return x
}

// many makes n executions with ascending ids.
func many(n int) (list []*workflow.Execution, ids []string) {
	for i := range n {
		x := execution(fmt.Sprintf("x%04d", i))
		list, ids = append(list, x), append(ids, x.ID)
	}
	return list, ids
}

func workers(n int) func(*engine.Config) { return func(c *engine.Config) { c.Workers = n } }

func buffer(n int) func(*engine.Config) { return func(c *engine.Config) { c.Buffer = n } }

func shutdown(d time.Duration) func(*engine.Config) {
	return func(c *engine.Config) { c.ShutdownTimeout = d }
}

func timeout(d time.Duration) func(*engine.Config) {
	return func(c *engine.Config) {
		c.Policy = func(*workflow.Execution) engine.Policy { return engine.Policy{Timeout: d} }
	}
}
