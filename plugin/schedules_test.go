package plugin

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
)

// fakeSchedules writes down when it was asked to run what.
type fakeSchedules struct {
	*schedules
	log   bytes.Buffer
	began time.Time
	ahead atomic.Int64 // of the wall clock

	mu    sync.Mutex
	looks map[string][]time.Duration
	last  trigger.Look
	keys  []string
	next  func(key string, now time.Time) (time.Time, error)
}

func newFakeSchedules(t *testing.T, next func(key string, now time.Time) (time.Time, error), keys ...string) *fakeSchedules {
	f := &fakeSchedules{began: time.Now(), looks: map[string][]time.Duration{}, keys: keys, next: next}
	logger := slog.New(slog.NewTextHandler(&f.log, nil))
	f.schedules = newSchedules(schedulesConfig{
		run: func(_ context.Context, key string, look trigger.Look) (time.Time, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.looks[key] = append(f.looks[key], look.Now.Sub(f.began))
			f.last = look
			return f.next(key, look.Now)
		},
		keys: func(context.Context) ([]string, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.keys, nil
		},
		now:    func() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) },
		logger: func() *slog.Logger { return logger },
	})
	t.Cleanup(f.Stop)
	return f
}

func (f *fakeSchedules) looked(key string) []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.looks[key]
	f.looks[key] = nil
	return out
}

// seen is the last look.
func (f *fakeSchedules) seen() trigger.Look {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// every is a schedule of a fixed distance.
func every(d time.Duration) func(string, time.Time) (time.Time, error) {
	return func(_ string, now time.Time) (time.Time, error) { return now.Truncate(d).Add(d), nil }
}

func never(string, time.Time) (time.Time, error) { return time.Time{}, nil }

func TestSchedules_Loop(t *testing.T) {
	t.Parallel()
	const s = time.Second
	bubble(t, "wakes_at_the_time_and_not_before", func(t *testing.T) {
		f := newFakeSchedules(t, every(20*s), "a")
		f.Start()
		f.Start()
		synctest.Wait()
		require.Equal(t, []time.Duration{0}, f.looked("a"))
		require.True(t, f.seen().Began)
		passes(45 * s)
		require.Equal(t, []time.Duration{20 * s, 40 * s}, f.looked("a"))
		require.False(t, f.seen().Began)
		f.Stop()
		f.Stop()
		passes(time.Hour)
		require.Empty(t, f.looked("a"), "stopped")
		f.Start()
		synctest.Wait()
		require.Len(t, f.looked("a"), 1, "started again")
		require.True(t, f.seen().Began)
		require.Zero(t, f.seen().From)
	})
	bubble(t, "nothing_to_run_is_nothing_to_do", func(t *testing.T) {
		f := newFakeSchedules(t, never)
		f.Start()
		passes(time.Hour)
		require.Empty(t, f.looks)
	})
	bubble(t, "a_schedule_without_a_next_time_is_looked_at_each_minute", func(t *testing.T) {
		f := newFakeSchedules(t, never, "a")
		f.Start()
		passes(3*time.Minute + s)
		require.Equal(t, []time.Duration{0, 60 * s, 120 * s, 180 * s}, f.looked("a"))
	})
	bubble(t, "a_new_workflow_is_looked_at_at_once", func(t *testing.T) {
		f := newFakeSchedules(t, every(time.Hour), "a")
		f.Start()
		passes(10 * s)
		f.mu.Lock()
		f.keys = []string{"a", "b"}
		f.mu.Unlock()
		f.Refresh()
		synctest.Wait()
		require.Equal(t, []time.Duration{10 * s}, f.looked("b"))
		require.Equal(t, []time.Duration{0, 10 * s}, f.looked("a"))
	})
	bubble(t, "a_jump_of_the_wall_clock_is_noticed", func(t *testing.T) {
		f := newFakeSchedules(t, every(time.Hour), "a")
		f.Start()
		passes(s)
		f.looked("a")
		f.ahead.Store(int64(3 * time.Hour)) // as after a sleep of the machine
		passes(30 * s)
		require.Equal(t, []time.Duration{3*time.Hour + 30*s}, f.looked("a"))
		f.ahead.Store(0)
		passes(30 * s)
		require.Len(t, f.looked("a"), 1, "back again")
	})
	bubble(t, "pages_follow_one_another", func(t *testing.T) {
		pages := 3
		f := newFakeSchedules(t, func(_ string, now time.Time) (time.Time, error) {
			if pages--; pages > 0 {
				return now, nil
			}
			return time.Time{}, nil
		}, "a")
		f.Start()
		synctest.Wait()
		require.Equal(t, []time.Duration{0, 0, 0}, f.looked("a"))
		require.Zero(t, f.seen().From, "all of them")
	})
	bubble(t, "a_failure_is_tried_again_later_and_later", func(t *testing.T) {
		fails := 3
		f := newFakeSchedules(t, func(_ string, now time.Time) (time.Time, error) {
			switch fails--; {
			case fails == 2:
				panic("closed")
			case fails >= 0:
				return time.Time{}, errors.New("no such table")
			}
			return now.Add(time.Hour), nil
		}, "a")
		f.Start()
		passes(20 * s)
		require.Equal(t, []time.Duration{0, s, 3 * s, 7 * s}, f.looked("a"))
		require.True(t, f.seen().Began, "nothing was looked at before")
		require.Zero(t, f.seen().From)
		require.Contains(t, f.log.String(), "panic: closed")
		require.Contains(t, f.log.String(), "no such table")
	})
}

func TestSchedules_Moved(t *testing.T) {
	t.Parallel()
	const s = time.Second
	bubble(t, "only_what_may_change_the_next_time_is_looked_at", func(t *testing.T) {
		f := newFakeSchedules(t, every(time.Hour), "a")
		now := time.Now()
		next := now.Truncate(time.Hour).Add(time.Hour)
		f.Start()
		passes(s)
		f.looked("a")
		for name, c := range map[string]struct {
			old, due time.Time
			look     bool
		}{
			"later than the next":           {time.Time{}, next.Add(s), false},
			"from later to later":           {next.Add(s), next.Add(2 * s), false},
			"no date":                       {time.Time{}, time.Time{}, false},
			"earlier than the next":         {time.Time{}, next.Add(-s), true},
			"the next one moves":            {next, next.Add(time.Hour), true},
			"the next one is deleted":       {next, time.Time{}, true},
			"a later one is deleted":        {next.Add(s), time.Time{}, false},
			"the past, just so":             {time.Time{}, now, true},
			"the past, from something else": {next.Add(s), now.Add(-time.Hour), true},
		} {
			f.Moved("a", c.old, c.due)
			synctest.Wait()
			require.Equal(t, c.look, len(f.looked("a")) > 0, name)
		}
		f.Moved("unknown", time.Time{}, now)
	})
	bubble(t, "from_the_earliest_on", func(t *testing.T) {
		f := newFakeSchedules(t, every(time.Hour), "a")
		f.Start()
		passes(10 * time.Second)
		at := time.Now()
		f.Moved("a", time.Time{}, at.Add(-40*time.Minute))
		synctest.Wait()
		require.Equal(t, at.Add(-40*time.Minute), f.seen().From)
		f.Moved("a", time.Time{}, at)
		synctest.Wait()
		require.Equal(t, at.Add(-slack), f.seen().From, "what was looked at is over")
	})
}
