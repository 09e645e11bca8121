package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// branch is the session of a script for branches of its own.
func branch(t *testing.T, s *engine.Session, lost func() bool) *engine.Session {
	t.Helper()
	sessions := make(chan *engine.Session, 1)
	s.Branch(t.Context(), lost, func(own *engine.Session) { sessions <- own })
	return <-sessions
}

func never() bool { return false }

// fork begins a parallel step, as the main script does.
func fork(t *testing.T, s *engine.Session, name string) *workflow.Step {
	t.Helper()
	p, err := s.Begin(name, workflow.StepParallel, nil)
	require.NoError(t, err)
	s.Fork(p)
	return p
}

// entered is a script that has gone into a branch of the parallel step that is
// the next one in s.
func entered(t *testing.T, s *engine.Session, parallel, key string) *engine.Session {
	t.Helper()
	own := branch(t, s, never)
	p, err := own.Begin(parallel, workflow.StepParallel, nil)
	require.NoError(t, err)
	own.Enter(p, key, true)
	return own
}

// in puts a recorded step into a branch.
func inBranch(path string, step workflow.Step) workflow.Step {
	step.Branch = path
	return step
}

func TestSession_Branches(t *testing.T) {
	t.Parallel()
	const run, tx = workflow.StepRun, workflow.StepTransaction
	const done = workflow.StatusCompleted

	t.Run("count_from_the_start_and_have_names_of_their_own", func(t *testing.T) {
		t.Parallel()
		for key, path := range map[string]string{"a": "1:a", "a/b": "1:a%2Fb", "x:y": "1:x:y", "ü ": "1:%C3%BC%20", "0": "1:0", "%2F": "1:%252F"} {
			s, _ := open(t)
			_, err := s.Begin("first", run, nil)
			require.NoError(t, err)
			fork(t, s, "p")
			b := branch(t, s, never)
			p := workflow.Step{Name: "p", Seq: 1, Kind: workflow.StepParallel}
			b.Enter(&p, key, true)
			for i, want := range []workflow.Step{
				{Name: "p/" + key + "/s", Seq: 0}, {Name: "p/" + key + "/t", Seq: 1}, {Name: "p/" + key + "/s", Seq: 2, Index: 1},
			} {
				step, err := b.Begin([]string{"s", "t", "s"}[i], run, nil)
				require.NoError(t, err)
				want.Branch, want.Execution, want.Kind, want.Status, want.Attempt, want.StartedAt = path, "x", run, workflow.StatusRunning, 1, noon
				assert.Equal(t, &want, step)
			}
		}
	})

	t.Run("of_a_later_use_of_the_name_say_so", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		b := branch(t, s, never)
		b.Enter(&workflow.Step{Name: "p", Index: 2, Seq: 7}, "a", true)
		step, err := b.Begin("s", run, nil)
		require.NoError(t, err)
		assert.Equal(t, "p#3/a/s", step.Name)
		assert.Equal(t, "7:a", step.Branch)
		assert.Zero(t, step.Index)
	})

	t.Run("in_branches", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		fork(t, s, "out")
		outer := entered(t, s, "out", "a")
		inner := fork(t, outer, "in")
		assert.Equal(t, "0:a", inner.Branch)
		assert.Equal(t, "out/a/in", inner.Name)
		own := branch(t, outer, never)
		p, err := own.Begin("out", workflow.StepParallel, nil)
		require.NoError(t, err)
		own.Enter(p, "a", false)
		assert.True(t, own.Replaying(), "it is on its way")
		p, err = own.Begin("in", workflow.StepParallel, nil)
		require.NoError(t, err)
		own.Enter(p, "b", true)
		assert.False(t, own.Replaying())
		step, err := own.Begin("s", run, nil)
		require.NoError(t, err)
		assert.Equal(t, "out/a/in/b/s", step.Name)
		assert.Equal(t, "0:a/0:b", step.Branch)
	})

	t.Run("replay_what_they_recorded", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t,
			recorded(0, "p", 0, workflow.StepParallel, workflow.StatusWaiting),
			inBranch("0:a", recorded(-1, "p/a", 0, workflow.StepBranch, done)),
			inBranch("0:a", recorded(0, "p/a/s", 0, run, done)),
			inBranch("0:b", recorded(0, "p/b/s", 0, run, done)),
			inBranch("0:b", recorded(1, "p/b/t", 0, run, workflow.StatusWaiting)),
		)
		p := fork(t, s, "p")
		assert.Equal(t, workflow.StatusWaiting, p.Status)
		assert.Equal(t, done, s.BranchStep(p, "a").Status)
		assert.Equal(t, workflow.StatusRunning, s.BranchStep(p, "b").Status)
		b := entered(t, s, "p", "b")
		assert.True(t, b.Replaying())
		step, err := b.Begin("s", run, nil)
		require.NoError(t, err)
		assert.Equal(t, done, step.Status)
		assert.False(t, b.Replaying())
		step, err = b.Begin("t", run, nil)
		require.NoError(t, err)
		assert.Equal(t, workflow.StatusWaiting, step.Status, "a parked one comes as it was left")
		assert.Equal(t, 1, step.Attempt)
	})

	t.Run("run_again_from_their_start_in_the_same_run", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		fork(t, s, "p")
		b := entered(t, s, "p", "a")
		step, err := b.Begin("s", run, nil)
		require.NoError(t, err)
		step.Status = done
		require.NoError(t, b.Save(t.Context(), step))
		again := entered(t, s, "p", "a")
		assert.True(t, again.Replaying())
		step, err = again.Begin("s", run, nil)
		require.NoError(t, err)
		assert.Equal(t, done, step.Status)
		assert.False(t, again.Replaying())
		step, err = again.Begin("s", run, nil)
		require.NoError(t, err)
		assert.Equal(t, 1, step.Index)
		assert.Equal(t, workflow.StatusRunning, step.Status)
	})

	t.Run("asking_for_other_steps_than_recorded_are_told_of_both", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t, recorded(0, "p", 0, workflow.StepParallel, workflow.StatusWaiting), inBranch("0:a", recorded(0, "p/a/charge", 0, run, done)))
		fork(t, s, "p")
		_, err := entered(t, s, "p", "a").Begin("refund", run, nil)
		require.EqualError(t, err, `non-deterministic workflow: the journal has run "p/a/charge" as step 1, the script asks for run "p/a/refund"`)
		_, err = entered(t, s, "p", "a").Begin("charge", tx, nil)
		require.EqualError(t, err, `non-deterministic workflow: the journal has run "p/a/charge" as step 1, the script asks for transaction "p/a/charge"`)
		_, err = entered(t, s, "p", "b").Begin("refund", run, nil)
		require.NoError(t, err, "another branch has a journal of its own")
	})

	t.Run("on_their_way_meet_only_what_the_main_script_has_passed", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		first, err := s.Begin("first", run, nil)
		require.NoError(t, err)
		first.Status = done
		require.NoError(t, s.Save(t.Context(), first))
		fork(t, s, "p")
		b := branch(t, s, never)
		step, err := b.Begin("first", run, nil)
		require.NoError(t, err)
		assert.Equal(t, done, step.Status)
		assert.True(t, b.Replaying(), "its logs are no news")
		_, err = b.Begin("second", run, nil)
		require.EqualError(t, err, `non-deterministic workflow: a branch asks for run "second", which the script has not passed`)
	})

	t.Run("that_have_lost_stop_at_their_next_step", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		p := fork(t, s, "p")
		over := false
		b := branch(t, s, func() bool { return over })
		b.Enter(p, "a", true)
		_, err := b.Begin("s", run, nil)
		require.NoError(t, err)
		over = true
		_, err = b.Begin("t", run, nil)
		require.ErrorIs(t, err, workflow.ErrLost)
	})

	t.Run("have_entries_that_no_step_can_take_for_its_own", func(t *testing.T) {
		t.Parallel()
		s, _ := open(t)
		own, err := s.Begin("p/a", run, nil)
		require.NoError(t, err)
		own.Status = done
		require.NoError(t, s.Save(t.Context(), own))
		p, q := fork(t, s, "p"), fork(t, s, "p/a")
		seen := map[string]bool{}
		for _, entry := range []*workflow.Step{s.BranchStep(p, "a"), s.BranchStep(p, "a/b"), s.BranchStep(q, "b")} {
			assert.Equal(t, workflow.StepBranch, entry.Kind)
			assert.Equal(t, workflow.StatusRunning, entry.Status)
			assert.Equal(t, -1, entry.Seq)
			key := entry.Branch + "|" + entry.Name
			assert.False(t, seen[key], key)
			seen[key] = true
			entry.Status = done
			require.NoError(t, s.Save(t.Context(), entry))
		}
		assert.Equal(t, done, s.BranchStep(p, "a").Status)
	})
}

