package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// BenchmarkInsert is what one triggered execution adds to a transaction that is
// open anyway.
func BenchmarkInsert(b *testing.B) {
	for _, rows := range []int{1, 10} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			app, s := newStarted(b)
			require.NoError(b, app.RunInTransaction(func(tx core.App) error {
				for b.Loop() {
					execs := make([]*workflow.Execution, rows)
					for i := range execs {
						execs[i] = newExecution("a")
						execs[i].User, execs[i].UserCollection = "4q1xlclmfloku33", "users"
						execs[i].Input.Data = json.RawMessage(`{"id":"r1","title":"some title","content":"some more content"}`)
					}
					if err := s.Insert(tx, execs...); err != nil {
						return err
					}
				}
				return nil
			}))
		})
	}
}

// BenchmarkSaveStep is a durable step for callers side by side.
func BenchmarkSaveStep(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			app, s := newStarted(b)
			execs := make([]*workflow.Execution, callers)
			for i := range execs {
				execs[i] = newExecution("a")
			}
			insert(b, app, s, execs...)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for _, e := range execs {
				wg.Go(func() {
					for seq := 0; left.Add(-1) >= 0; seq++ {
						step := newStep("s", seq)
						step.Index = seq
						if err := s.SaveStep(context.Background(), e, step); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkLife is an execution's whole way through the store: inserted, one
// step in a transaction of its own, finished.
func BenchmarkLife(b *testing.B) {
	app, s := newStarted(b)
	ctx := context.Background()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e := newExecution("a")
			err := app.RunInTransaction(func(tx core.App) error { return s.Insert(tx, e) })
			if err == nil {
				err = s.Transaction(ctx, e, newStep("s", 0), func(core.App) error { return nil })
			}
			e.Status = workflow.StatusCompleted
			if err == nil {
				err = errOf(s.Finish(ctx, e))
			}
			if err != nil {
				b.Error(err)
			}
		}
	})
}
