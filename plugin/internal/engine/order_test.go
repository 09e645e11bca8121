package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEngine_OddOrders(t *testing.T) {
	t.Parallel()

	bubble(t, "a_free_worker_takes_up_what_comes_while_others_are_busy", func(t *testing.T) {
		w := newWorld(t, takes(time.Minute), workers(4))
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		w.commit(execution("b"))
		synctest.Wait()
		assert.Equal(t, []string{"a", "b"}, w.ran())
		w.drain()
	})

	bubble(t, "timeout_goes_on_over_two_restarts", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour), timeout(10*time.Second), shutdown(time.Second))
		w.start()
		w.commit(execution("a"))
		for range 2 {
			time.Sleep(2 * time.Second)
			w.Stop()
			w.start()
		}
		w.drain()
		assert.Equal(t, 10*time.Second, w.elapsed(), "counted from the first start")
		assert.Equal(t, w.began, w.store.row("a").StartedAt)
	})

	bubble(t, "a_journal_that_stays_unreadable_is_read_with_waits", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"))
		for range 1000 {
			w.store.fail(steps, errDisk)
		}
		time.Sleep(time.Minute)
		w.start()
		assert.Len(t, w.store.called(steps), 1)
		time.Sleep(10 * time.Second)
		assert.LessOrEqual(t, len(w.store.called(steps)), 11)
	})

	bubble(t, "Drain_returns_when_a_scan_ends_while_paused", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.delay(active, time.Second)
		require.NoError(t, w.Start())
		w.Pause()
		w.drain()
	})

	bubble(t, "Drain_returns_when_Stop_drops_what_waits", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		w.Pause()
		w.commit(execution("a"))
		go func() { time.Sleep(time.Second); w.Stop() }()
		w.drain()
	})

	bubble(t, "Drain_returns_when_Stop_ends_a_scan", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.delay(active, 2*time.Second)
		require.NoError(t, w.Start())
		go func() { time.Sleep(time.Second); w.Stop() }()
		w.drain()
	})

	bubble(t, "a_Submit_that_comes_after_a_scan_ran_it", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		x := execution("a")
		w.store.add(x)
		w.start()
		w.drain()
		w.Submit(x) // the goroutine that committed it was late
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "an_idle_engine_whose_reads_fail_stops_at_once", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		for range 10 {
			w.store.fail(active, errDisk)
		}
		w.start()
		time.Sleep(8 * time.Second)
		w.Stop()
		assert.Equal(t, 8*time.Second, w.elapsed())
	})

	bubble(t, "Run_tells_that_the_journal_was_unreadable", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		x := execution("a")
		x.Stored = true
		w.store.add(x)
		w.store.fail(steps, errDisk)
		_, err := w.Run(t.Context(), x)
		require.ErrorIs(t, err, errDisk)
	})
}
