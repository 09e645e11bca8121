package store

import (
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewID(t *testing.T) {
	t.Parallel()
	format := regexp.MustCompile(`^[a-z0-9]{15}$`)
	var (
		mu   sync.Mutex
		seen = map[string]bool{}
		wg   sync.WaitGroup
	)
	for range 8 {
		wg.Go(func() {
			ids := make([]string, 2000)
			for i := range ids {
				ids[i] = NewID()
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				seen[id] = true
			}
			if !slices.IsSorted(ids) || !format.MatchString(ids[0]) {
				t.Errorf("not sorted or malformed: %s …", ids[0])
			}
		})
	}
	wg.Wait()
	require.Len(t, seen, 8*2000)
}

func TestIDSource_ClockAndOverflow(t *testing.T) {
	t.Parallel()
	var s idSource
	now := time.UnixMilli(1_700_000_000_000)
	first := s.next(now)
	require.Less(t, first, s.next(now.Add(-time.Hour)), "the clock stepped back")
	s.tail = idTails - 1
	full := s.next(now) // the tail is used up: the next millisecond is borrowed
	require.Less(t, first, full)
	require.Less(t, full, s.next(now))
	require.Less(t, full, s.next(now.Add(time.Second)))
}