// script is a random sequence of steps in the root and in two branches, one byte
// each.
type asked struct {
	where, name string
	kind        workflow.StepKind
}

func askedFor(script []byte) (list []asked) {
	for _, b := range script[:min(len(script), 50)] {
		list = append(list, asked{
			where: []string{"", "k", "l/m"}[b%3], name: string('a' + b/3%3),
			kind: []workflow.StepKind{workflow.StepRun, workflow.StepTransaction, workflow.StepSleep}[b/9%3],
		})
	}
	return list
}

// play asks a session with a journal for steps, until it is refused one in each
// branch. It returns what was asked and what came of it.
func play(t *testing.T, journal []workflow.Step, script []byte, check func(a asked, step *workflow.Step, err error)) []workflow.Step {
	t.Helper()
	s, store := open(t, journal...)
	fork(t, s, "p")
	sessions := map[string]*engine.Session{"": s, "k": entered(t, s, "p", "k"), "l/m": entered(t, s, "p", "l/m")}
	halted := map[string]bool{}
	for i, a := range askedFor(script) {
		if halted[a.where] {
			continue
		}
		sessions[a.where].Replaying()
		step, err := sessions[a.where].Begin(a.name, a.kind, nil)
		check(a, step, err)
		if err != nil {
			halted[a.where] = true
			continue
		}
		if !step.Status.Final() {
			step.Status = []workflow.Status{workflow.StatusCompleted, workflow.StatusFailed, workflow.StatusWaiting}[i%3]
			require.NoError(t, sessions[a.where].Save(t.Context(), step))
		}
	}
	return store.journal["x"]
}

