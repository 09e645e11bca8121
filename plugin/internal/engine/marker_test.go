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

func TestMarker(t *testing.T) {
	t.Parallel()

	bubble(t, "marks_only_what_takes_a_while", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, _ *engine.Session) workflow.Outcome {
			if x.ID == "slow" {
				return wait(ctx, 10*time.Second)
			}
			return wait(ctx, 50*time.Millisecond)
		})
		w.start()
		w.commit(execution("quick"), execution("slow"))
		time.Sleep(5 * time.Second)
		synctest.Wait()

		row := w.store.row("slow")
		assert.Equal(t, workflow.StatusRunning, row.Status)
		assert.Equal(t, 1, row.Attempt)
		assert.Equal(t, w.began, row.StartedAt)
		w.drain()
		marks := w.store.called(markRunning)
		require.Len(t, marks, 1, "once each")
		assert.Equal(t, []string{"slow"}, marks[0].ids)
		assert.Equal(t, 100*time.Millisecond, marks[0].at.Sub(w.began))
	})

	bubble(t, "marks_several_at_once", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		w.commit(execution("a"), execution("b"), execution("c"))
		w.drain()
		marks := w.store.called(markRunning)
		require.Len(t, marks, 1)
		assert.ElementsMatch(t, []string{"a", "b", "c"}, marks[0].ids)
	})

	bubble(t, "marks_a_later_one_within_200_ms", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		w.commit(execution("a"), execution("b"))
		time.Sleep(90 * time.Millisecond)
		x := execution("c")
		w.store.add(x)
		_, err := w.Run(t.Context(), x)
		require.NoError(t, err)
		w.drain()
		assert.Equal(t, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond}, w.at(markRunning))
	})

	bubble(t, "tells_of_the_next_attempt", func(t *testing.T) {
		w := newWorld(t, takes(10*time.Second))
		a := execution("a")
		a.Status, a.Attempt, a.StartedAt = workflow.StatusRunning, 1, time.Now()
		w.store.add(a)
		w.start()
		time.Sleep(time.Second)
		assert.Equal(t, 2, w.store.row("a").Attempt)
		w.drain()
	})

	bubble(t, "failing_does_no_harm", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.fail(markRunning, errDisk)
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
	})

	bubble(t, "ends_with_the_engine", func(t *testing.T) {
		w := newWorld(t, takes(200*time.Millisecond))
		w.store.delay(markRunning, 5*time.Second)
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		w.Stop()
		assert.Equal(t, 5100*time.Millisecond, w.elapsed(), "a write that is under way is waited for")
		time.Sleep(time.Hour)
		assert.Len(t, w.store.called(markRunning), 1)
	})
}
