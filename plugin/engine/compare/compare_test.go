package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// maxSamples is how many executions the latency benchmark runs at most.
	maxSamples = 100
	// maxPause is the longest pause between two of them. It is random, to be out
	// of step with what polls: the slowest ticker is River's, which stores ends
	// every quarter of a second.
	maxPause = 250 * time.Millisecond
)

// BenchmarkEngines compares the engines, each with a history:
//
//	steps=N   executions with N steps from start to stored end
//	latency   one execution at a time on an idle engine
func BenchmarkEngines(b *testing.B) {
	size := historySize(b)
	for _, c := range contestants() {
		b.Run(c.name, func(b *testing.B) {
			e := openFilled(b, c.open, size)
			for _, steps := range c.steps {
				b.Run(fmt.Sprintf("steps=%d", steps), func(b *testing.B) { benchExecutions(b, e, steps) })
			}
			b.Run("latency", func(b *testing.B) { benchLatency(b, e) })
		})
	}
}

func benchExecutions(b *testing.B, e engine, steps int) {
	b.Helper()
	before := completed(b, e)
	b.ResetTimer()
	start := time.Now()
	startAll(b, e, newWork(steps), b.N)
	drain(b, e)
	elapsed := time.Since(start)
	b.StopTimer()
	require.Equal(b, before+b.N, completed(b, e), "completed executions")
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "exec/s")
	b.ReportMetric(0, "ns/op")
}

func benchLatency(b *testing.B, e engine) {
	b.Helper()
	n := min(b.N, maxSamples)
	before := completed(b, e)
	latencies, untilWorked := make([]time.Duration, n), make([]time.Duration, 0, n)
	b.ResetTimer()
	for i := range n {
		time.Sleep(rand.N(maxPause)) // a poller must not be in step with the starts
		start := time.Now()
		_, err := e.start(b.Context(), newWork(1))
		require.NoError(b, err)
		drain(b, e)
		latencies[i] = time.Since(start)
		if teller, ok := e.(interface{ workedAt() time.Time }); ok {
			untilWorked = append(untilWorked, teller.workedAt().Sub(start))
		}
	}
	b.StopTimer()
	require.Equal(b, before+n, completed(b, e), "completed executions")
	b.ReportMetric(median(latencies), "p50-ms")
	if len(untilWorked) > 0 {
		b.ReportMetric(median(untilWorked), "worked-p50-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// median is in milliseconds.
func median(durations []time.Duration) float64 {
	slices.Sort(durations)
	return durations[len(durations)/2].Seconds() * 1000
}
