package workflow_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestRetries_Next(t *testing.T) {
	t.Parallel()
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		name    string
		retries workflow.Retries
		random  float64
		// want are the delays after the first, second, … failed attempt; then there
		// is none left.
		want []time.Duration
	}{
		{"the zero value never does", workflow.Retries{}, 0.5, nil},
		{"the default is exponential from a second", workflow.Retries{Limit: 4}, 0.5, []time.Duration{s, 2 * s, 4 * s, 8 * s}},
		{"up to an hour", workflow.Retries{Limit: 4, Delay: 20 * m}, 0.5, []time.Duration{20 * m, 40 * m, h, h}},
		{"constant", workflow.Retries{Limit: 3, Delay: 5 * s, Backoff: workflow.BackoffConstant}, 0.5, []time.Duration{5 * s, 5 * s, 5 * s}},
		{"linear", workflow.Retries{Limit: 3, Delay: 5 * s, Backoff: workflow.BackoffLinear}, 0.5, []time.Duration{5 * s, 10 * s, 15 * s}},
		{"bounded", workflow.Retries{Limit: 3, Delay: s, Backoff: workflow.BackoffLinear, MaxDelay: 2 * s}, 0.5, []time.Duration{s, 2 * s, 2 * s}},
		{"a bound over an hour", workflow.Retries{Limit: 2, Delay: 2 * h, MaxDelay: 3 * h}, 0.5, []time.Duration{2 * h, 3 * h}},
		{"without jitter random means nothing", workflow.Retries{Limit: 1, Delay: s}, 0.99, []time.Duration{s}},
		{"the least jitter", workflow.Retries{Limit: 2, Delay: 10 * s, Jitter: 0.2}, 0, []time.Duration{8 * s, 16 * s}},
		{"the middle", workflow.Retries{Limit: 1, Delay: 10 * s, Jitter: 0.2}, 0.5, []time.Duration{10 * s}},
		{"three quarters", workflow.Retries{Limit: 1, Delay: 10 * s, Jitter: 0.2}, 0.75, []time.Duration{11 * s}},
		{"a delay over an hour", workflow.Retries{Limit: 2, Delay: 2 * h}, 0.5, []time.Duration{2 * h, 2 * h}},
		{"jitter spreads a bounded delay too", workflow.Retries{Limit: 1, Delay: 2 * h, MaxDelay: h, Jitter: 0.5}, 0, []time.Duration{30 * m}},
		{"full jitter may be nothing", workflow.Retries{Limit: 1, Delay: s, Jitter: 1}, 0, []time.Duration{0}},
	} {
		for i, want := range c.want {
			got, ok := c.retries.Next(i+1, c.random)
			require.True(t, ok, "%s: attempt %d", c.name, i+1)
			require.InDelta(t, want, got, float64(time.Microsecond), "%s: attempt %d", c.name, i+1)
		}
		_, ok := c.retries.Next(len(c.want)+1, c.random)
		require.False(t, ok, c.name)
	}
	huge, ok := workflow.Retries{Limit: math.MaxInt, Delay: h, MaxDelay: math.MaxInt64, Jitter: 1}.Next(10_000, 0.999)
	require.True(t, ok)
	require.GreaterOrEqual(t, huge, time.Duration(0), "it does not overflow")
}

func TestPark_Merge(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := workflow.Park{WakeAt: now.Add(time.Hour), Events: []workflow.Awaited{{Name: "x", After: "7"}}, Steps: []*workflow.Step{{Name: "a"}}}
	b := workflow.Park{Children: []string{"c"}, Events: []workflow.Awaited{{Name: "y"}}}
	c := workflow.Park{WakeAt: now.Add(time.Minute)}
	got := workflow.Park{}.Merge(a).Merge(b).Merge(c)
	require.Equal(t, workflow.Park{
		WakeAt: now.Add(time.Minute), Events: []workflow.Awaited{{Name: "x", After: "7"}, {Name: "y"}}, Children: []string{"c"}, Steps: a.Steps,
	}, got)
	require.Zero(t, workflow.Earlier(time.Time{}, time.Time{}))
	require.Equal(t, now, workflow.Earlier(time.Time{}, now))
	require.Equal(t, now, workflow.Earlier(now, time.Time{}))
}

func TestValidEventName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"paid", "order paid", "order.paid:1", "bezahlt-ü", "x"} {
		require.True(t, workflow.ValidEventName(good), good)
	}
	for _, bad := range []string{"", "a/b", "a\nb", "a\x00", "\xff", string(make([]byte, 101))} {
		require.False(t, workflow.ValidEventName(bad), "%q", bad)
	}
}
