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

// fakeTasks keeps what was asked; that it is due ends a task with null.
type fakeTasks struct {
	store  *fakeStore
	opened int
	due    []time.Time
	refuse error
}

func (f *fakeTasks) Open(ctx context.Context, x *workflow.Execution, step *workflow.Step, _ workflow.TaskOptions) (refused, err error) {
	if f.refuse != nil {
		return f.refuse, nil
	}
	f.opened++
	step.Ref = workflow.TaskEvent("1")
	return nil, f.store.SaveStep(ctx, x, step)
}

func (f *fakeTasks) Due(_ context.Context, step *workflow.Step) error {
	f.due = append(f.due, time.Now())
	_, err := f.store.SendEvent(step.Execution, step.Ref, `{"status": "completed", "result": null}`)
	return err
}

func (f *fakeTasks) Abandon(context.Context, string, string) error { return nil }

// asks is a handler that does what ctx.step.task does.
func asks(dueIn time.Duration) runnerFunc {
	return func(ctx context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
		step, err := s.Begin("decide", workflow.StepTask, nil)
		if err != nil {
			return broken(err)
		}
		if step.Ref == "" {
			if dueIn > 0 {
				step.WakeAt = s.Now().Add(dueIn)
			}
			if refused, err := s.OpenTask(ctx, step, workflow.TaskOptions{}); refused != nil || err != nil {
				return broken(errors.Join(refused, err))
			}
		}
		found, err := s.TaskEnd(ctx, step)
		if err == nil && !found && !step.WakeAt.IsZero() && !s.Now().Before(step.WakeAt) {
			if err = s.TaskDue(ctx, step); err == nil {
				found, err = s.TaskEnd(ctx, step)
			}
		}
		switch {
		case err != nil:
			return broken(err)
		case !found:
			return parked(step, workflow.Park{WakeAt: step.WakeAt, Events: []workflow.Awaited{{Name: step.Ref}}})
		}
		out := done()
		out.Status, out.Output, out.Failure = step.Status, step.Result, step.Failure
		return out
	}
}

func TestEngine_Task(t *testing.T) {
	t.Parallel()
	world := func(t *testing.T, dueIn time.Duration) (*world, *fakeTasks) {
		tasks := &fakeTasks{}
		w := newWorld(t, asks(dueIn), func(c *engine.Config) { c.Tasks = tasks })
		tasks.store = w.store
		w.start()
		w.commit(execution("a"))
		w.drain()
		return w, tasks
	}
	bubble(t, "waits_for_the_answer_for_ever", func(t *testing.T) {
		w, tasks := world(t, 0)
		time.Sleep(1000 * time.Hour)
		require.Equal(t, workflow.StatusWaiting, w.store.row("a").Status)
		woken, err := w.store.SendEvent("a", workflow.TaskEvent("1"), `{"status": "rejected", "result": {"action": "reject"}, "error": {"message": "no"}}`)
		require.NoError(t, err)
		w.Wake(woken...)
		synctest.Wait()
		w.drain()
		row := w.store.row("a")
		assert.Equal(t, workflow.StatusRejected, row.Status)
		assert.JSONEq(t, `{"action": "reject"}`, string(row.Output))
		assert.Equal(t, "no", row.Failure.Message)
		assert.Equal(t, 1, tasks.opened, "the run after the wait does not ask again")
		assert.Empty(t, tasks.due)
	})
	bubble(t, "is_due_at_its_time", func(t *testing.T) {
		w, tasks := world(t, 48*time.Hour)
		time.Sleep(48*time.Hour - time.Millisecond)
		assert.Empty(t, tasks.due)
		time.Sleep(time.Second)
		synctest.Wait()
		w.drain()
		require.Len(t, tasks.due, 1)
		assert.Equal(t, 48*time.Hour, tasks.due[0].Sub(w.began))
		assert.Equal(t, workflow.StatusCompleted, w.store.row("a").Status)
		assert.Equal(t, json.RawMessage("null"), w.store.row("a").Output)
	})
	bubble(t, "a_refusal_is_for_the_script", func(t *testing.T) {
		tasks := &fakeTasks{refuse: errors.New("there is nobody")}
		w := newWorld(t, asks(0), func(c *engine.Config) { c.Tasks = tasks })
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Equal(t, "there is nobody", w.store.row("a").Failure.Message)
	})
	bubble(t, "an_engine_without_tasks_says_so", func(t *testing.T) {
		w := newWorld(t, asks(0))
		w.start()
		w.commit(execution("a"))
		w.drain()
		assert.Contains(t, w.store.row("a").Failure.Message, "not available")
	})
}