// FuzzReplay replays a script against the journal of another one, some steps of
// which may be missing.
func FuzzReplay(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5}, []byte{0, 1, 2, 3, 4, 5}, uint64(0))
	f.Add([]byte{0, 1, 2}, []byte{9, 1, 2, 3}, uint64(0))
	f.Add([]byte{0, 0, 0, 3}, []byte{0, 3, 0, 0}, uint64(2))
	f.Add([]byte{}, []byte{5, 5, 5}, uint64(7))
	f.Fuzz(func(t *testing.T, first, second []byte, lost uint64) {
		journal := play(t, nil, first, func(a asked, step *workflow.Step, err error) {
			require.NoError(t, err)
			require.False(t, step.Status.Final())
		})
		play(t, journal, first, func(a asked, step *workflow.Step, err error) {
			require.NoError(t, err, "the same script asks for the same steps")
		})
		var kept []workflow.Step
		for i, step := range journal {
			if lost>>(i%64)&1 == 0 {
				kept = append(kept, step)
			}
		}
		if len(kept) > 0 && kept[0].Name == "p" {
			kept = kept[1:]
		}
		play(t, kept, second, func(a asked, step *workflow.Step, err error) {
			name := a.name
			if a.where != "" {
				name = "p/" + a.where + "/" + a.name
			}
			if err == nil {
				require.Equal(t, name, step.Name)
				require.Equal(t, a.kind, step.Kind)
				return
			}
			require.ErrorContains(t, err, fmt.Sprintf("the script asks for %s %q", a.kind, name))
			require.True(t, strings.Contains(err.Error(), "the journal has "), err)
			_, has, _ := strings.Cut(err.Error(), "the journal has ")
			known := false
			for _, s := range kept {
				known = known || strings.HasPrefix(has, fmt.Sprintf("%s %q", s.Kind, s.Name))
			}
			require.True(t, known, err)
		})
	})
}
