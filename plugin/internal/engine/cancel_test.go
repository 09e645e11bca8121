package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// cancel cancels an execution and returns what that ended.
func (w *world) cancel(id string) []string {
	w.t.Helper()
	ended, err := w.Cancel(w.t.Context(), []string{id}, "canceled")
	require.NoError(w.t, err)
	return ended
}

// run is Run for a test: it waits on a goroutine of its own.
func (w *world) run(x *workflow.Execution) <-chan workflow.Outcome {
	result := make(chan workflow.Outcome, 1)
	go func() {
		outcome, err := w.Run(context.Background(), x)
		assert.NoError(w.t, err)
		result <- outcome
	}()
	return result
}

func TestEngine_Cancel(t *testing.T) {
	t.Parallel()

	bubble(t, "one_that_waits_for_its_turn_never_runs", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.start()
		w.commit(execution("a"), execution("b"), execution("c"))
		synctest.Wait()
		assert.Equal(t, []string{"b"}, w.cancel("b"))
		w.drain()
		assert.Equal(t, []string{"a", "c"}, w.ran())
		assert.Equal(t, workflow.StatusCanceled, w.store.row("b").Status)
		assert.Equal(t, "canceled", w.store.row("b").Reason)
		assert.Equal(t, []string{"a", "c"}, w.finished())
	})

	bubble(t, "one_that_memory_has_no_room_for_too", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(1), buffer(2))
		w.start()
		list, ids := many(20)
		w.commit(list...)
		w.cancel(ids[15])
		w.drain()
		assert.NotContains(t, w.ran(), ids[15])
		assert.Len(t, w.finished(), 19)
	})

	bubble(t, "one_whose_turn_has_come_does_not_start", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"))
		w.store.delay(load, time.Second) // it has been read
		require.NoError(t, w.Start())
		time.Sleep(500 * time.Millisecond)
		assert.Equal(t, []string{"a"}, w.cancel("a"))
		w.drain()
		assert.Empty(t, w.ran())
		assert.Equal(t, time.Second, w.elapsed())
	})

	bubble(t, "one_that_is_parked_is_not_woken", func(t *testing.T) {
		w := newWorld(t, naps(time.Hour))
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, []string{"a"}, w.cancel("a"))
		assert.Equal(t, []string{"nap canceled"}, w.store.recorded("a"))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Empty(t, w.cancel("a"), "it has ended")
		_, err := w.store.SendEvent("a", "go", `1`)
		require.ErrorIs(t, err, workflow.ErrGone)
	})

	bubble(t, "one_that_runs_is_interrupted", func(t *testing.T) {
		var cause error
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, _ *engine.Session) workflow.Outcome {
			out := wait(ctx, time.Hour)
			cause = context.Cause(ctx)
			return out
		})
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Second)
		assert.Equal(t, []string{"a"}, w.cancel("a"))
		w.drain()
		require.ErrorIs(t, cause, engine.ErrCanceled)
		assert.Equal(t, time.Second, w.elapsed())
		assert.Empty(t, w.store.called(finish))
		assert.Empty(t, w.finished())
		assert.Equal(t, workflow.StatusCanceled, w.store.row("a").Status)
	})

	bubble(t, "one_that_runs_and_does_not_care_has_ended_all_the_same", func(t *testing.T) {
		w := newWorld(t, func(context.Context, *workflow.Execution, *engine.Session) workflow.Outcome {
			time.Sleep(10 * time.Second)
			return done()
		})
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Second)
		w.cancel("a")
		w.drain()
		assert.Equal(t, 10*time.Second, w.elapsed())
		assert.Equal(t, workflow.StatusCanceled, w.store.row("a").Status)
		assert.Empty(t, w.finished())
	})

	bubble(t, "one_that_reads_its_journal_is_no_failure", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		a := execution("a")
		a.Attempt = 1
		w.store.add(a)
		w.store.onCall(steps, func([]string) { time.Sleep(time.Second) })
		w.store.fail(steps, context.Canceled)
		require.NoError(t, w.Start())
		time.Sleep(500 * time.Millisecond)
		w.cancel("a")
		w.drain()
		assert.Equal(t, time.Second, w.elapsed(), "it is not tried again")
		assert.Empty(t, w.ran())
	})

	bubble(t, "ends_the_children_that_it_waits_for", func(t *testing.T) {
		w := newWorld(t, invokes(invokes(naps(time.Hour))))
		w.Engine = w.engine(func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
			if x.ID == "child000001" { // has a child itself
				x := *x
				x.Workflow = "parent"
				return invokes(naps(time.Hour))(ctx, &x, s)
			}
			return invokes(naps(time.Hour))(ctx, x, s)
		})
		w.start()
		w.commit(execution("a"))
		w.drain()
		require.Equal(t, []string{"a", "child000001", "child000003"}, w.ran())
		assert.ElementsMatch(t, []string{"a", "child000001", "child000003"}, w.cancel("a"))
		time.Sleep(2 * time.Hour)
		assert.Len(t, w.ran(), 3)
		for _, id := range w.ran() {
			assert.Equal(t, workflow.StatusCanceled, w.store.row(id).Status)
		}
	})

	bubble(t, "of_a_child_wakes_its_parent", func(t *testing.T) {
		w := newWorld(t, invokes(takes(time.Hour)))
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Second)
		require.Equal(t, workflow.StatusWaiting, w.store.row("a").Status)
		w.cancel("child000001")
		w.drain()
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
		assert.Equal(t, "canceled", w.store.row("a").Reason, "that is how the child ended")
		assert.Equal(t, time.Second, w.elapsed())
	})

	bubble(t, "of_several_at_once_and_of_none", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.start()
		list, ids := many(5)
		w.commit(list...)
		ended, err := w.Cancel(t.Context(), []string{ids[1], ids[2], ids[3], "unknown"}, "canceled")
		require.NoError(t, err)
		assert.ElementsMatch(t, ids[1:4], ended)
		ended, err = w.Cancel(t.Context(), nil, "canceled")
		require.NoError(t, err)
		assert.Empty(t, ended)
		w.drain()
		assert.Equal(t, []string{ids[0], ids[4]}, w.ran())
	})

	bubble(t, "that_fails_ends_nothing", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		w.commit(execution("a"))
		w.store.fail(cancel, errDisk)
		_, err := w.Cancel(t.Context(), []string{"a"}, "canceled")
		require.ErrorIs(t, err, errDisk)
		w.drain()
		assert.Equal(t, []string{"a"}, w.finished())
	})

	bubble(t, "works_while_the_engine_is_stopped", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"), execution("b"))
		assert.Equal(t, []string{"a"}, w.cancel("a"))
		w.start()
		w.drain()
		assert.Equal(t, []string{"b"}, w.ran())
	})

	for name, handler := range map[string]runnerFunc{"runs": takes(time.Hour), "is_parked": naps(time.Hour)} {
		bubble(t, "is_told_to_the_caller_of_Run_when_it_"+name, func(t *testing.T) {
			w := newWorld(t, handler)
			w.start()
			x := execution("a")
			w.store.add(x)
			result := w.run(x)
			time.Sleep(time.Second)
			w.cancel("a")
			assert.Equal(t, workflow.StatusCanceled, (<-result).Status)
			assert.Equal(t, time.Second, w.elapsed())
			w.drain()
		})
	}

	bubble(t, "is_told_to_the_caller_of_Run_when_it_waits_for_its_group", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour), groups(1))
		w.start()
		w.commit(execution("a"))
		x := execution("b")
		w.store.add(x)
		result := w.run(x)
		time.Sleep(time.Second)
		w.cancel("b")
		assert.Equal(t, workflow.StatusCanceled, (<-result).Status)
		w.cancel("a")
		w.drain()
	})
}

