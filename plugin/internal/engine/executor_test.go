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
		Store: store, Runner: run, Now: time.Now,
		Timeout: func(*workflow.Execution) time.Duration { return 0 },
	}
}

func TestExecutor_Execute(t *testing.T) {
	t.Parallel()

	bubble(t, "runs_and_stores_the_end", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		store.add(x)
		outcome, err := newExecutor(store, takes(time.Second)).Execute(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
		row := store.row("a")
		assert.Equal(t, workflow.StatusCompleted, row.Status)
		assert.Equal(t, time.Second, row.FinishedAt.Sub(row.StartedAt))
	})

	bubble(t, "stores_nothing_of_an_interrupted_run", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		store.add(x)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(engine.ErrStopping)
		outcome, err := newExecutor(store, takes(time.Second)).Execute(ctx, x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusQueued, outcome.Status)
		assert.Empty(t, store.called(finish))
	})

	bubble(t, "an_unreadable_journal_is_an_error_and_nothing_runs", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		x.Stored = true
		store.fail(steps, errDisk)
		outcome, err := newExecutor(store, func(context.Context, *workflow.Execution, *engine.Session) workflow.Outcome {
			panic("it ran")
		}).Execute(t.Context(), x)
		require.ErrorIs(t, err, errDisk)
		assert.Equal(t, workflow.StatusQueued, outcome.Status)
		assert.Zero(t, x.Attempt)
	})

	bubble(t, "an_end_that_can_not_be_stored_is_an_error", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		outcome, err := newExecutor(store, takes(time.Second)).Execute(t.Context(), x)
		require.ErrorIs(t, err, workflow.ErrGone, "there is no row")
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
	})
}

func TestExecutor_Finish(t *testing.T) {
	t.Parallel()

	bubble(t, "works_after_its_context_has_ended", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		store.add(x)
		var got error
		checked := ctxStore{fakeStore: store, finish: func(ctx context.Context) { got = ctx.Err() }}
		executor := newExecutor(store, nil)
		executor.Store = checked
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, executor.Finish(ctx, x, workflow.Outcome{Status: workflow.StatusCompleted}))
		require.NoError(t, got, "a shutdown must not keep an end from being stored")
	})

	bubble(t, "again_keeps_the_first_time", func(t *testing.T) {
		store, x := newFakeStore(), execution("a")
		store.add(x)
		store.fail(finish, errDisk)
		executor := newExecutor(store, nil)
		end := time.Now()
		require.ErrorIs(t, executor.Finish(t.Context(), x, workflow.Outcome{Status: workflow.StatusFailed}), errDisk)
		time.Sleep(time.Minute)
		require.NoError(t, executor.Finish(t.Context(), x, workflow.Outcome{Status: workflow.StatusFailed}))
		assert.Equal(t, end, store.row("a").FinishedAt)
	})
}

// ctxStore shows the context of Finish.
type ctxStore struct {
	*fakeStore
	finish func(ctx context.Context)
}

func (s ctxStore) Finish(ctx context.Context, x *workflow.Execution) error {
	s.finish(ctx)
	return s.fakeStore.Finish(ctx, x)
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
		assert.Equal(t, engine.ErrTimeout.Error(), w.store.row("a").Reason)
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
		assert.Equal(t, engine.ErrTimeout.Error(), w.store.row("a").Reason)
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
		assert.Equal(t, engine.ErrTimeout.Error(), w.store.row("a").Reason)
	})
}
