package e2e

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// memory is how much of a server's memory is resident, in bytes.
func (s *server) memory() int64 {
	s.t.Helper()
	raw := s.proc("status")
	_, rest, _ := strings.Cut(raw, "VmRSS:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(s.t, err)
	return kilobytes << 10
}

// cpu is the CPU time that a server has used.
func (s *server) cpu() time.Duration {
	s.t.Helper()
	raw := s.proc("stat")
	fields := strings.Fields(raw[strings.LastIndexByte(raw, ')')+1:])
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, of 10 ms each on every Linux
		n, err := strconv.ParseInt(f, 10, 64)
		require.NoError(s.t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// proc reads what Linux tells of a process; elsewhere the test is skipped.
func (s *server) proc(file string) string {
	s.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file))
	if os.IsNotExist(err) {
		s.t.Skip("no /proc here")
	}
	require.NoError(s.t, err)
	return string(bytes.TrimSpace(raw))
}

// settledMemory waits until a server's memory stays the same.
func (s *server) settledMemory() int64 {
	s.t.Helper()
	least := s.memory()
	for range 20 {
		time.Sleep(100 * time.Millisecond) // the collector works in the background
		now := s.memory()
		if now == least {
			break
		}
		least = now
	}
	return least
}

const megabyte = 1 << 20

func logSize(tb testing.TB, what string, bytes int64) {
	tb.Helper()
	tb.Logf("%s: %.1f MB", what, float64(bytes)/megabyte)
}
