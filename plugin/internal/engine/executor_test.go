package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// newExecutor makes an executor without a timeout.
func newExecutor(store *fakeStore, run runnerFunc) *engine.Executor {
	return &engine.Executor{
		Journal: store, Waits: store, Runner: run, Now: time.Now,
		Policy: func(*workflow.Execution) engine.Policy { return engine.Policy{} },
	}
}

func TestExecutor_Run(t *testing.T) {
	t.Parallel()

	bubble(t, "tells_of_an_attempt_and_stores_nothing", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		store.add(x)
		began := time.Now()
		outcome, err := newExecutor(store, takes(time.Second)).Run(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
		assert.Equal(t, 1, x.Attempt)
		assert.Equal(t, began, x.StartedAt)
		assert.Empty(t, store.calls, "a fresh execution has no journal to read")
	})

	bubble(t, "an_interrupted_run_is_to_be_taken_up_again", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(engine.ErrStopping)
		outcome, err := newExecutor(store, takes(time.Second)).Run(ctx, x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusQueued, outcome.Status)
	})

	bubble(t, "an_unreadable_journal_is_an_error_and_nothing_runs", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		x.Stored = true
		store.fail(steps, errDisk)
		outcome, err := newExecutor(store, func(context.Context, *workflow.Execution, *engine.Session) workflow.Outcome {
			panic("it ran")
		}).Run(t.Context(), x)
		require.ErrorIs(t, err, errDisk)
		assert.Equal(t, workflow.StatusQueued, outcome.Status)
		assert.Zero(t, x.Attempt)
	})

	bubble(t, "a_wait_ends_with_the_time_of_the_execution", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		executor := newExecutor(store, naps(time.Hour))
		executor.Policy = func(*workflow.Execution) engine.Policy { return engine.Policy{Timeout: time.Minute} }
		outcome, err := executor.Run(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusWaiting, outcome.Status)
		assert.Equal(t, time.Minute, time.Until(outcome.Park.WakeAt))
	})
}

func TestEngine_Timeout(t *testing.T) {
	t.Parallel()

	bubble(t, "interrupts_with_its_cause", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour), timeout(10*time.Second))
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, 10*time.Second, w.elapsed())
		assert.Equal(t, workflow.StatusAborted, w.store.row("a").Status)
		assert.Equal(t, "timeout", w.store.row("a").Reason)
	})

	bubble(t, "leaves_alone_what_ends_in_time", func(t *testing.T) {
		w := newWorld(t, takes(9*time.Second), timeout(10*time.Second))
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
	})

	bubble(t, "goes_on_over_a_restart", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour), timeout(10*time.Second), shutdown(time.Second))
		w.start()
		w.commit(execution("a"))
		time.Sleep(5 * time.Second)
		w.Stop()
		w.start()
		w.drain()
		assert.Equal(t, 10*time.Second, w.elapsed(), "counted from the first start")
		assert.Equal(t, "timeout", w.store.row("a").Reason)
	})

	bubble(t, "that_is_over_before_a_restart_ends_at_once", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour), timeout(10*time.Second))
		a := execution("a")
		a.Status, a.Attempt, a.StartedAt = workflow.StatusRunning, 1, time.Now()
		w.store.add(a)
		time.Sleep(time.Minute)
		w.start()
		w.drain()
		assert.Equal(t, time.Minute, w.elapsed())
		assert.Equal(t, "timeout", w.store.row("a").Reason)
	})
}
