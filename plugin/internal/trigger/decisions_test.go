package trigger

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestDecisions_CostNothingOnceFull(t *testing.T) {
	var s decisions
	d := decision{request: "POST /api/collections/posts/records", ref: Ref{Key: "publish"}, verdict: workflow.VerdictStarted, execution: "x"}
	for range maxDecisions {
		s.add(d, true)
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() { s.add(d, true) }))
	require.Len(t, s.all.list, maxDecisions)
	require.Len(t, s.of["publish"].list, maxDecisionsOne)
}

func TestDecisions_AreNewestFirstAndShort(t *testing.T) {
	t.Parallel()
	tr := &Trigger{}
	for i := range 2 * maxDecisionsOne {
		tr.decisions.add(decision{ref: Ref{Key: "k", Path: strings.Repeat("p", 1000)}, execution: string(rune('a' + i%26)), why: strings.Repeat("w", 1000)}, true)
	}
	found := tr.Decisions("k")
	require.Len(t, found, 2*maxDecisionsOne)
	require.Equal(t, "v", found[0].Execution, "the 100th")
	require.Equal(t, "a", found[len(found)-1].Execution)
	require.Len(t, found[0].Entry, len("k!")+maxDecisionText)
	require.Len(t, found[0].Why, maxDecisionText)
	require.Empty(t, tr.Decisions("other"))
}

// BenchmarkDecisions is what remembering one costs a request.
func BenchmarkDecisions(b *testing.B) {
	var s decisions
	d := decision{request: "POST /api/collections/posts/records", ref: Ref{Key: "publish"}, execution: "x"}
	b.ReportAllocs()
	for b.Loop() {
		s.add(d, true)
	}
}
