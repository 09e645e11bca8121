package store

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// BenchmarkStatements is what one execution costs the writer: its row, a step, its
// end, each among others of the same kind in one transaction.
func BenchmarkStatements(b *testing.B) {
	app, s := newStarted(b)
	each := func(name string, stored bool, run func(x *batch, e *workflow.Execution) error) {
		b.Run(name, func(b *testing.B) {
			for n := 0; n < b.N; n += 100 {
				b.StopTimer()
				var execs []*workflow.Execution
				for range 100 {
					e := newExecution("a")
					e.Marked = true
					fillNew(e)
					execs = append(execs, e)
				}
				if stored {
					require.NoError(b, s.Insert(app, execs...))
				}
				b.StartTimer()
				require.NoError(b, app.RunInTransaction(func(tx core.App) error {
					x := s.prepared.batch(app, tx)
					for _, e := range execs {
						if err := run(x, e); err != nil {
							return err
						}
					}
					return nil
				}))
			}
		})
	}
	each("insert", false, func(x *batch, e *workflow.Execution) error { return insertExecutions(x, []*workflow.Execution{e}) })
	each("step", true, func(x *batch, e *workflow.Execution) error {
		w, err := newStepWrite(e, newStep("s", 0))
		if err != nil {
			return err
		}
		return w.run(x)
	})
	each("finish", true, func(x *batch, e *workflow.Execution) error {
		e.Status = workflow.StatusCompleted
		args, err := finishArgs(e)
		if err != nil {
			return err
		}
		_, _, err = finishExecution(x, e, args)
		return err
	})
}
