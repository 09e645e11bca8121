package owner_test

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/owner"
)

func TestOwner_Ring(t *testing.T) {
	t.Parallel()

	t.Run("wakes_the_owner", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first, second := newParty(t, dir), newParty(t, dir)
		first.start(t)
		second.start(t)
		for range 3 {
			require.NoError(t, second.Ring())
			within(t, first.rung)
		}
		assert.Empty(t, second.rung)

		first.Stop()
		eventually(t, second.Owns, "it took over")
		require.NoError(t, first.Ring(), "one that is stopped may ring too")
		within(t, second.rung)
	})

	t.Run("between_processes", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir)
		p.start(t)
		process := spawn(t, dir)
		process.says(t, "started")
		_, err := io.WriteString(process.stdin, "\n")
		require.NoError(t, err)
		within(t, p.rung)

		p.Stop()
		process.says(t, "owns")
		// It hears before it says so, and calls back after.
		require.NoError(t, p.Ring())
		process.says(t, "rung")
	})

	t.Run("by_the_owner_does_nothing", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir)
		p.start(t)
		require.NoError(t, p.Ring())
		assert.NoFileExists(t, inFolder(dir, "bell", "workflows.wake"))
	})

	t.Run("while_OnAcquire_runs_is_heard_afterwards", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		other := newParty(t, dir)
		var acquired atomic.Bool
		p := newParty(t, dir, func(c *owner.Config) {
			c.OnAcquire = func() error {
				assert.NoError(t, other.Ring())
				time.Sleep(50 * time.Millisecond) // longer than a burst
				acquired.Store(true)
				return nil
			}
			ring := c.OnRing
			c.OnRing = func() {
				assert.True(t, acquired.Load())
				ring()
			}
		})
		p.start(t)
		within(t, p.rung)
	})

	t.Run("OnRing_is_never_concurrent_and_Stop_waits_for_it", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		other := newParty(t, dir)
		var busy sync.Mutex
		began := make(chan struct{}, 100)
		p := newParty(t, dir, func(c *owner.Config) {
			c.OnRing = func() {
				if assert.True(t, busy.TryLock()) {
					defer busy.Unlock()
				}
				began <- struct{}{}
				time.Sleep(50 * time.Millisecond) // longer than a burst
			}
			c.OnRelease = func() {
				assert.True(t, busy.TryLock(), "OnRing has ended")
			}
		})
		p.start(t)
		require.NoError(t, other.Ring())
		within(t, began)
		require.NoError(t, other.Ring())
		within(t, began)
		p.Stop()
		require.NoError(t, other.Ring())
		assert.Empty(t, began)
	})

	t.Run("heartbeats_do_not_ring", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir, heartbeat(time.Millisecond))
		p.start(t)
		require.NoError(t, os.WriteFile(inFolder(dir, "bell", "else"), []byte("x"), 0o600))
		time.Sleep(50 * time.Millisecond)
		assert.Empty(t, p.rung)
	})
}
