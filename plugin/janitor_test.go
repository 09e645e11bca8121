package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// bubble is a subtest with a clock of its own that jumps ahead whenever all
// goroutines wait. It fails when one of them is left at the end.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

// passes lets the clock go on for d and what is due by then happen.
func passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// fakeStore has as many overdue executions as it is told, and writes down what it
// is asked for.
type fakeStore struct {
	began time.Time

	mu      sync.Mutex
	calls   []string
	looks   []time.Duration // when the executed keys were read
	batches []int
	at      []time.Duration // of the batches
	keys    []string
	overdue atomic.Int64                  // ids of the next walk
	held    func(n int) time.Duration     // by a batch of n
	done    func(n int) int               // of a batch of n
	fail    func(call string) (err error) // instead of an answer
}

func newFakeStore(keys ...string) *fakeStore { return &fakeStore{began: time.Now(), keys: keys} }

func (f *fakeStore) called(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := fmt.Sprintf(format, args...)
	f.calls = append(f.calls, call)
	if f.fail != nil {
		return f.fail(call)
	}
	return nil
}

func (f *fakeStore) ExecutedKeys(context.Context) ([]string, error) {
	f.looks = append(f.looks, time.Since(f.began))
	return f.keys, f.called("keys")
}

func (f *fakeStore) OverAge(_ context.Context, key string, statuses []workflow.Status, before time.Time) store.Pages {
	return f.pages(f.called("%s older than %s %v", key, time.Since(before), statuses))
}

func (f *fakeStore) OverCount(_ context.Context, key string, statuses []workflow.Status, keep int) store.Pages {
	return f.pages(f.called("%s beyond %d %v", key, keep, statuses))
}

func (f *fakeStore) OverTotal(_ context.Context, keep int) store.Pages {
	return f.pages(f.called("all beyond %d", keep))
}

func (f *fakeStore) pages(err error) store.Pages {
	return func(yield func([]string, error) bool) {
		if err != nil {
			yield(nil, err)
			return
		}
		for f.overdue.Load() > 0 {
			page := min(f.overdue.Load(), 1000)
			if !yield(make([]string, page), nil) {
				return
			}
			f.overdue.Add(-page)
		}
	}
}

func (f *fakeStore) DeleteFinished(_ context.Context, ids []string, budget time.Duration) (store.Deletion, error) {
	f.batches, f.at = append(f.batches, len(ids)), append(f.at, time.Since(f.began))
	d := store.Deletion{Done: len(ids), Held: quickBatch}
	if f.done != nil {
		d.Done = f.done(len(ids))
	}
	d.Deleted = d.Done
	if f.held != nil {
		d.Held = f.held(len(ids))
	}
	time.Sleep(d.Held)
	return d, f.called("delete %d in %s", len(ids), budget)
}

// keeps is a janitor for every workflow, with the log that it writes.
func keeps(t *testing.T, f *fakeStore, r *workflow.Retention, total int) (*janitor, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	j := newJanitor(janitorConfig{
		store: f, interval: 10 * time.Minute, maxExecutions: total,
		retention: func(string) *workflow.Retention { return r },
		retains:   func() bool { return total > 0 || len(r.Rules()) > 0 },
		logger:    func() *slog.Logger { return logger },
	})
	t.Cleanup(j.Stop)
	return j, &log
}

func TestJanitor_Rules(t *testing.T) {
	t.Parallel()
	bubble(t, "each_limit_is_a_look_of_its_own", func(t *testing.T) {
		f := newFakeStore("a", "b")
		j, log := keeps(t, f, &workflow.Retention{
			RetentionLimit: workflow.RetentionLimit{Age: time.Hour, Count: 7},
			Statuses: map[workflow.Status]workflow.RetentionLimit{
				workflow.StatusFailed: {Count: 3}, workflow.StatusError: {}, workflow.StatusRejected: {Age: time.Minute},
			},
		}, 100)
		j.Start()
		passes(6 * time.Second)
		j.Stop()
		want := []string{"keys"}
		for _, key := range f.keys {
			want = append(want,
				key+" older than 1h0m0s [completed aborted canceled]", key+" beyond 7 [completed aborted canceled]",
				key+" beyond 3 [failed]", key+" older than 1m0s [rejected]")
		}
		require.Equal(t, append(want, "all beyond 100"), f.calls)
		require.Empty(t, log.String(), "nothing was to be done")
	})

	bubble(t, "a_workflow_without_limits_is_left_alone", func(t *testing.T) {
		f := newFakeStore("a")
		j, _ := keeps(t, f, nil, 100)
		j.Start()
		passes(6 * time.Second)
		require.Equal(t, []string{"keys", "all beyond 100"}, f.calls)
	})
}

