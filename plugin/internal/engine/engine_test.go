package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestEngine_Submit(t *testing.T) {
	t.Parallel()

	bubble(t, "runs_and_finishes", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, _ *engine.Session) workflow.Outcome {
			out := wait(ctx, 2*time.Second)
			out.Output, out.Messages = json.RawMessage(`"hi"`), []string{"greeted"}
			return out
		})
		w.start()
		w.commit(execution("a"))
		w.drain()

		row := w.store.row("a")
		assert.Equal(t, workflow.StatusCompleted, row.Status)
		assert.JSONEq(t, `"hi"`, string(row.Output))
		assert.Equal(t, []string{"greeted"}, row.Messages)
		assert.Equal(t, 1, row.Attempt)
		assert.Equal(t, w.began, row.StartedAt)
		assert.Equal(t, 2*time.Second, row.FinishedAt.Sub(row.StartedAt))
		assert.Equal(t, []string{"a"}, w.finished(), "OnFinish is told once")
		assert.Empty(t, w.store.called(steps), "a fresh execution has no journal to read")
	})

	bubble(t, "twice_runs_once", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		a := execution("a")
		w.commit(a, a)
		synctest.Wait()
		w.Submit(a)
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "and_found_by_a_scan_runs_once", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		list, ids := many(20)
		w.store.add(list...)
		require.NoError(t, w.Start())
		w.Submit(list...)
		w.drain()
		assert.Len(t, w.ran(), len(ids))
		assert.ElementsMatch(t, ids, w.finished())
	})

	bubble(t, "one_that_ends_while_a_scan_reads_it_runs_once", func(t *testing.T) {
		w := newWorld(t, takes(500*time.Millisecond))
		w.start()
		w.store.delay(active, time.Second)
		w.commit(execution("a"))
		w.Look() // sees a as active; it ends before the read returns
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Len(t, w.store.called(active), 2)
		assert.Equal(t, time.Second, w.elapsed())
	})

	bubble(t, "before_Start_leaves_it_to_Start", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.commit(execution("a"))
		synctest.Wait()
		assert.Empty(t, w.ran())
		w.start()
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})
}

func TestEngine_Workers(t *testing.T) {
	t.Parallel()

	bubble(t, "no_more_keep_the_CPU_at_a_time", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(3))
		w.start()
		list, ids := many(10)
		w.commit(list...)
		w.drain()
		assert.Equal(t, 3, w.mostBusy)
		assert.Equal(t, 4*time.Second, w.elapsed(), "ten on three workers take four rounds")
		assert.ElementsMatch(t, ids, w.ran())
	})

	bubble(t, "those_that_wait_do_not_count", func(t *testing.T) {
		w := newWorld(t, waitsFor(time.Second), workers(3))
		w.start()
		list, ids := many(40)
		w.commit(list...)
		w.drain()
		assert.Equal(t, time.Second, w.elapsed())
		assert.Equal(t, 40, w.mostBusy)
		assert.ElementsMatch(t, ids, w.ran())
	})

	bubble(t, "first_come_first_served", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.start()
		list, ids := many(10)
		w.commit(list[5:]...)
		w.commit(list[:5]...)
		w.drain()
		assert.Equal(t, append(ids[5:], ids[:5]...), w.ran())
	})

	bubble(t, "a_panic_ends_as_error_and_the_worker_goes_on", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, x *workflow.Execution, _ *engine.Session) workflow.Outcome {
			if x.ID == "bad" {
				panic("boom")
			}
			return wait(ctx, time.Second)
		}, workers(1))
		w.start()
		w.commit(execution("bad"), execution("good"))
		w.drain()

		bad := w.store.row("bad")
		assert.Equal(t, workflow.StatusError, bad.Status)
		require.NotNil(t, bad.Failure)
		assert.Equal(t, "panic", bad.Failure.Name)
		assert.Equal(t, "boom", bad.Failure.Message)
		assert.Contains(t, bad.Failure.Stack, "engine_test.go", "the stack leads to the place")
		assert.Equal(t, workflow.StatusCompleted, w.store.row("good").Status)
	})
}

func TestEngine_Pause(t *testing.T) {
	t.Parallel()

	bubble(t, "takes_nothing_up_until_Resume", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.start()
		w.commit(execution("a"), execution("b"))
		synctest.Wait()
		w.Pause()
		w.commit(execution("c"))
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Equal(t, []string{"a"}, w.finished(), "what runs goes on")

		w.Resume()
		w.drain()
		assert.Equal(t, []string{"a", "b", "c"}, w.ran())
	})

	bubble(t, "holds_for_a_Start_too", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"))
		w.Pause()
		w.start()
		time.Sleep(time.Minute)
		assert.Empty(t, w.ran())
		w.Resume()
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})
}

func TestEngine_Drain(t *testing.T) {
	t.Parallel()

	bubble(t, "returns_at_once_when_idle", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.drain()
		w.start()
		w.drain()
		assert.Zero(t, w.elapsed())
	})

	bubble(t, "waits_until_the_last_end_is_stored", func(t *testing.T) {
		w := newWorld(t, takes(time.Second), workers(1))
		w.store.delay(finish, 5*time.Second)
		w.start()
		w.commit(execution("a"), execution("b"))
		returned := make(chan time.Duration, 2)
		for range cap(returned) {
			go func() {
				assert.NoError(t, w.Drain(t.Context()))
				returned <- w.elapsed()
			}()
		}
		assert.Equal(t, 7*time.Second, <-returned)
		assert.Equal(t, 7*time.Second, <-returned, "everyone who waits is told")
	})

	bubble(t, "ends_with_its_context", func(t *testing.T) {
		w := newWorld(t, takes(time.Hour))
		w.start()
		w.commit(execution("a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.Drain(ctx), context.DeadlineExceeded)

		impatient := errors.New("impatient")
		caused, end := context.WithCancelCause(t.Context())
		end(impatient)
		require.ErrorIs(t, w.Drain(caused), impatient, "the cause is told")
		assert.Equal(t, time.Second, w.elapsed())
	})
}
