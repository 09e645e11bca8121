package workflow_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// journal reads lines of "branch seq kind name status"; - is no branch.
func journal(t *testing.T, lines string) (list []*workflow.Step) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		f := strings.Fields(line)
		require.Len(t, f, 5, line)
		seq, err := strconv.Atoi(f[1])
		require.NoError(t, err)
		list = append(list, &workflow.Step{
			Branch: strings.TrimPrefix(f[0], "-"), Seq: seq, Kind: workflow.StepKind(f[2]), Name: f[3], Status: workflow.Status(f[4]),
		})
	}
	return list
}

// flat is a journal without branches whose third step failed.
const flat = `
	- 0 run a completed
	- 1 sleep b completed
	- 2 run c failed`

// nested ended because a step of a branch in a branch failed.
const nested = `
	-         0  run      a         completed
	-         1  parallel p         failed
	1:x       -1 branch   p/x       failed
	1:x       0  run      p/x/a     completed
	1:x       1  run      p/x/b     failed
	1:x       2  run      p/x/c     completed
	1:x       3  parallel p/x/in    failed
	1:x/3:k   -1 branch   p/x/in/k  completed
	1:x/3:k   0  run      p/x/in/k/s completed
	1:x/3:l   -1 branch   p/x/in/l  failed
	1:x/3:l   0  run      p/x/in/l/s completed
	1:x/3:l   1  run      p/x/in/l/t failed
	1:y       -1 branch   p/y       completed
	1:y       0  run      p/y/a     completed
	1:z       0  run      p/z/a     completed
	1:z       1  sleep    p/z/nap   canceled`

func TestRerunFrom_Takeover(t *testing.T) {
	t.Parallel()
	start, failed := workflow.RerunFrom{}, workflow.RerunFrom{Failed: true}
	step := func(name string) workflow.RerunFrom { return workflow.RerunFrom{Step: name} }
	const others = "p/x/in/k p/x/in/k/s p/x/in/l/s p/y p/y/a p/z/a"
	for _, c := range []struct {
		name, journal string
		from          workflow.RerunFrom
		want          string
	}{
		{"the start", flat, start, ""},
		{"nothing to take over", "", failed, ""},
		{"the failed step", flat, failed, "a b"},
		{"a step", flat, step("b"), "a"},
		{"the first step", flat, step("a"), ""},
		{"where an exception ended it", "- 0 run a completed\n- 1 run b completed", failed, "a b"},
		{"a failure that the script dealt with", "- 0 run a failed\n- 1 run undo completed", failed, "a undo"},
		{"a step that was waiting", "- 0 run a completed\n- 1 sleep nap canceled", failed, "a"},
		{"a step that was running", "- 0 run a completed\n- 1 run b running", failed, "a"},
		{"after a parallel step", "- 0 parallel p completed\n0:x -1 branch p/x completed\n0:x 0 run p/x/a completed\n- 1 run b failed", failed, "p p/x p/x/a"},
		{"after a race", "- 0 parallel p completed\n0:x -1 branch p/x completed\n0:y 0 sleep p/y/nap canceled\n- 1 run b failed", failed, "p p/x p/y/nap"},
		{"a branch in a branch that failed", nested, failed, "a p/x/a p/x/b p/x/c " + others},
		{"the step in it", nested, step("p/x/in/l/t"), "a p/x/a p/x/b p/x/c " + others},
		{"the step before it", nested, step("p/x/in/l/s"), "a p/x/a p/x/b p/x/c p/x/in/k p/x/in/k/s p/y p/y/a p/z/a"},
		{"the parallel step around it", nested, step("p/x/in"), "a p/x/a p/x/b p/x/c " + others},
		{"a step of the outer branch", nested, step("p/x/c"), "a p/x/a p/x/b p/y p/y/a p/z/a"},
		{"the outer branch itself", nested, step("p/x"), "a p/y p/y/a p/z/a"},
		{"another branch", nested, step("p/y/a"), "a p/x/a p/x/b p/x/c p/x/in/k p/x/in/k/s p/x/in/l/s p/z/a"},
		{"the parallel step", nested, step("p"), "a p/x/a p/x/b p/x/c " + others},
		{"before the parallel step", nested, step("a"), ""},
		{
			"branches with odd keys", `
	-           0  parallel p           failed
	0:a%2Fb     -1 branch   p/a/b       completed
	0:a%2Fb     0  run      p/a/b/s     completed
	0:x:y       -1 branch   p/x:y       failed
	0:x:y       0  run      p/x:y/s     completed
	0:x:y       1  run      p/x:y/t     failed`, failed, "p/a/b p/a/b/s p/x:y/s",
		},
		{
			"a branch whose key is the end of another's", `
	-     0  parallel p      failed
	0:a   -1 branch   p/a    failed
	0:a   0  run      p/a/s  failed
	0:ba  -1 branch   p/ba   completed
	0:b   -1 branch   p/b    completed`, step("p/a/s"), "p/ba p/b",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kept, err := c.from.Takeover(journal(t, c.journal))
			require.NoError(t, err)
			var names []string
			for _, s := range kept {
				names = append(names, s.Name)
			}
			require.Equal(t, strings.Fields(c.want), append([]string{}, names...))
		})
	}

	_, err := workflow.RerunFrom{Step: "c", Index: 1}.Takeover(journal(t, flat))
	require.EqualError(t, err, `the execution has no step "c" with index 1`)
	again := journal(t, flat)
	again[2].Name, again[2].Index = "a", 1
	kept, err := workflow.RerunFrom{Step: "a", Index: 1}.Takeover(again)
	require.NoError(t, err)
	require.Len(t, kept, 2, "the second use of a name")
}

// FuzzRerunFrom takes over from journals with any branches.
func FuzzRerunFrom(f *testing.F) {
	f.Add("0:a", "1:b/2:c", 1, 2)
	f.Add("", "x", -1, 0)
	f.Add("/", "::", 3, 3)
	f.Fuzz(func(t *testing.T, one, two string, seq, other int) {
		list := []*workflow.Step{
			{Name: "a", Branch: one, Seq: seq, Status: workflow.StatusCompleted}, {Name: "b", Branch: two, Seq: other, Status: workflow.StatusFailed},
			{Name: "p", Kind: workflow.StepParallel, Status: workflow.StatusFailed}, {Name: "c", Branch: one, Seq: -1, Kind: workflow.StepBranch, Status: workflow.StatusCompleted},
		}
		for _, from := range []workflow.RerunFrom{{}, {Failed: true}, {Step: "a"}, {Step: "b"}, {Step: "c"}, {Step: "p"}} {
			kept, err := from.Takeover(list)
			require.NoError(t, err)
			for _, s := range kept {
				require.True(t, s.Status.Final())
				require.False(t, s.Name == from.Step && s.Index == from.Index, "the step itself is done again")
			}
		}
	})
}
