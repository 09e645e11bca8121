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

// each is a handler for each workflow.
func each(handlers map[string]runnerFunc) runnerFunc {
	return func(ctx context.Context, x *workflow.Execution, s *engine.Session) workflow.Outcome {
		return handlers[x.Workflow](ctx, x, s)
	}
}

func TestEngine_Slots(t *testing.T) {
	t.Parallel()

	bubble(t, "who_waits_for_a_commit_gives_its_slot_away", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			step, err := s.Begin("step", workflow.StepRun, nil)
			if err != nil {
				return broken(err)
			}
			step.Status = workflow.StatusCompleted
			if err := s.Save(ctx, step); err != nil {
				return broken(err)
			}
			return done()
		}, workers(1))
		w.store.delay(saveStep, time.Second)
		w.start()
		list, _ := many(10)
		w.commit(list...)
		w.drain()
		assert.Equal(t, time.Second, w.elapsed())
		assert.Equal(t, 10, w.mostBusy)
	})

	bubble(t, "and_gets_one_back_before_it_goes_on", func(t *testing.T) {
		alone := 0
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			for range 3 {
				_ = s.Waiting(ctx, func() error { time.Sleep(10 * time.Millisecond); return nil })
				alone++
				assert.Equal(t, 1, alone)
				time.Sleep(50 * time.Millisecond)
				alone--
			}
			return done()
		}, workers(1))
		w.start()
		list, _ := many(5)
		w.commit(list...)
		w.drain()
		assert.Equal(t, 760*time.Millisecond, w.elapsed(), "one after another")
	})

	bubble(t, "a_script_that_keeps_the_CPU_loses_its_slot", func(t *testing.T) {
		w := newWorld(t, each(map[string]runnerFunc{"hog": takes(time.Minute), "quick": takes(10 * time.Millisecond)}), workers(2))
		w.start()
		w.commit(of("hog", "h1"), of("hog", "h2"), of("hog", "h3"))
		list, ids := manyOf("quick", 10)
		w.commit(list...)
		time.Sleep(time.Second)
		synctest.Wait()
		assert.ElementsMatch(t, ids, w.finished(), "others go on")
		assert.ElementsMatch(t, []string{"h1", "h2"}, w.ran()[:2])
		assert.NotContains(t, w.ran(), "h3", "its own workflow waits: two of it keep the CPU")
		w.drain()
		assert.Equal(t, 2*time.Minute, w.elapsed())
	})

	bubble(t, "that_waits_for_something_after_all_it_counts_no_more", func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			time.Sleep(time.Second)
			_ = s.Waiting(ctx, func() error { time.Sleep(time.Hour); return nil })
			return done()
		}, workers(1))
		w.start()
		w.commit(execution("a"), execution("b"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"a", "b"}, w.ran())
		w.Stop()
	})

	bubble(t, "three_in_a_row_go_on_by_themselves", func(t *testing.T) {
		w := newWorld(t, takes(250*time.Millisecond), workers(1))
		w.start()
		list, ids := many(3)
		w.commit(list...)
		w.drain()
		assert.Equal(t, ids, w.finished())
		assert.Equal(t, 750*time.Millisecond, w.elapsed())
	})

	bubble(t, "a_branch_has_a_slot_of_its_own", func(t *testing.T) {
		busy, most := 0, 0
		w := newWorld(t, func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
			ends := make(chan struct{})
			for range 4 {
				s.Branch(ctx, never, func(*engine.Session) {
					busy++
					most = max(most, busy)
					time.Sleep(50 * time.Millisecond)
					busy--
					ends <- struct{}{}
				})
			}
			_ = s.Waiting(ctx, func() error {
				for range 4 {
					<-ends
				}
				return nil
			})
			return done()
		}, workers(1))
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, 1, most)
		assert.Equal(t, 200*time.Millisecond, w.elapsed())
	})

	bubble(t, "and_loses_it_too_when_it_keeps_the_CPU", func(t *testing.T) {
		w := newWorld(t, each(map[string]runnerFunc{
			"other": takes(time.Millisecond),
			"forks": func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
				end := make(chan struct{})
				s.Branch(ctx, never, func(*engine.Session) { time.Sleep(time.Minute); close(end) })
				_ = s.Waiting(ctx, func() error { <-end; return nil })
				return done()
			},
		}), workers(1))
		w.start()
		w.commit(of("forks", "a"))
		synctest.Wait()
		w.commit(of("other", "b"))
		time.Sleep(time.Second)
		assert.Equal(t, []string{"b"}, w.finished())
		w.drain()
	})

	bubble(t, "who_is_canceled_while_it_waits_for_a_slot_ends", func(t *testing.T) {
		w := newWorld(t, each(map[string]runnerFunc{
			"waits": waitsFor(10 * time.Millisecond),
			"hog":   takes(90 * time.Millisecond),
		}), workers(1))
		w.start()
		w.commit(of("waits", "a"))
		synctest.Wait()
		w.commit(of("hog", "b"))
		time.Sleep(50 * time.Millisecond) // a is done waiting and b has the slot
		_, err := w.Cancel(t.Context(), []string{"a"}, "canceled")
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, workflow.StatusCanceled, w.store.row("a").Status)
		w.drain()
		assert.Equal(t, 90*time.Millisecond, w.elapsed())
		w.commit(of("hog", "c"), of("hog", "d"))
		w.drain()
		assert.Equal(t, 270*time.Millisecond, w.elapsed(), "the slot is there still, and only one")
	})
}
