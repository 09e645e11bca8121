package owner

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBell listens to events that are made up, with a clock that jumps ahead
// whenever all goroutines wait.
func TestBell(t *testing.T) {
	t.Parallel()

	type bellTest struct {
		*bell
		events chan fsnotify.Event
		errs   chan error
		began  time.Time
		calls  []time.Duration // of rung, since it began
		fails  []error
	}
	bubble := func(name string, test func(t *testing.T, b *bellTest)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "wake")
			synctest.Test(t, func(t *testing.T) {
				b := &bellTest{events: make(chan fsnotify.Event), errs: make(chan error), began: time.Now()}
				b.bell = &bell{
					path: path, every: time.Hour, again: make(chan struct{}, 1), quit: make(chan struct{}),
					rung:   func() { b.calls = append(b.calls, time.Since(b.began)) },
					failed: func(err error) { b.fails = append(b.fails, err) },
				}
				b.done.Go(func() { b.listen(b.events, b.errs) })
				defer b.stop()
				test(t, b)
			})
		})
	}
	const ms = time.Millisecond
	pass := func(d time.Duration) {
		time.Sleep(d)
		synctest.Wait()
	}
	written := func(b *bellTest) fsnotify.Event { return fsnotify.Event{Name: b.path, Op: fsnotify.Write} }

	bubble("a_burst_is_one_call", func(t *testing.T, b *bellTest) {
		for range 1000 {
			b.events <- written(b)
		}
		pass(time.Second)
		assert.Equal(t, []time.Duration{burst}, b.calls)
	})

	bubble("rings_without_end_do_not_put_it_off", func(t *testing.T, b *bellTest) {
		for range 10 {
			b.events <- written(b)
			pass(9 * ms)
		}
		pass(time.Second)
		assert.Equal(t, []time.Duration{20 * ms, 47 * ms, 74 * ms, 101 * ms}, b.calls)
	})

	bubble("other_files_and_other_changes_do_not_ring", func(t *testing.T, b *bellTest) {
		b.events <- fsnotify.Event{Name: filepath.Join(filepath.Dir(b.path), "else"), Op: fsnotify.Write}
		b.events <- fsnotify.Event{Name: b.path, Op: fsnotify.Chmod}
		b.events <- fsnotify.Event{Name: b.path, Op: fsnotify.Remove}
		pass(time.Minute)
		assert.Empty(t, b.calls)
		b.events <- fsnotify.Event{Name: b.path, Op: fsnotify.Create}
		pass(time.Minute)
		assert.Len(t, b.calls, 1)
	})

	bubble("what_the_system_does_not_report_is_looked_for", func(t *testing.T, b *bellTest) {
		close(b.events)
		close(b.errs)
		pass(90 * time.Minute)
		require.NoError(t, os.WriteFile(b.path, []byte("1"), 0o600))
		pass(10 * time.Hour)
		assert.Equal(t, []time.Duration{2*time.Hour + burst}, b.calls)
	})

	bubble("an_overflow_rings", func(t *testing.T, b *bellTest) {
		b.errs <- fsnotify.ErrEventOverflow
		pass(time.Minute)
		assert.Len(t, b.calls, 1)
		assert.Empty(t, b.fails, "it is no failure")
	})

	bubble("an_error_rings_and_is_told", func(t *testing.T, b *bellTest) {
		errDisk := errors.New("disk I/O error")
		b.errs <- errDisk
		pass(time.Minute)
		assert.Len(t, b.calls, 1)
		require.Len(t, b.fails, 1)
		assert.ErrorIs(t, b.fails[0], errDisk)
	})
}

func TestBell_WithoutWatcher(t *testing.T) {
	t.Parallel()
	var fails []error
	b := newBell(filepath.Join(t.TempDir(), "missing", "wake"), time.Hour, func() {}, func(err error) { fails = append(fails, err) })
	b.start()
	b.stop()
	require.Len(t, fails, 1)
	assert.ErrorContains(t, fails[0], "missing")
}
