package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// open is the session that a handler gets at noon with this journal.
func open(t *testing.T, journal ...workflow.Step) (*engine.Session, *fakeStore) {
	t.Helper()
	store, x := newFakeStore(), execution("x")
	x.Stored = true
	store.add(x)
	store.journal["x"] = journal
	var session *engine.Session
	executor := newExecutor(store, func(_ context.Context, _ *workflow.Execution, s *engine.Session) workflow.Outcome {
		session = s
		return workflow.Outcome{Status: workflow.StatusCompleted}
	})
	executor.Now = func() time.Time { return noon }
	_, err := executor.Run(t.Context(), x)
	require.NoError(t, err)
	return session, store
}

func recorded(seq int, name string, index int, kind workflow.StepKind, status workflow.Status) workflow.Step {
	return workflow.Step{Execution: "x", Name: name, Index: index, Seq: seq, Kind: kind, Status: status, Attempt: 1}
}

func TestSession_Begin(t *testing.T) {
	t.Parallel()
	const run, tx = workflow.StepRun, workflow.StepTransaction
	const done, failed = workflow.StatusCompleted, workflow.StatusFailed

	t.Run("a_new_step_is_to_be_run", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		step, err := s.Begin("charge", tx, nil)
		require.NoError(t, err)
		assert.Equal(t, &workflow.Step{Execution: "x", Name: "charge", Kind: tx, Status: workflow.StatusRunning, Attempt: 1, StartedAt: noon}, step)
	})

	t.Run("a_name_can_be_used_again", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		var got [][2]int
		for _, name := range []string{"a", "b", "a", "a"} {
			step, err := s.Begin(name, run, nil)
			require.NoError(t, err)
			got = append(got, [2]int{step.Seq, step.Index})
		}
		assert.Equal(t, [][2]int{{0, 0}, {1, 0}, {2, 1}, {3, 2}}, got, "position and use of the name")
	})

	t.Run("final_steps_are_replayed", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t, recorded(0, "a", 0, run, done), recorded(1, "a", 1, run, failed), recorded(2, "b", 0, tx, done))
		for i, want := range []workflow.Status{done, failed, done} {
			assert.True(t, s.Replaying(), "step %d lies ahead", i)
			step, err := s.Begin([]string{"a", "a", "b"}[i], []workflow.StepKind{run, run, tx}[i], nil)
			require.NoError(t, err)
			assert.Equal(t, want, step.Status)
			assert.Equal(t, 1, step.Attempt)
		}
		assert.False(t, s.Replaying())
		step, err := s.Begin("c", run, nil)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusRunning, step.Status, "what the journal does not hold is run")
	})

	t.Run("an_unfinished_step_is_run_again", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t, recorded(0, "a", 0, run, workflow.StatusRunning))
		assert.False(t, s.Replaying())
		step, err := s.Begin("a", run, nil)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusRunning, step.Status)
		assert.Equal(t, 2, step.Attempt)
		assert.Equal(t, noon, step.StartedAt)
	})

	t.Run("a_parked_step_comes_as_it_was_left", func(t *testing.T) {
		t.Parallel()
		parked := recorded(0, "nap", 0, workflow.StepSleep, workflow.StatusWaiting)
		parked.WakeAt = noon.Add(time.Hour)
		s, _ := open(t, parked)
		assert.False(t, s.Replaying())
		step, err := s.Begin("nap", workflow.StepSleep, nil)
		require.NoError(t, err)
		assert.Equal(t, &parked, step)
	})

	t.Run("a_new_step_keeps_its_options", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t, recorded(0, "a", 0, run, done))
		step, err := s.Begin("a", run, []byte(`{"x":1}`))
		require.NoError(t, err)
		assert.Empty(t, step.Options, "the recorded ones stay")
		step, err = s.Begin("b", run, []byte(`{"x":1}`))
		require.NoError(t, err)
		assert.JSONEq(t, `{"x":1}`, string(step.Options))
	})

	t.Run("another_name_than_recorded", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t, recorded(0, "a", 0, run, done), recorded(1, "charge", 0, run, done))
		_, err := s.Begin("a", run, nil)
		require.NoError(t, err)
		_, err = s.Begin("refund", run, nil)
		require.EqualError(t, err, `non-deterministic workflow: the journal has run "charge" as step 2, the script asks for run "refund"`)
	})

	t.Run("another_kind_than_recorded", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t, recorded(0, "charge", 0, tx, done))
		_, err := s.Begin("charge", run, nil)
		require.EqualError(t, err, `non-deterministic workflow: the journal has transaction "charge" as step 1, the script asks for run "charge"`)
	})

	t.Run("another_kind_at_another_position", func(t *testing.T) {
		t.Parallel()
		// Step 1 is missing: a transaction that failed leaves nothing behind.
		s, _ := open(t, recorded(1, "charge", 0, tx, done))
		_, err := s.Begin("charge", run, nil)
		require.EqualError(t, err, `non-deterministic workflow: the journal has transaction "charge", the script asks for run "charge"`)
	})
}

func TestSession_Save(t *testing.T) {
	t.Parallel()

	t.Run("stores_the_step_with_its_end", func(t *testing.T) {
		t.Parallel()
		s, store := open(t)
		step, err := s.Begin("charge", workflow.StepRun, nil)
		require.NoError(t, err)
		step.Status = workflow.StatusCompleted
		require.NoError(t, s.Save(t.Context(), step))
		require.Len(t, store.journal["x"], 1)
		assert.Equal(t, workflow.StatusCompleted, store.journal["x"][0].Status)
		assert.Equal(t, noon, store.journal["x"][0].FinishedAt)
	})

	t.Run("an_error_names_the_step", func(t *testing.T) {
		t.Parallel()
		s, store := open(t)
		step, err := s.Begin("charge", workflow.StepRun, nil)
		require.NoError(t, err)
		store.fail(saveStep, errDisk)
		err = s.Save(t.Context(), step)
		require.ErrorIs(t, err, errDisk)
		require.ErrorContains(t, err, `"charge"`)
	})
}

func TestSession_Transaction(t *testing.T) {
	t.Parallel()

	t.Run("stores_the_step_with_what_it_wrote", func(t *testing.T) {
		t.Parallel()
		s, store := open(t)
		step, err := s.Begin("charge", workflow.StepTransaction, nil)
		require.NoError(t, err)
		require.NoError(t, s.Transaction(t.Context(), step, func(tx any) error {
			assert.Equal(t, "tx", tx)
			step.Result = []byte(`7`)
			return nil
		}))
		require.Len(t, store.journal["x"], 1)
		got := store.journal["x"][0]
		assert.Equal(t, workflow.StatusCompleted, got.Status)
		assert.JSONEq(t, `7`, string(got.Result))
		assert.Equal(t, noon, got.FinishedAt)
	})

	t.Run("stores_nothing_when_it_fails", func(t *testing.T) {
		t.Parallel()
		s, store := open(t)
		step, err := s.Begin("charge", workflow.StepTransaction, nil)
		require.NoError(t, err)
		require.ErrorIs(t, s.Transaction(t.Context(), step, func(any) error { return errDisk }), errDisk)
		assert.Empty(t, store.journal["x"])
		assert.Equal(t, workflow.StatusRunning, step.Status)
	})
}