func TestJanitor_Clock(t *testing.T) {
	t.Parallel()
	bubble(t, "shortly_after_the_start_and_then_at_every_interval", func(t *testing.T) {
		f := newFakeStore()
		j, _ := keeps(t, f, nil, 1)
		j.Start()
		j.Start()
		passes(31 * time.Minute)
		j.Stop()
		require.Equal(t, []time.Duration{
			firstClean, firstClean + 10*time.Minute, firstClean + 20*time.Minute, firstClean + 30*time.Minute,
		}, f.looks)
		passes(time.Hour)
		j.Refresh()
		require.Len(t, f.looks, 4)
		j.Start()
		passes(time.Minute)
		require.Len(t, f.looks, 5, "it can be started again")
	})

	bubble(t, "a_short_interval_is_soon_enough", func(t *testing.T) {
		f := newFakeStore()
		j, _ := keeps(t, f, nil, 1)
		j.config.interval = time.Second
		j.Start()
		passes(2500 * time.Millisecond)
		require.Equal(t, []time.Duration{time.Second, 2 * time.Second}, f.looks)
	})

	bubble(t, "without_limits_it_never_looks", func(t *testing.T) {
		f := newFakeStore("a")
		f.overdue.Store(10)
		j, _ := keeps(t, f, &workflow.Retention{}, 0)
		var limited atomic.Bool
		j.config.retains = limited.Load
		j.Start()
		passes(24 * time.Hour)
		require.Empty(t, f.calls)

		limited.Store(true)
		j.Refresh() // a workflow file has a limit now
		began := time.Since(f.began)
		passes(time.Minute)
		require.Equal(t, []time.Duration{began + firstClean}, f.looks)
		j.Refresh() // of another file: nothing changes
		passes(10 * time.Minute)
		require.Len(t, f.looks, 2)

		limited.Store(false)
		j.Refresh()
		passes(24 * time.Hour)
		require.Len(t, f.looks, 2)
	})

	bubble(t, "stop_waits_and_may_come_at_any_time", func(t *testing.T) {
		f := newFakeStore()
		f.overdue.Store(100_000)
		f.held = func(int) time.Duration { return 20 * time.Millisecond }
		j, log := keeps(t, f, nil, 1)
		j.Stop()
		j.Start()
		passes(firstClean + 45*time.Millisecond) // in the second batch, which ends
		j.Stop()
		assert.Len(t, f.batches, 2)
		assert.Equal(t, firstClean+60*time.Millisecond, time.Since(f.began))
		assert.NotContains(t, log.String(), "failed", "being stopped is no failure")
		assert.Contains(t, log.String(), "executions=200")
		var stops sync.WaitGroup
		for range 3 {
			stops.Go(j.Stop)
		}
		stops.Wait()
	})
}

func TestJanitor_Batches(t *testing.T) {
	t.Parallel()
	bubble(t, "grow_while_they_are_quick", func(t *testing.T) {
		f := newFakeStore()
		f.overdue.Store(4000)
		f.held = func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
		j, log := keeps(t, f, nil, 1)
		j.Start()
		passes(time.Minute)
		// A page has 1000 ids: what is left of one is a batch of its own.
		require.Equal(t, []int{100, 200, 400, 300, 800, 200, 1000, 1000}, f.batches)
		require.Contains(t, log.String(), "executions=4000")
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=")), "one line for all")
		for i := 1; i < len(f.at); i++ {
			require.GreaterOrEqual(t, f.at[i]-f.at[i-1], minPause, "the writer is let go of")
		}
	})

	bubble(t, "shrink_while_they_are_slow", func(t *testing.T) {
		f := newFakeStore()
		f.overdue.Store(400)
		f.held = func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		j, _ := keeps(t, f, nil, 1)
		j.Start()
		passes(time.Minute)
		require.Equal(t, []int{100, 50, 25, 25}, f.batches[:4])
		require.GreaterOrEqual(t, f.at[1]-f.at[0], 200*time.Millisecond, "and a long one is followed by a long pause")
	})

	bubble(t, "go_on_where_one_ran_out_of_time", func(t *testing.T) {
		f := newFakeStore()
		f.overdue.Store(100)
		left := []int{0, 0, 60, 40}
		f.done = func(n int) int {
			done := min(n, left[0])
			left = left[1:]
			return done
		}
		j, _ := keeps(t, f, nil, 1)
		j.Start()
		passes(time.Minute)
		require.Equal(t, []int{100, 100, 100, 40}, f.batches)
	})

	for _, c := range []struct {
		size batchSize
		held time.Duration
		full bool
		want batchSize
	}{
		{100, 5 * time.Millisecond, true, 200},
		{100, 5 * time.Millisecond, false, 100},
		{100, 10 * time.Millisecond, true, 100},
		{100, 25 * time.Millisecond, true, 100},
		{100, 26 * time.Millisecond, true, 50},
		{100, 26 * time.Millisecond, false, 50},
		{800, time.Millisecond, true, 1000},
		{1, time.Second, true, 1},
	} {
		require.Equal(t, c.want, c.size.after(c.held, c.full), "%+v", c)
	}
}

func TestJanitor_Fails(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"keys", "a older", "a beyond", "all beyond", "delete"} {
		bubble(t, "at_"+call, func(t *testing.T) {
			f := newFakeStore("a")
			var broken atomic.Bool
			broken.Store(true)
			f.fail = func(asked string) error {
				if broken.Load() && len(asked) >= len(call) && asked[:len(call)] == call {
					if call == "a beyond" {
						panic("the database is closed")
					}
					return errors.New("disk I/O error")
				}
				return nil
			}
			if call == "delete" {
				f.overdue.Store(10)
			}
			j, log := keeps(t, f, &workflow.Retention{RetentionLimit: workflow.RetentionLimit{Age: 1, Count: 1}}, 1)
			j.Start()
			passes(firstClean + time.Minute)
			require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=ERROR")), log)
			broken.Store(false)
			f.overdue.Store(10)
			passes(10 * time.Minute)
			require.Contains(t, log.String(), "executions=10", "the next time it works")
		})
	}
}
