package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIdle lets a server be that has nothing to do but to wait for parked
// executions: it asks the database nothing, and the CPU next to nothing.
func TestIdle(t *testing.T) {
	in := newInstance(t, map[string]string{"owner.js": ownerWorkflows, "sleeper.js": sleeperWorkflow})
	in.dev = true // prints every query
	first := in.serve()
	second := in.serve()
	for _, key := range []string{"event", "one", "sleeper", "sleeper"} {
		first.becomes(in, first.start(in, key), "waiting", 10*time.Second)
	}
	second.becomes(in, second.start(in, "who"), "completed", 10*time.Second)
	time.Sleep(5 * time.Second) // PocketBase writes its logs

	type state struct {
		data, wal time.Time
		walSize   int64
		printed   int
	}
	look := func(s *server) state {
		data, err := os.Stat(filepath.Join(in.dir, "pb_data", "data.db"))
		require.NoError(t, err)
		now := state{data: data.ModTime(), printed: len(s.out.String())}
		if wal, err := os.Stat(filepath.Join(in.dir, "pb_data", "data.db-wal")); err == nil {
			now.wal, now.walSize = wal.ModTime(), wal.Size()
		}
		return now
	}
	for name, s := range map[string]*server{"the first": first, "the second": second} {
		require.Contains(t, s.out.String(), "SELECT", "queries are printed")
		var before, after state
		var used time.Duration
		for range 3 { // PocketBase has something to do of its own now and then
			began := s.cpu()
			before = look(s)
			time.Sleep(2 * time.Second) // the span that is measured
			after, used = look(s), s.cpu()-began
			t.Logf("%s: %s of CPU time in 2 s", name, used)
			if before == after && used < 100*time.Millisecond {
				break
			}
		}
		require.Equal(t, before, after, "%s printed: %s", name, s.out)
		require.Less(t, used, 100*time.Millisecond, name)
	}
}
