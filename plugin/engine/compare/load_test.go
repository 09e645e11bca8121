package compare

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// starters is how many goroutines start executions side by side.
	starters = 64
	// warmUp is how many executions run before anything is measured.
	warmUp = 200
	// patience is how long the executions of one benchmark may take to end.
	patience = 10 * time.Minute
)

// openFilled opens an engine that holds n finished executions and has warmed up.
func openFilled[E engine](b *testing.B, open func(*testing.B) E, n int) E {
	b.Helper()
	e := open(b)
	fill(b, e, n)
	startAll(b, e, newWork(1), warmUp)
	drain(b, e)
	return e
}

// startAll starts n executions from many goroutines.
func startAll(b *testing.B, e engine, w work, n int) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range starters {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				if _, err := e.start(b.Context(), w); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func drain(b *testing.B, e engine) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	require.NoError(b, e.drain(ctx))
}

// completed is how many executions are stored as completed, those of the
// history included.
func completed(b *testing.B, e engine) int {
	b.Helper()
	var n int
	require.NoError(b, e.database().QueryRowContext(b.Context(), e.completedSQL()).Scan(&n))
	return n
}
