package compare

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkHistory measures ours with ever more finished executions:
//
//	enqueue   storing a request to run, the queue paused
//	queue     executions with one step from start to stored end
//
// Neither should change by more than 20 % from the smallest to the largest.
func BenchmarkHistory(b *testing.B) {
	size := historySize(b)
	for _, n := range []int{size / 100, size, size * 10} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			e := openFilled(b, openOurs, n)
			b.Run("enqueue", func(b *testing.B) { benchEnqueue(b, e) })
			b.Run("queue", func(b *testing.B) { benchExecutions(b, e, 1) })
		})
	}
}

func benchEnqueue(b *testing.B, e *ours) {
	b.Helper()
	before := completed(b, e)
	e.plugin.Pause()
	b.ResetTimer()
	start := time.Now()
	startAll(b, e, newWork(1), b.N)
	elapsed := time.Since(start)
	b.StopTimer()
	require.Equal(b, before, completed(b, e), "the queue is paused")
	e.plugin.Resume()
	drain(b, e)
	require.Equal(b, before+b.N, completed(b, e), "completed executions")
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "enqueue/s")
	b.ReportMetric(float64(elapsed.Microseconds())/float64(b.N), "us/enqueue")
	b.ReportMetric(0, "ns/op")
}
