package owner_test

import (
	"encoding/json"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/owner"
)

func TestOwner_Info(t *testing.T) {
	t.Parallel()

	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir)
		_, err := p.Info()
		require.ErrorIs(t, err, owner.ErrNoOwner)
		assert.ErrorContains(t, err, dir)
		p.start(t)
		p.Stop()
		_, err = p.Info()
		require.ErrorIs(t, err, owner.ErrNoOwner)
		assert.NoFileExists(t, inFolder(dir, "owner.json"))
	})

	t.Run("this_process", func(t *testing.T) {
		t.Parallel()
		dir, now := t.TempDir(), time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
		p := newParty(t, dir, func(c *owner.Config) { c.Now = func() time.Time { return now } })
		p.start(t)
		info, err := p.Info()
		require.NoError(t, err)
		host, err := os.Hostname()
		require.NoError(t, err)
		assert.Equal(t, owner.Info{PID: os.Getpid(), Host: host, Started: now, Heartbeat: now}, info)

		raw, err := os.ReadFile(inFolder(dir, "owner.json"))
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(raw, &fields))
		assert.Equal(t, map[string]any{
			"pid": float64(os.Getpid()), "host": host,
			"started": "2030-01-02T03:04:05.000006Z", "heartbeat": "2030-01-02T03:04:05.000006Z",
		}, fields)
	})

	t.Run("another_process", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		process := spawn(t, dir)
		process.says(t, "owns")
		asker := owner.New(owner.Config{Dir: dir}) // as a command that never starts it
		info, err := asker.Info()
		require.NoError(t, err)
		assert.Equal(t, process.Process.Pid, info.PID)
		assert.WithinDuration(t, time.Now(), info.Heartbeat, time.Minute)

		require.NoError(t, process.Process.Kill())
		_ = process.Wait()
		_, err = asker.Info()
		require.ErrorIs(t, err, owner.ErrNoOwner, "though its file is still there")
		assert.FileExists(t, inFolder(dir, "owner.json"))
	})

	t.Run("a_broken_file", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		p := newParty(t, dir)
		p.start(t)
		require.NoError(t, os.WriteFile(inFolder(dir, "owner.json"), []byte("{"), 0o600))
		_, err := p.Info()
		assert.ErrorContains(t, err, inFolder(dir, "owner.json"))
	})
}

func TestOwner_Heartbeat(t *testing.T) {
	t.Parallel()

	t.Run("moves", func(t *testing.T) {
		t.Parallel()
		began := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		var seconds atomic.Int64
		p := newParty(t, t.TempDir(), heartbeat(5*time.Millisecond), func(c *owner.Config) {
			c.Now = func() time.Time { return began.Add(time.Duration(seconds.Load()) * time.Second) }
		})
		p.start(t)
		for i := range int64(3) {
			seconds.Store(i)
			eventually(t, func() bool {
				info, err := p.Info()
				return err == nil && info.Heartbeat.Equal(began.Add(time.Duration(i)*time.Second)) && info.Started.Equal(began)
			}, "it says that it lives")
		}
	})

	t.Run("that_cannot_be_written_is_logged_once_and_harmless", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(inFolder(dir, "owner.json", "in the way"), 0o700))
		p := newParty(t, dir, heartbeat(time.Millisecond))
		p.start(t)
		time.Sleep(20 * time.Millisecond) // several heartbeats
		assert.True(t, p.Owns())
		assert.Equal(t, 1, p.logs.count("could not be written down"))

		require.NoError(t, os.RemoveAll(inFolder(dir, "owner.json")))
		eventually(t, func() bool { _, err := p.Info(); return err == nil }, "later ones can")
	})
}
