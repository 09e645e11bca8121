package plugin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"
)

// BenchmarkRecordBulk changes 10,000 records in one transaction, with a workflow
// that listens to them and without: all-exec/s is how many changes with their
// executions are stored a second, exec/s how many executions are, the plain
// change taken off.
func BenchmarkRecordBulk(b *testing.B) {
	const n = 10_000
	app := newBenchApp(b, benchSetup{plugin: true, workflows: map[string]string{"bulk.js": `
workflow("bulk", { on: { type: "record", collection: "bench" } }, () => {});`}})
	require.NoError(b, app.OnTerminate().Trigger(&core.TerminateEvent{App: app})) // only what the caller waits for
	var bulk func(collection, action string) time.Duration
	bulk = func(collection, action string) time.Duration {
		c, err := app.FindCollectionByNameOrId(collection)
		require.NoError(b, err)
		found, err := app.FindAllRecords(c)
		require.NoError(b, err)
		if action != "create" && len(found) < n {
			bulk(collection, "create")
			return bulk(collection, action)
		}
		began := time.Now()
		require.NoError(b, app.RunInTransaction(func(tx core.App) error {
			for i := range n {
				r := core.NewRecord(c)
				if action != "create" {
					r = found[i]
				}
				if action == "delete" {
					if err := tx.Delete(r); err != nil {
						return err
					}
					continue
				}
				r.Set("title", fmt.Sprint(action, i))
				if err := tx.Save(r); err != nil {
					return err
				}
			}
			return nil
		}))
		return time.Since(began)
	}
	for _, action := range []string{"create", "update", "delete"} {
		b.Run(action, func(b *testing.B) {
			var plain, with time.Duration
			for range b.N {
				plain += bulk("bench_logs", action)
				with += bulk("bench", action)
			}
			count := float64(n * b.N)
			b.ReportMetric(count/with.Seconds(), "all-exec/s")
			b.ReportMetric(count/(with-plain).Seconds(), "exec/s")
			b.ReportMetric(count/plain.Seconds(), "plain-changes/s")
		})
	}
}