func TestEngine_Children(t *testing.T) {
	t.Parallel()

	bubble(t, "a_parent_that_ends_cancels_the_child_that_it_waits_for", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			return invokes(naps(time.Hour))(ctx, x, s)
		}, func(c *engine.Config) {
			c.Policy = func(x *workflow.Execution) engine.Policy {
				if x.Workflow == "child" {
					return engine.Policy{}
				}
				return engine.Policy{Timeout: time.Minute}
			}
		})
		w.start()
		w.commit(execution("a"))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, workflow.StatusAborted, w.store.row("a").Status)
		assert.Equal(t, workflow.StatusCanceled, w.store.row("child000001").Status)
		assert.Equal(t, []string{"a", "child000001"}, w.ran(), "what is over needs no run to end")
	})

	bubble(t, "a_child_runs_at_once_and_its_parent_goes_on_at_its_end", func(t *testing.T) {
		w := newWorld(t, invokes(waitsFor(time.Second)), workers(1))
		w.start()
		list, _ := many(10)
		w.commit(list...)
		w.drain()
		assert.Equal(t, time.Second, w.elapsed())
		assert.Len(t, w.finished(), 20)
	})

	bubble(t, "over_a_restart_between_the_ends", func(t *testing.T) {
		w := newWorld(t, invokes(takes(time.Minute)), shutdown(2*time.Minute))
		w.start()
		w.commit(execution("a"))
		time.Sleep(time.Second)
		w.Stop() // the child ends meanwhile
		require.Equal(t, []string{"child000001"}, w.finished())
		require.Equal(t, workflow.StatusQueued, w.store.row("a").Status)
		w.start()
		w.drain()
		assert.Equal(t, []string{"child000001", "a"}, w.finished())
	})
}
