package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// clock is a wall clock that can be set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) config(config *engine.Config) {
	config.Now = func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }
}

func TestEngine_Alarm(t *testing.T) {
	t.Parallel()

	bubble(t, "wakes_each_at_its_time", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
			d, _ := time.ParseDuration(x.ID)
			return naps(d)(ctx, x, s)
		})
		w.start()
		for _, id := range []string{"2h", "1h", "24h", "90m", "1ms"} {
			w.commit(execution(id))
			w.drain()
			d, _ := time.ParseDuration(id)
			assert.Equal(t, workflow.StatusWaiting, w.store.row(id).Status)
			assert.Equal(t, d, w.store.row(id).WakeAt.Sub(w.began))
		}
		time.Sleep(25 * time.Hour)
		for _, id := range w.finished() {
			d, _ := time.ParseDuration(id)
			assert.Equal(t, d, w.store.row(id).FinishedAt.Sub(w.began), id)
			assert.Equal(t, 2, w.store.row(id).Attempt)
		}
		assert.Equal(t, []string{"1ms", "1h", "90m", "2h", "24h"}, w.finished())
		assert.Len(t, w.at(due), 6, "one look when it starts and one for each")
	})

	bubble(t, "a_thousand_that_are_due_together", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		list, ids := many(1000)
		w.commit(list...)
		w.drain()
		assert.Len(t, w.at(due), 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		w.drain()
		assert.ElementsMatch(t, ids, w.finished())
		assert.Equal(t, time.Hour, w.elapsed())
		assert.Len(t, w.at(due), 5, "by the page")
		assert.Empty(t, w.store.called(load), "they came with their rows")
	})

	bubble(t, "looks_at_the_wall_clock_now_and_then", func(t *testing.T) {
		var wall clock
		w := newWorld(t, naps(24*time.Hour), wall.config)
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Minute + time.Second)
		wall.ahead.Store(int64(24 * time.Hour)) // the machine was asleep
		time.Sleep(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"a"}, w.finished())
		assert.Len(t, w.at(due), 2, "the store is not asked meanwhile")
	})

	bubble(t, "does_not_ring_before_a_clock_that_was_set_back", func(t *testing.T) {
		var wall clock
		w := newWorld(t, naps(time.Hour), wall.config)
		w.start()
		w.commit(execution("a"))
		time.Sleep(30 * time.Minute)
		wall.ahead.Store(-int64(30 * time.Minute))
		time.Sleep(59 * time.Minute)
		assert.Empty(t, w.finished())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []string{"a"}, w.finished())
	})

	bubble(t, "what_was_due_while_stopped_goes_on_once_at_Start", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		w.commit(execution("a"), execution("b"))
		time.Sleep(time.Minute)
		w.Stop()
		time.Sleep(5 * time.Hour)
		assert.Equal(t, workflow.StatusWaiting, w.store.row("a").Status)
		w.start()
		w.drain()
		assert.ElementsMatch(t, []string{"a", "b"}, w.finished())
		assert.Equal(t, 5*time.Hour+time.Minute, w.elapsed(), "late")
		time.Sleep(5 * time.Hour)
		assert.Len(t, w.ran(), 4)
	})

	bubble(t, "rings_after_a_restart", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Minute)
		w.Stop()
		time.Sleep(time.Minute)
		next := w.engine(naps(time.Hour))
		require.NoError(t, next.Start())
		time.Sleep(58*time.Minute - time.Nanosecond)
		assert.Empty(t, w.finished())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, []string{"a"}, w.finished())
	})

	bubble(t, "one_that_is_to_start_later_does", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		a := execution("a")
		a.Status, a.WakeAt = workflow.StatusWaiting, time.Now().Add(time.Hour)
		w.commit(a)
		w.drain()
		assert.Zero(t, w.elapsed(), "it does not count as waiting for its turn")
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"a"}, w.finished())
		assert.Equal(t, time.Hour, w.store.row("a").StartedAt.Sub(w.began))
		assert.Equal(t, 1, w.store.row("a").Attempt)
	})

	bubble(t, "reading_that_fails_is_tried_again", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		w.commit(execution("a"))
		w.drain()
		w.store.fail(due, errDisk, errDisk)
		w.store.fail(nextWake, errDisk)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"a"}, w.finished())
		assert.Equal(t, time.Hour+3*time.Second, w.store.row("a").FinishedAt.Sub(w.began))
	})

	bubble(t, "the_timeout_of_the_execution_ends_a_longer_wait", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			return naps(time.Hour)(ctx, x, s)
		}, timeout(10*time.Minute))
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Hour)
		assert.Equal(t, workflow.StatusAborted, w.store.row("a").Status)
		assert.Equal(t, 10*time.Minute, w.store.row("a").FinishedAt.Sub(w.began))
	})
}

