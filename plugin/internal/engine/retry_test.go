package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// doubling are the times of eight tries that wait longer and longer, up to half
// a minute.
func doubling(from time.Duration) []time.Duration {
	times := []time.Duration{from}
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		from += wait * time.Second
		times = append(times, from)
	}
	return times
}

func TestEngine_FinishFails(t *testing.T) {
	t.Parallel()

	bubble(t, "is_tried_again_with_doubling_waits", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.fail(finish, errDisk, errDisk, errDisk, errDisk, errDisk, errDisk, errDisk)
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, doubling(time.Second), w.at(finish))
		assert.Equal(t, []string{"a"}, w.ran(), "it does not run again")
		assert.Equal(t, []string{"a"}, w.finished())
		row := w.store.row("a")
		assert.Equal(t, time.Second, row.FinishedAt.Sub(row.StartedAt), "the end is when it ended")
	})

	bubble(t, "does_not_keep_the_worker_from_the_next", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.store.fail(finish, errDisk)
		w.start()
		w.commit(execution("a"), execution("b"))
		w.drain()
		assert.Equal(t, 2*time.Second, w.elapsed())
		assert.ElementsMatch(t, []string{"a", "b"}, w.finished())
	})

	bubble(t, "is_final_when_the_row_is_gone", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		w.Submit(execution("deleted"))
		w.drain()
		assert.Len(t, w.store.called(finish), 1)
		assert.Empty(t, w.finished(), "there was no end to tell of")
		assert.Equal(t, time.Second, w.elapsed())
	})

	bubble(t, "until_the_shutdown_is_left_to_the_next_start", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), shutdown(5*time.Second))
		w.store.fail(finish, errDisk, errDisk, errDisk, errDisk)
		w.start()
		w.commit(execution("a"))
		time.Sleep(2 * time.Second)
		w.Stop()
		assert.Equal(t, 7*time.Second, w.elapsed())
		assert.False(t, w.store.row("a").Status.Final())

		w.store.mu.Lock()
		w.store.errs = map[string][]error{}
		w.store.mu.Unlock()
		w.start()
		w.drain()
		assert.Equal(t, []string{"a", "a"}, w.ran())
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
		assert.Len(t, w.store.called(steps), 1, "the second run replays what the first recorded")
	})
}

func TestEngine_ReadingFails(t *testing.T) {
	t.Parallel()

	bubble(t, "the_waiting_ones_are_read_again_with_doubling_waits", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"))
		w.store.fail(active, errDisk, errDisk, errDisk, errDisk, errDisk, errDisk, errDisk)
		w.start()
		w.drain()
		assert.Equal(t, doubling(0), w.at(active))
		assert.Equal(t, []string{"a"}, w.finished())
	})

	bubble(t, "what_was_submitted_meanwhile_is_not_lost", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.fail(active, errDisk)
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "one_whose_journal_was_unreadable_is_taken_up_again", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"))
		w.store.fail(steps, errDisk)
		time.Sleep(time.Minute)
		w.start()
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Equal(t, 1, w.store.row("a").Attempt, "it had not begun")
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
	})

	bubble(t, "does_not_keep_Stop_from_ending", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), shutdown(time.Second))
		for range 10 {
			w.store.fail(active, errDisk)
		}
		require.NoError(t, w.Start())
		time.Sleep(4 * time.Second)
		synctest.Wait()
		w.Stop()
		assert.LessOrEqual(t, w.elapsed(), 5*time.Second)
	})
}
