package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestEngine_Start(t *testing.T) {
	t.Parallel()

	bubble(t, "takes_up_what_is_queued_or_running", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		queued, running, ended := execution("a"), execution("b"), execution("c")
		running.Status, running.Attempt, running.StartedAt = workflow.StatusRunning, 1, time.Now()
		ended.Status = workflow.StatusCompleted
		w.store.add(queued, running, ended)
		time.Sleep(time.Minute)
		w.start()
		w.drain()

		assert.ElementsMatch(t, []string{"a", "b"}, w.ran())
		assert.Equal(t, 1, w.store.row("a").Attempt)
		assert.Equal(t, 2, w.store.row("b").Attempt, "its second")
		assert.Equal(t, w.began, w.store.row("b").StartedAt, "the first start counts")
		assert.Len(t, w.store.called(steps), 2, "both may have a journal from the earlier process")
	})

	bubble(t, "twice_does_nothing", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(execution("a"))
		w.start()
		w.start()
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
		assert.Len(t, w.store.called(active), 1)
	})
}

func TestEngine_Recovery(t *testing.T) {
	t.Parallel()

	// twoSteps counts how often the bodies of its steps are run.
	twoSteps := func(bodies map[string]int, pause time.Duration) runnerFunc {
		return func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			for _, name := range []string{"charge", "mail"} {
				step, err := s.Begin(name, workflow.StepRun, nil)
				if err != nil {
					return workflow.Outcome{Status: workflow.StatusError, Failure: &workflow.Failure{Message: err.Error()}}
				}
				if step.Status.Final() {
					continue
				}
				bodies[name]++
				step.Status, step.Result = workflow.StatusCompleted, json.RawMessage(`1`)
				if err := s.Save(ctx, step); err != nil {
					return workflow.Outcome{Status: workflow.StatusError}
				}
				if out := wait(ctx, pause); out.Status != workflow.StatusCompleted {
					return out
				}
			}
			return workflow.Outcome{Status: workflow.StatusCompleted}
		}
	}

	bubble(t, "finished_steps_are_not_run_again", func(t *testing.T) {
		bodies := map[string]int{}
		w := newWorld(t, twoSteps(bodies, time.Minute), shutdown(time.Second))
		w.start()
		w.commit(execution("a"))
		synctest.Wait()
		w.Stop()
		require.Equal(t, map[string]int{"charge": 1}, bodies)

		next := w.engine(twoSteps(bodies, 0))
		require.NoError(t, next.Start())
		require.NoError(t, next.Drain(t.Context()))
		assert.Equal(t, map[string]int{"charge": 1, "mail": 1}, bodies)
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
		assert.Equal(t, 2, w.store.row("a").Attempt)
	})

	bubble(t, "a_journal_tells_of_an_attempt_that_the_row_does_not", func(t *testing.T) {
		// A crash before the row was marked as running leaves Attempt at 0.
		w := newWorld(t, twoSteps(map[string]int{}, 0))
		w.store.add(execution("a"))
		w.store.journal["a"] = []workflow.Step{{Execution: "a", Name: "charge", Kind: workflow.StepRun, Status: workflow.StatusCompleted, Attempt: 1}}
		time.Sleep(time.Minute)
		w.start()
		w.drain()
		assert.Equal(t, 2, w.store.row("a").Attempt)
		assert.Len(t, w.store.journal["a"], 2)
	})

	bubble(t, "a_changed_script_ends_as_error", func(t *testing.T) {
		w := newWorld(t, twoSteps(map[string]int{}, 0))
		w.store.add(execution("a"))
		w.store.journal["a"] = []workflow.Step{{Execution: "a", Name: "refund", Kind: workflow.StepRun, Status: workflow.StatusCompleted, Attempt: 1}}
		time.Sleep(time.Minute)
		w.start()
		w.drain()
		row := w.store.row("a")
		assert.Equal(t, workflow.StatusError, row.Status)
		assert.Contains(t, row.Failure.Message, "refund")
		assert.Contains(t, row.Failure.Message, "charge")
	})
}

func TestEngine_Backlog(t *testing.T) {
	t.Parallel()

	bubble(t, "more_than_memory_has_room_for_are_all_run_once", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), buffer(8), workers(5))
		w.start()
		list, ids := many(1000)
		w.commit(list...)
		w.drain()
		assert.ElementsMatch(t, ids, w.ran())
		assert.ElementsMatch(t, ids, w.finished())
	})

	bubble(t, "several_pages_of_an_earlier_process_are_all_run_once", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), workers(100))
		list, ids := many(2100)
		w.store.add(list...)
		w.start()
		w.drain()
		assert.ElementsMatch(t, ids, w.ran())
		pages := w.store.called(active)
		require.Len(t, pages, 3)
		assert.Equal(t, []string{ids[2047]}, pages[2].ids, "each page goes on where the last one ended")
	})

	bubble(t, "newcomers_queue_up_behind_it", func(t *testing.T) {
		w := newWorld(t, takes(50*time.Millisecond), buffer(8), workers(1))
		list, ids := many(300)
		w.store.add(list...)
		w.start()
		w.commit(execution("a-newcomer"))
		w.drain()
		ran := w.ran()
		assert.Equal(t, ids, ran[:len(ids)])
		assert.Equal(t, []string{"a-newcomer"}, ran[len(ids):], "though its id comes first")
	})
}

func TestEngine_Sync(t *testing.T) {
	t.Parallel()
	sync := func(id string) *workflow.Execution {
		x := execution(id)
		x.Mode = workflow.ModeSync
		return x
	}

	bubble(t, "one_of_an_earlier_process_is_taken_up", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.store.add(sync("a"))
		time.Sleep(time.Minute)
		w.start()
		w.drain()
		assert.Equal(t, []string{"a"}, w.ran())
	})

	bubble(t, "one_of_this_process_is_left_to_its_request", func(t *testing.T) {
		w := newWorld(t, takes(time.Second))
		w.start()
		w.Reserve("s", "t") // before the commit
		s := sync("s")
		w.store.add(s, sync("t"))
		w.Submit(s)
		w.Look()
		w.drain()
		assert.Empty(t, w.ran())
		require.Len(t, w.store.called(active), 2)

		outcome, err := w.Run(t.Context(), s)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusCompleted, outcome.Status)
		w.Free("t") // the request will not run it
		w.Look()
		w.drain()
		assert.Equal(t, []string{"s", "t"}, w.ran())
	})
}
