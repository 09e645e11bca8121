package owner_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/owner"
)

func TestOwner_Start(t *testing.T) {
	t.Parallel()

	t.Run("a_free_folder_is_taken_at_once", func(t *testing.T) {
		t.Parallel()
		var p *party
		p = newParty(t, t.TempDir(), func(c *owner.Config) {
			acquire := c.OnAcquire
			c.OnAcquire = func() error {
				assert.True(t, p.Owns(), "what it starts may ask")
				return acquire()
			}
		})
		assert.False(t, p.Owns())
		p.start(t)
		assert.True(t, p.Owns())
		assert.Len(t, p.acquired, 1, "before Start returned")
	})

	t.Run("twice_does_nothing", func(t *testing.T) {
		t.Parallel()
		p := newParty(t, t.TempDir())
		p.start(t)
		p.start(t)
		assert.Len(t, p.acquired, 1)
	})

	t.Run("with_defaults_only", func(t *testing.T) {
		t.Parallel()
		o := owner.New(owner.Config{Dir: t.TempDir()})
		require.NoError(t, o.Start())
		assert.True(t, o.Owns())
		o.Stop()
		assert.False(t, o.Owns())
	})

	t.Run("an_error_of_OnAcquire_gives_the_folder_back", func(t *testing.T) {
		t.Parallel()
		dir, errStore := t.TempDir(), errors.New("no store")
		fail := errStore
		p := newParty(t, dir, func(c *owner.Config) { c.OnAcquire = func() error { return fail } })
		err := p.Start()
		require.ErrorIs(t, err, errStore)
		assert.ErrorContains(t, err, dir)
		assert.False(t, p.Owns())

		other := newParty(t, dir)
		other.start(t)
		assert.True(t, other.Owns(), "nothing of it is left")
		other.Stop()

		fail = nil
		p.start(t)
		assert.True(t, p.Owns(), "it may be started again")
		assert.Empty(t, p.released)
	})
}

func TestOwner_Folder(t *testing.T) {
	t.Parallel()

	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "pb_data")
		p := newParty(t, dir)
		err := p.Start()
		require.ErrorIs(t, err, os.ErrNotExist)
		assert.ErrorContains(t, err, dir)
		assert.NoDirExists(t, dir)
		assert.NoError(t, p.Ring())
		_, err = p.Info()
		assert.ErrorIs(t, err, owner.ErrNoOwner)
	})

	t.Run("not_given", func(t *testing.T) {
		t.Parallel()
		assert.ErrorContains(t, newParty(t, "").Start(), "no folder given")
	})

	t.Run("read_only", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		if os.Mkdir(filepath.Join(dir, "probe"), 0o700) == nil {
			t.Skip("this user may write everywhere")
		}
		err := newParty(t, dir).Start()
		require.ErrorIs(t, err, os.ErrPermission)
		assert.ErrorContains(t, err, inFolder(dir))
	})

	t.Run("a_file_in_its_place", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(inFolder(dir), nil, 0o600))
		p := newParty(t, dir)
		assert.ErrorContains(t, p.Start(), inFolder(dir))
		if runtime.GOOS == "windows" {
			return // there it is the same as no folder
		}
		assert.ErrorContains(t, p.Ring(), inFolder(dir))
		_, err := p.Info()
		assert.ErrorContains(t, err, inFolder(dir))
	})

	t.Run("stale_files_of_a_backup_do_no_harm", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(inFolder(dir, "bell"), 0o700))
		require.NoError(t, os.WriteFile(inFolder(dir, "workflows.lock"), nil, 0o600))
		require.NoError(t, os.WriteFile(inFolder(dir, "owner.json"), []byte(`{"pid":1,"host":"old"}`), 0o600))
		require.NoError(t, os.WriteFile(inFolder(dir, "bell", "workflows.wake"), []byte("1 2 3\n"), 0o600))

		p := newParty(t, dir, heartbeat(5*time.Millisecond))
		_, err := p.Info()
		require.ErrorIs(t, err, owner.ErrNoOwner)
		p.start(t)
		info, err := p.Info()
		require.NoError(t, err)
		assert.Equal(t, os.Getpid(), info.PID)
		time.Sleep(50 * time.Millisecond) // some looks at the wake file
		assert.Empty(t, p.rung)
	})
}