func TestEngine_Park(t *testing.T) {
	t.Parallel()

	bubble(t, "leaves_nothing_behind_but_its_row", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour), workers(1))
		w.start()
		list, ids := many(50)
		w.commit(list...)
		w.drain()
		assert.Zero(t, w.elapsed())
		for _, id := range ids {
			assert.Equal(t, workflow.StatusWaiting, w.store.row(id).Status)
			assert.Equal(t, []string{"nap waiting"}, w.store.recorded(id))
			assert.Equal(t, w.began, w.store.row(id).StartedAt)
		}
	})

	bubble(t, "that_can_not_be_stored_is_tried_again", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.store.fail(park, errDisk, errDisk)
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second}, w.at(park))
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"a"}, w.finished())
	})

	bubble(t, "that_is_marked_late_stays_parked", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
			if x.Attempt == 1 {
				wait(ctx, 150*time.Millisecond)
			}
			return naps(time.Hour)(ctx, x, s)
		})
		w.store.onCall(markRunning, func([]string) { time.Sleep(time.Second) }) // a long queue of writes
		w.start()
		w.commit(execution("a"))
		time.Sleep(2 * time.Second)
		require.Len(t, w.store.called(markRunning), 1)
		assert.Equal(t, workflow.StatusWaiting, w.store.row("a").Status)
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"a"}, w.finished())
	})

	// send sends the event that "a" waits for, and wakes it as the plugin does.
	send := func(w *world) {
		woken, err := w.store.SendEvent("a", "go", `"now"`)
		assert.NoError(w.t, err)
		w.Wake(woken...)
	}
	for name, when := range map[string]func(w *world){
		"before_the_run":  func(w *world) { send(w) },
		"before_the_park": func(w *world) { w.store.onCall(park, func([]string) { send(w) }) },
		"after_the_park":  func(w *world) { w.store.onReturn(park, func([]string) { send(w) }) },
		"long_after_it":   func(w *world) { time.AfterFunc(time.Hour, func() { send(w) }) },
		"while_it_stopped": func(w *world) {
			time.AfterFunc(time.Minute, func() { w.Stop(); send(w); assert.NoError(w.t, w.Start()) })
		},
		"of_another_process": func(w *world) {
			w.store.onReturn(park, func([]string) {
				_, err := w.store.SendEvent("a", "go", `"now"`)
				assert.NoError(w.t, err)
				w.Look() // all that the other process can ask for
				time.Sleep(time.Second)
			})
		},
	} {
		bubble(t, "an_event_is_not_lost_that_comes_"+name, func(t *testing.T) {
			w := newWorld(t, awaits("go", 0))
			w.start()
			w.store.add(execution("a"))
			when(w)
			x := w.store.row("a")
			w.Submit(&x)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			assert.Equal(t, []string{"a"}, w.finished())
			assert.JSONEq(t, `"now"`, string(w.store.row("a").Output))
			assert.LessOrEqual(t, len(w.ran()), 2)
		})
	}

	bubble(t, "a_wait_whose_time_is_over_between_park_and_release", func(t *testing.T) {
		w := newWorld(t, naps(time.Second))
		w.store.delay(park, time.Minute)
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		w.Look() // finds it due while the engine still holds it
		time.Sleep(30 * time.Second)
		w.Look()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"a"}, w.finished())
		assert.Equal(t, []string{"a", "a"}, w.ran())
	})

	for name, delay := range map[string]struct{ child, park time.Duration }{
		"before_the_park": {time.Second, 0}, "while_it_parks": {time.Second, 2 * time.Second}, "later": {time.Hour, 0},
	} {
		bubble(t, "the_end_of_a_child_is_not_lost_that_comes_"+name, func(t *testing.T) {
			w := newWorld(t, func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
				out := invokes(takes(delay.child))(ctx, x, s)
				if name == "before_the_park" && x.Workflow != "child" {
					time.Sleep(2 * time.Second)
				}
				return out
			})
			w.store.delay(park, delay.park)
			w.start()
			w.commit(execution("a"))
			time.Sleep(2 * time.Hour)
			assert.Equal(t, []string{"child000001", "a"}, w.finished())
			assert.Equal(t, "completed", w.store.row("a").Reason)
		})
	}

	bubble(t, "over_many_restarts", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			for i := range 10 {
				if out, ended := nap(ctx, s, fmt.Sprintf("nap %d", i), time.Hour); !ended {
					return out
				}
			}
			return done()
		})
		w.start()
		w.commit(execution("a"))
		for range 20 {
			time.Sleep(37 * time.Minute)
			w.Stop()
			w.start()
		}
		assert.Equal(t, []string{"a"}, w.finished())
		assert.Len(t, w.store.recorded("a"), 10)
		assert.Equal(t, 10*time.Hour, w.store.row("a").FinishedAt.Sub(w.began))
		assert.Len(t, w.ran(), 11, "a restart wakes nobody")
	})
}
