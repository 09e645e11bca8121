package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestEngine_Stop(t *testing.T) {
	t.Parallel()

	bubble(t, "lets_what_runs_end_and_takes_nothing_up", func(t *testing.T) {
		w := newWorld(t, takes(3*time.Second), workers(1), shutdown(10*time.Second))
		w.start()
		w.commit(execution("a"), execution("b"))
		synctest.Wait()
		w.Stop()
		assert.Equal(t, 3*time.Second, w.elapsed(), "no longer than needed")
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
		assert.Equal(t, workflow.StatusQueued, w.store.row("b").Status)

		w.commit(execution("c"))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "interrupts_what_takes_longer", func(t *testing.T) {
		var cause error
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, _ *engine.Session) workflow.Outcome {
			out := wait(ctx, time.Hour)
			cause = context.Cause(ctx)
			return out
		}, shutdown(10*time.Second))
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		w.Stop()
		assert.Equal(t, 10*time.Second, w.elapsed())
		require.ErrorIs(t, cause, engine.ErrStopping)
		assert.Empty(t, w.store.called(finish), "its row stays as it is")
		assert.Equal(t, workflow.StatusRunning, w.store.row("a").Status)
	})

	bubble(t, "waits_for_one_that_is_slow_to_give_up", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, _ *engine.Session) workflow.Outcome {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return workflow.Outcome{Status: workflow.StatusCompleted}
		}, shutdown(10*time.Second))
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		w.Stop()
		assert.Equal(t, 70*time.Second, w.elapsed())
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status, "an end after the interruption is stored too")
	})

	bubble(t, "waits_for_what_Run_runs", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour), shutdown(10*time.Second))
		w.start()
		x := execution("a")
		w.store.add(x)
		result := make(chan workflow.Outcome, 1)
		go func() {
			outcome, err := w.Run(context.Background(), x)
			assert.NoError(t, err)
			result <- outcome
		}()
		synctest.Wait()
		w.Stop()
		assert.Equal(t, workflow.StatusQueued, (<-result).Status)
		assert.Equal(t, 10*time.Second, w.elapsed())
	})

	bubble(t, "waits_for_a_branch_that_nobody_waits_for", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			s.Branch(ctx, never, func(*engine.Session) { time.Sleep(time.Minute) })
			return done()
		}, shutdown(10*time.Second))
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Zero(t, w.elapsed(), "its execution has ended")
		w.Stop()
		assert.Equal(t, time.Minute, w.elapsed())
	})

	bubble(t, "before_Start_and_twice", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.Stop()
		w.Stop()
		w.start()
		w.commit(execution("a"))
		w.drain()
		w.Stop()
		w.Stop()
		assert.Equal(t, []string{"a"}, w.finished())
		assert.Equal(t, time.Second, w.elapsed(), "an idle engine stops at once")
	})

	bubble(t, "at_the_same_time_from_two_sides", func(t *testing.T) {
		w := newWorld(t, takes(3*time.Second))
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		other := make(chan struct{})
		go func() {
			defer close(other)
			w.Stop()
		}()
		w.Stop()
		<-other
		assert.Equal(t, []string{"a"}, w.finished())
	})
}

func TestEngine_Restart(t *testing.T) {
	t.Parallel()

	bubble(t, "takes_up_what_was_interrupted_and_what_waited", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, _ *engine.Session) workflow.Outcome {
			if x.Attempt > 1 || x.ID == "b" {
				return wait(ctx, time.Second)
			}
			return wait(ctx, time.Hour)
		}, workers(1), shutdown(10*time.Second))
		w.start()
		w.commit(execution("a"), execution("b"))
		synctest.Wait()
		w.Stop()
		time.Sleep(time.Minute)

		w.start()
		w.drain()
		assert.Equal(t, []string{"a", "a", "b"}, w.ran())
		assert.Equal(t, 2, w.store.row("a").Attempt)
		assert.Equal(t, 1, w.store.row("b").Attempt)
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
		assert.Equal(t, workflow.StatusCompleted, w.store.row("b").Status)
	})

	bubble(t, "goes_on_with_what_is_submitted", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		for _, id := range []string{"a", "b", "c"} {
			w.start()
			w.commit(execution(id))
			w.drain()
			w.Stop()
		}
		assert.Equal(t, []string{"a", "b", "c"}, w.finished())
	})
}
