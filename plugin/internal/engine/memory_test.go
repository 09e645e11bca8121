package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEngine_Memory(t *testing.T) {
	t.Parallel()

	// loaded counts how many executions were read.
	loaded := func(w *world) (n int) {
		for _, c := range w.store.called(load) {
			n += len(c.ids)
		}
		return n
	}

	bubble(t, "what_it_has_room_for_is_not_read", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(8))
		w.start()
		list, ids := many(8)
		w.commit(list...)
		w.drain()
		assert.Equal(t, ids, w.ran())
		assert.Zero(t, loaded(w))
	})

	bubble(t, "what_it_has_not_is_known_by_id_and_read_once", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(8))
		w.start()
		list, ids := many(100)
		w.commit(list...)
		w.drain()
		assert.Equal(t, ids, w.ran(), "in order")
		assert.Equal(t, 92, loaded(w), "eight were in memory")
		for _, c := range w.store.called(load) {
			assert.LessOrEqual(t, len(c.ids), 8)
		}
	})

	bubble(t, "what_was_deleted_meanwhile_is_passed_over", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(8))
		w.start()
		list, ids := many(40)
		w.commit(list...)
		w.store.mu.Lock()
		for _, id := range ids[20:30] {
			delete(w.store.rows, id)
		}
		w.store.mu.Unlock()
		w.drain()
		assert.Equal(t, slices.Delete(ids, 20, 30), w.ran())
	})

	bubble(t, "reading_that_fails_is_tried_again", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(8))
		w.store.fail(load, errDisk, errDisk)
		w.start()
		list, ids := many(40)
		w.commit(list...)
		w.drain()
		assert.ElementsMatch(t, ids, w.ran())
		assert.ElementsMatch(t, ids, w.finished())
	})

	bubble(t, "Stop_while_it_reads_leaves_them_to_the_next_start", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(8))
		w.start()
		list, ids := many(40)
		w.commit(list...)
		w.store.delay(load, time.Second)
		time.Sleep(500 * time.Millisecond)
		w.Stop()
		before := w.ran()
		require.Less(t, len(before), 40)
		w.store.delay(load, 0)
		w.start()
		w.drain()
		assert.Equal(t, ids, w.ran())
	})
}