func TestOwner_Takeover(t *testing.T) {
	t.Parallel()

	t.Run("the_second_waits_until_the_first_has_stopped", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		var first, second *party
		first = newParty(t, dir, func(c *owner.Config) {
			c.OnRelease = func() {
				time.Sleep(50 * time.Millisecond) // several tries of the second
				assert.False(t, second.Owns(), "they never overlap")
				assert.True(t, first.Owns(), "until all has ended")
			}
		})
		second = newParty(t, dir)
		first.start(t)
		second.start(t)
		eventually(t, func() bool { return second.logs.count("Another process runs the workflows") == 1 }, "it says so")
		assert.False(t, second.Owns())
		assert.Empty(t, second.acquired)

		first.Stop()
		assert.False(t, first.Owns())
		within(t, second.acquired)
		assert.True(t, second.Owns())
		eventually(t, func() bool { return second.logs.count("This process runs the workflows from now on") == 1 }, "it says so")
		assert.Equal(t, 1, second.logs.count("Another process"), "once, not at every try")
		assert.Equal(t, 1, second.logs.count("pid="))
	})

	t.Run("after_kill_9", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		process := spawn(t, dir)
		process.says(t, "owns")
		p := newParty(t, dir)
		p.start(t)
		assert.False(t, p.Owns())

		require.NoError(t, process.Process.Kill())
		within(t, p.acquired)
		eventually(t, p.Owns, "it took over")
		info, err := p.Info()
		require.NoError(t, err)
		assert.Equal(t, os.Getpid(), info.PID)
	})

	t.Run("an_error_of_OnAcquire_is_tried_again", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first := newParty(t, dir)
		first.start(t)
		tries := make(chan struct{}, 1000)
		second := newParty(t, dir, func(c *owner.Config) {
			c.OnAcquire = func() error {
				tries <- struct{}{}
				if len(tries) < 3 {
					return errors.New("no store")
				}
				return nil
			}
		})
		second.start(t)
		first.Stop()
		eventually(t, second.Owns, "the third try succeeds")
		assert.Len(t, tries, 3)
		assert.Equal(t, 1, second.logs.count("Taking over the workflows failed"), "the same error is logged once")
	})

	t.Run("of_many_one_owns_at_a_time", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		var owners sync.Mutex
		var all sync.WaitGroup
		for range 8 {
			p := newParty(t, dir, retry(time.Millisecond), func(c *owner.Config) {
				acquire := c.OnAcquire
				c.OnAcquire = func() error {
					assert.True(t, owners.TryLock(), "another one owns")
					return acquire()
				}
				c.OnRelease = func() { owners.Unlock() }
			})
			all.Go(func() {
				for range 3 {
					if assert.NoError(t, p.Start()) {
						within(t, p.acquired)
						p.Stop()
					}
				}
			})
		}
		all.Wait()
	})
}

func TestOwner_Stop(t *testing.T) {
	t.Parallel()

	t.Run("before_start_and_twice", func(t *testing.T) {
		t.Parallel()
		p := newParty(t, t.TempDir())
		p.Stop()
		p.start(t)
		p.Stop()
		p.Stop()
		assert.False(t, p.Owns())
		assert.Len(t, p.released, 1)
	})

	t.Run("and_start_again", func(t *testing.T) {
		t.Parallel()
		p := newParty(t, t.TempDir())
		for range 5 {
			p.start(t)
			require.True(t, p.Owns())
			p.Stop()
			require.False(t, p.Owns())
		}
		assert.Len(t, p.acquired, 5)
		assert.Len(t, p.released, 5)
	})

	t.Run("while_waiting", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first, second := newParty(t, dir), newParty(t, dir, retry(time.Hour))
		first.start(t)
		second.start(t)
		second.Stop()
		first.Stop()
		assert.Empty(t, second.acquired)
		assert.Empty(t, second.released)
		second.start(t)
		assert.True(t, second.Owns())
	})

	t.Run("from_many_goroutines", func(t *testing.T) {
		t.Parallel()
		p := newParty(t, t.TempDir())
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { assert.NoError(t, p.Start()) })
			all.Go(p.Stop)
		}
		all.Wait()
		p.Stop()
		assert.Len(t, p.released, len(p.acquired))
	})
}

func TestOwner_ReplacedLockFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed")
	}

	t.Run("its_new_one_is_taken", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir, heartbeat(5*time.Millisecond))
		p.start(t)
		require.NoError(t, os.Rename(inFolder(dir), filepath.Join(dir, "moved")))
		eventually(t, func() bool { return p.logs.count("its new one is taken") == 1 }, "it noticed")
		within(t, p.rung) // whoever rang meanwhile was not heard
		assert.True(t, p.Owns())

		second := newParty(t, dir)
		second.start(t)
		assert.False(t, second.Owns())
		require.NoError(t, second.Ring())
		within(t, p.rung)
		p.Stop()
		within(t, second.acquired)
		assert.Len(t, p.acquired, 1)
		assert.Len(t, p.released, 1)
	})

	t.Run("taken_by_another_process_ends_the_ownership", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir, heartbeat(5*time.Millisecond))
		p.start(t)
		within(t, p.acquired)
		other := flock.New(inFolder(dir, "other"))
		require.NoError(t, other.Lock())
		require.NoError(t, os.Rename(other.Path(), inFolder(dir, "workflows.lock")))

		within(t, p.released)
		eventually(t, func() bool { return !p.Owns() }, "it does not own any more")
		eventually(t, func() bool {
			_, err := os.Stat(inFolder(dir, "bell", "workflows.wake"))
			return err == nil
		}, "the other one is told that there may be more to run")
		require.NoError(t, other.Unlock())
		within(t, p.acquired)
	})
}
