package engine_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// manyOf makes n executions of a workflow.
func manyOf(key string, n int) (list []*workflow.Execution, ids []string) {
	list, ids = many(n)
	for i, x := range list {
		x.Workflow, x.ID = key, key+x.ID
		ids[i] = x.ID
	}
	return list, ids
}

func TestEngine_Turns(t *testing.T) {
	t.Parallel()

	bubble(t, "a_flood_of_one_workflow_does_not_hold_back_another", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1))
		w.start()
		flood, ids := manyOf("flood", 200)
		few, fewIDs := manyOf("few", 3)
		w.commit(flood...)
		w.commit(few...)
		w.drain()
		ran := w.ran()
		assert.Equal(t, []string{ids[0], ids[1], fewIDs[0], ids[2], fewIDs[1], ids[3], fewIDs[2], ids[4]}, ran[:8], "each in turn")
		assert.Equal(t, ids, slices.DeleteFunc(ran, func(id string) bool { return slices.Contains(fewIDs, id) }))
	})

	bubble(t, "nor_one_that_memory_has_no_room_for", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(8))
		w.start()
		flood, _ := manyOf("flood", 200)
		w.commit(flood...)
		w.commit(of("late", "late"))
		time.Sleep(time.Second)
		assert.Contains(t, w.finished(), "late")
		w.drain()
		assert.Len(t, w.finished(), 201)
	})

	bubble(t, "of_many_workflows", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1))
		w.Pause()
		w.start()
		for _, key := range []string{"a", "b", "c"} {
			list, _ := manyOf(key, 2)
			w.commit(list...)
		}
		w.Resume()
		w.drain()
		assert.Equal(t, []string{"ax0000", "bx0000", "cx0000", "ax0001", "bx0001", "cx0001"}, w.ran())
	})

	bubble(t, "a_higher_priority_comes_first", func(t *testing.T) {
		priority := map[string]int{"low": -1, "high": 5}
		w := newWorld(t, takes(50*time.Millisecond), workers(1), func(c *engine.Config) {
			c.Priority = func(key string) int { return priority[key] }
		})
		w.Pause()
		w.start()
		w.commit(of("low", "1"), of("normal", "2"), of("high", "3"), of("low", "4"), of("normal", "5"), of("high", "6"))
		w.Resume()
		w.drain()
		assert.Equal(t, []string{"3", "6", "2", "5", "1", "4"}, w.ran())
	})

	bubble(t, "a_workflow_may_not_have_all_that_wait", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), workers(1))
		w.start()
		flood, _ := manyOf("flood", 40)
		w.commit(flood...)
		w.commit(of("other", "other"))
		w.drain()
		assert.Equal(t, 17, w.mostBusy, "16 of one workflow for a worker")
		assert.Equal(t, 3*time.Second, w.elapsed())
	})

	bubble(t, "nor_all_of_them_more_than_128_for_a_worker", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), workers(1))
		w.start()
		for i := range 10 {
			list, _ := manyOf(string(rune('a'+i)), 16)
			w.commit(list...)
		}
		w.drain()
		assert.Equal(t, 128, w.mostBusy)
		assert.Equal(t, 2*time.Second, w.elapsed())
	})
}

func TestEngine_PausedWorkflow(t *testing.T) {
	t.Parallel()

	bubble(t, "waits_alone_until_it_goes_on", func(t *testing.T) {
		var paused atomic.Bool
		paused.Store(true)
		w := newWorld(t, takes(time.Second), workers(1), func(c *engine.Config) {
			c.Paused = func(key string) bool { return key == "paused" && paused.Load() }
		})
		w.start()
		list, ids := manyOf("paused", 3)
		w.commit(list...)
		w.commit(of("other", "other"))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"other"}, w.ran())
		paused.Store(false)
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"other"}, w.ran(), "nobody told the engine")
		w.Kick()
		w.drain()
		assert.Equal(t, append([]string{"other"}, ids...), w.ran())
	})

	bubble(t, "lets_what_runs_go_on_and_holds_back_what_is_woken", func(t *testing.T) {
		var paused atomic.Bool
		w := newWorld(t, naps(time.Hour), func(c *engine.Config) {
			c.Paused = func(string) bool { return paused.Load() }
		})
		w.start()
		w.commit(execution("a"))
		w.drain()
		paused.Store(true)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Equal(t, workflow.StatusQueued, w.store.row("a").Status, "it was due")
		assert.Equal(t, []string{"a"}, w.ran())
		paused.Store(false)
		w.Kick()
		w.drain()
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
	})
}
