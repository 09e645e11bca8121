package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestEngine_Run(t *testing.T) {
	t.Parallel()

	bubble(t, "does_not_wait_for_the_pool", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.start()
		list, _ := many(10)
		w.commit(list...)
		synctest.Wait()
		x := execution("sync")
		w.store.add(x)
		outcome, err := w.Run(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
		assert.Equal(t, workflow.StatusCompleted, w.store.row("sync").Status, "the end is stored by then")
		assert.Equal(t, time.Second, w.elapsed())
	})

	bubble(t, "works_before_Start_and_while_paused", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.Pause()
		x := execution("a")
		w.store.add(x)
		outcome, err := w.Run(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
	})

	bubble(t, "goes_on_when_the_caller_leaves", func(t *testing.T) {
		w := newWorld(t, takes(10*time.Second))
		w.start()
		x := execution("a")
		w.store.add(x)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Run(ctx, x)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, w.elapsed())
		assert.Empty(t, w.finished())

		w.drain()
		assert.Equal(t, 10*time.Second, w.elapsed())
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
	})

	bubble(t, "of_one_that_is_held_waits_for_its_end", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.start()
		running, queued := execution("a"), execution("b")
		w.commit(running, queued)
		for i, x := range []*workflow.Execution{running, queued} {
			outcome, err := w.Run(t.Context(), x)
			require.NoError(t, err)
			assert.Equal(t, workflow.StatusCompleted, outcome.Status)
			assert.Equal(t, time.Duration(i+1)*time.Second, w.elapsed())
		}
		assert.Equal(t, []string{"a", "b"}, w.ran())
	})

	bubble(t, "holds_it_against_Submit", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		x := execution("a")
		w.store.add(x)
		go w.Run(t.Context(), x)
		synctest.Wait()
		w.Submit(x)
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "returns_at_the_end_over_all_waits", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		x := execution("a")
		w.store.add(x)
		outcome, err := w.Run(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
		assert.Equal(t, time.Hour, w.elapsed())
		assert.Equal(t, []string{"a", "a"}, w.ran())
	})

	bubble(t, "returns_when_the_engine_stops_while_it_is_parked", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		x := execution("a")
		w.store.add(x)
		result := w.run(x)
		time.Sleep(time.Minute)
		w.Stop()
		assert.Equal(t, workflow.StatusQueued, (<-result).Status)
		assert.Equal(t, time.Minute, w.elapsed())
		assert.Equal(t, workflow.StatusWaiting, w.store.row("a").Status)
	})

	bubble(t, "parks_before_Start_and_is_left_to_it", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		x := execution("a")
		w.store.add(x)
		outcome, err := w.Run(t.Context(), x)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusQueued, outcome.Status)
		w.start()
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"a"}, w.finished())
	})

	bubble(t, "several_callers_are_told", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		x := execution("a")
		w.store.add(x)
		first, second := w.run(x), w.run(x)
		assert.Equal(t, workflow.StatusCompleted, (<-first).Status)
		assert.Equal(t, workflow.StatusCompleted, (<-second).Status)
		assert.Equal(t, []string{"a"}, w.finished())
	})
}
