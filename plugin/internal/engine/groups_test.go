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

// groups limits the executions of the same role name.
func groups(limit int) func(*engine.Config) {
	return func(c *engine.Config) {
		c.Policy = func(x *workflow.Execution) engine.Policy { return engine.Policy{Limit: limit, Group: x.RoleName} }
		c.Limited = func() []string { return []string{"greet"} }
	}
}

// in puts executions into a group.
func in(group string, list ...*workflow.Execution) []*workflow.Execution {
	for _, x := range list {
		x.RoleName = group
	}
	return list
}

// inGroup makes n executions of a group.
func inGroup(group string, n int) (list []*workflow.Execution, ids []string) {
	list, ids = many(n)
	for i, x := range in(group, list...) {
		x.ID = group + x.ID
		ids[i] = x.ID
	}
	return list, ids
}

func TestEngine_Groups(t *testing.T) {
	t.Parallel()

	bubble(t, "no_more_of_a_group_at_a_time_in_their_order", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), groups(2))
		w.start()
		list, ids := inGroup("a", 6)
		w.commit(list...)
		w.drain()
		assert.Equal(t, 2, w.mostBusy)
		assert.Equal(t, 3*time.Second, w.elapsed())
		assert.ElementsMatch(t, ids[:2], w.ran()[:2])
		assert.ElementsMatch(t, ids[2:4], w.ran()[2:4])
	})

	bubble(t, "each_key_for_itself", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), groups(1))
		w.start()
		for _, key := range []string{"a", "b", "c"} {
			list, _ := inGroup(key, 4)
			w.commit(list...)
		}
		w.drain()
		assert.Equal(t, 3, w.mostBusy)
		assert.Equal(t, 4*time.Second, w.elapsed())
	})

	bubble(t, "a_long_line_keeps_its_order_and_nobody_else_waits_for_it", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), groups(1), workers(1), buffer(16))
		w.start()
		list, ids := inGroup("a", 150)
		w.commit(list...)
		w.commit(in("b", of("other", "other"))...)
		w.drain()
		assert.Equal(t, 150*time.Second, w.elapsed())
		ran := w.ran()
		require.Len(t, ran, 151)
		assert.Equal(t, "other", ran[1])
		assert.Equal(t, ids, append(ran[:1:1], ran[2:]...))
	})

	bubble(t, "a_parked_one_keeps_its_place", func(t *testing.T) {
		w := newWorld(t, naps(time.Minute), groups(1))
		w.start()
		list, ids := inGroup("a", 3)
		w.commit(list...)
		time.Sleep(time.Hour)
		assert.Equal(t, []string{ids[0], ids[0], ids[1], ids[1], ids[2], ids[2]}, w.ran())
		for i, id := range ids {
			assert.Equal(t, time.Duration(i+1)*time.Minute, w.store.row(id).FinishedAt.Sub(w.began))
		}
	})

	bubble(t, "also_over_a_restart", func(t *testing.T) {
		w := newWorld(t, naps(time.Minute), groups(1))
		w.start()
		list, ids := inGroup("a", 3)
		w.commit(list...)
		time.Sleep(time.Second)
		w.Stop()
		w.start()
		time.Sleep(time.Second)
		assert.Equal(t, ids[:1], w.ran())
		time.Sleep(time.Hour)
		assert.Equal(t, []string{ids[0], ids[0], ids[1], ids[1], ids[2], ids[2]}, w.ran())
	})

	bubble(t, "before_a_newcomer_that_comes_while_the_engine_starts", func(t *testing.T) {
		w := newWorld(t, naps(time.Minute), groups(1))
		w.start()
		list, ids := inGroup("a", 2)
		w.commit(list[0])
		time.Sleep(time.Second)
		w.Stop()
		w.store.delay(begun, time.Second)
		require.NoError(t, w.Start())
		w.commit(list[1])
		time.Sleep(30 * time.Second)
		assert.Equal(t, ids[:1], w.ran())
		time.Sleep(time.Hour)
		assert.Equal(t, []string{ids[0], ids[0], ids[1], ids[1]}, w.ran())
	})

	bubble(t, "and_one_that_was_due_while_the_engine_was_stopped", func(t *testing.T) {
		w := newWorld(t, naps(time.Minute), groups(1))
		first, second := in("a", execution("z"))[0], in("a", execution("b"))[0]
		w.start()
		w.commit(first)
		time.Sleep(time.Second)
		w.Stop()
		w.store.add(second) // its id comes first
		time.Sleep(time.Hour)
		w.start()
		w.drain()
		assert.Equal(t, []string{"z", "z", "b"}, w.ran())
	})

	bubble(t, "and_one_that_was_woken_while_the_engine_was_stopped", func(t *testing.T) {
		w := newWorld(t, awaits("go", 0), groups(1))
		first, second := in("a", execution("z"))[0], in("a", execution("b"))[0]
		w.start()
		w.commit(first)
		time.Sleep(time.Second)
		w.Stop()
		w.store.add(second)
		woken, err := w.store.SendEvent("z", "go", `1`)
		require.NoError(t, err)
		require.Len(t, woken, 1)
		w.start()
		w.drain()
		assert.Equal(t, []string{"z", "z", "b"}, w.ran())
	})

	bubble(t, "a_canceled_one_gives_its_place_to_the_next", func(t *testing.T) {
		for _, c := range []struct {
			name   string
			cancel int // of three, the first of which is parked
			ran    []int
		}{
			{"parked", 0, []int{0, 1, 1, 2, 2}},
			{"blocked", 1, []int{0, 0, 2, 2}},
			{"last", 2, []int{0, 0, 1, 1}},
		} {
			w := newWorld(t, naps(time.Minute), groups(1))
			w.start()
			list, ids := inGroup("a", 3)
			w.commit(list...)
			time.Sleep(time.Second)
			canceled, err := w.Cancel(t.Context(), []string{ids[c.cancel]}, "canceled")
			require.NoError(t, err)
			require.Equal(t, []string{ids[c.cancel]}, canceled)
			time.Sleep(time.Hour)
			var want []string
			for _, i := range c.ran {
				want = append(want, ids[i])
			}
			assert.Equal(t, want, w.ran(), c.name)
		}
	})

	bubble(t, "one_that_another_process_cancels_too", func(t *testing.T) {
		w := newWorld(t, naps(time.Minute), groups(1))
		w.start()
		list, ids := inGroup("a", 2)
		w.commit(list...)
		time.Sleep(time.Second)
		w.Look() // as long as it is parked it has its place
		time.Sleep(time.Second)
		require.Equal(t, ids[:1], w.ran())
		_, err := w.store.Cancel(t.Context(), ids[:1], "canceled")
		require.NoError(t, err)
		w.Look()
		time.Sleep(time.Hour)
		assert.Equal(t, []string{ids[0], ids[1], ids[1]}, w.ran())
	})

	bubble(t, "one_that_is_canceled_when_its_turn_has_come_too", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), groups(1))
		w.start()
		list, ids := inGroup("a", 3)
		w.commit(list...)
		time.Sleep(500 * time.Millisecond)
		w.Pause() // the second gets the place but no turn
		time.Sleep(time.Second)
		_, err := w.Cancel(t.Context(), ids[1:2], "canceled")
		require.NoError(t, err)
		w.Resume()
		w.drain()
		assert.Equal(t, []string{ids[0], ids[2]}, w.ran())
	})

	bubble(t, "and_one_that_is_deleted_then", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), groups(1))
		w.start()
		list, ids := inGroup("a", 80) // the last ones are known by id only
		w.commit(list...)
		time.Sleep(500 * time.Millisecond)
		w.store.mu.Lock()
		for _, id := range ids[1:79] {
			delete(w.store.rows, id)
		}
		w.store.mu.Unlock()
		w.drain()
		assert.Equal(t, ids[79], w.ran()[len(w.ran())-1])
	})

	bubble(t, "one_that_can_not_be_read_keeps_its_place", func(t *testing.T) {
		w := newWorld(t, naps(time.Minute), groups(1))
		w.start()
		list, ids := inGroup("a", 2)
		w.commit(list...)
		time.Sleep(time.Second)
		w.store.fail(steps, errDisk, errDisk)
		time.Sleep(time.Hour)
		assert.Equal(t, []string{ids[0], ids[0], ids[1], ids[1]}, w.ran())
	})

	bubble(t, "Run_waits_for_the_turn_of_its_group", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), groups(1))
		w.start()
		list, ids := inGroup("a", 2)
		w.commit(list[0])
		w.store.add(list[1])
		outcome, err := w.Run(t.Context(), list[1])
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
		assert.Equal(t, 2*time.Second, w.elapsed())
		assert.Equal(t, ids, w.ran())
	})

	bubble(t, "a_Stop_between_turn_and_place_runs_nothing_twice", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, _ *engine.Session) workflow.Outcome {
			return wait(ctx, 3*time.Second)
		}, groups(1))
		list, ids := inGroup("a", 2)
		w.store.add(list...)
		w.store.delay(load, time.Second)
		require.NoError(t, w.Start())
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		w.Stop()
		w.store.delay(load, 0)
		w.start()
		w.drain()
		assert.ElementsMatch(t, ids, w.finished())
		assert.Len(t, w.finished(), 2)
		ran := map[string]int{}
		for _, id := range w.ran() {
			ran[id]++
		}
		assert.Equal(t, map[string]int{ids[0]: 1, ids[1]: 1}, ran)
	})
}
