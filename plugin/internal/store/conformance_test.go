package store

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// journal is what an engine needs of any store.
type journal interface {
	Find(ctx context.Context, id string) (*workflow.Execution, error)
	Steps(ctx context.Context, executionID string) ([]*workflow.Step, error)
	MarkRunning(ctx context.Context, execs []*workflow.Execution) error
	SaveStep(ctx context.Context, e *workflow.Execution, step *workflow.Step) error
	Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx core.App) error) error
	Finish(ctx context.Context, e *workflow.Execution) (workflow.Ended, error)
}

var (
	_ journal = (*Store)(nil)
	_ journal = (*TxStore)(nil)
)

// bundle is one store under test and the app its executions are inserted with.
type bundle struct {
	journal
	app    core.App
	insert func(execs ...*workflow.Execution) error
}

func TestStore_Conformance(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	Exercise(t, func(test func(bundle)) {
		test(bundle{s, app, func(execs ...*workflow.Execution) error { return s.Insert(app, execs...) }})
	})
	t.Run("stopped", func(t *testing.T) {
		s.Stop()
		Exercise(t, func(test func(bundle)) {
			test(bundle{s, app, func(execs ...*workflow.Execution) error { return s.Insert(app, execs...) }})
		})
	})
}

func TestTxStore_Conformance(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	rollback := errors.New("rollback")
	Exercise(t, func(test func(bundle)) {
		require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
			test(bundle{s.Tx(tx), tx, func(execs ...*workflow.Execution) error { return s.Insert(tx, execs...) }})
			return rollback
		}), rollback)
	})
	active, err := s.Active(context.Background(), "", 10)
	require.NoError(t, err)
	require.Empty(t, active, "everything is rolled back")
}

// Exercise is what every store must do. With calls each test with the store; it
// may be the same for all.
func Exercise(t *testing.T, with func(test func(b bundle))) {
	ctx := context.Background()
	for _, c := range []struct {
		name string
		test func(t *testing.T, b bundle)
	}{
		{"an execution reads back as it was inserted", func(t *testing.T, b bundle) {
			e := newExecution("a")
			e.User, e.UserCollection, e.RoleName = "u1", "users", "editor"
			e.Parent, e.Root, e.Depth = "p", "r", 2
			e.Chain = []workflow.Link{{Execution: "p", Workflow: "b", Target: "posts/1"}}
			e.Input.User = json.RawMessage(`{"id":"u1"}`)
			e.Cause.Path = "category"
			require.NoError(t, b.insert(e))
			require.Len(t, e.ID, 15)
			got, err := b.Find(ctx, e.ID)
			require.NoError(t, err)
			require.WithinDuration(t, e.Created, got.Created, time.Millisecond)
			got.Created, e.Created = time.Time{}, time.Time{}
			got.Messages, e.Attempt = nil, 0 // attempts are counted when it runs
			require.Equal(t, e, got)
		}},
		{"defaults are filled in", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			require.Equal(t, workflow.StatusQueued, e.Status)
			require.Equal(t, workflow.ModeAsync, e.Mode)
			require.Equal(t, e.ID, e.Root)
			require.False(t, e.Created.IsZero())
		}},
		{"marking shows the attempt once", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			e.Attempt = 3
			require.NoError(t, b.MarkRunning(ctx, []*workflow.Execution{e}))
			require.True(t, e.Marked)
			got, err := b.Find(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, workflow.StatusRunning, got.Status)
			require.Equal(t, 3, got.Attempt)
			require.False(t, got.StartedAt.IsZero())
			require.False(t, got.Marked, "another attempt has to be shown again")
			require.NoError(t, b.MarkRunning(ctx, nil))
		}},
		{"a step reads back as it was saved", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			second, first := newStep("b", 1), newStep("a", 0)
			second.Status, second.Result = workflow.StatusFailed, nil
			second.Failure = &workflow.Failure{Message: "no", Name: "Error", Stack: "a.js:1:2"}
			second.Logs = []workflow.Log{{Time: time.UnixMilli(1000).UTC(), Level: "info", Message: "m", Data: json.RawMessage(`[1]`)}}
			second.StartedAt, second.FinishedAt = time.UnixMilli(1000).UTC(), time.UnixMilli(2000).UTC()
			require.NoError(t, b.SaveStep(ctx, e, second))
			require.NoError(t, b.SaveStep(ctx, e, first))
			steps, err := b.Steps(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, []*workflow.Step{first, second}, steps)
			got, err := b.Find(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, workflow.StatusRunning, got.Status, "the first step shows that it runs")
			require.Equal(t, 1, got.Attempt)
		}},
		{"results keep their JSON type", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			for i, result := range []string{`null`, `1`, `1.5`, `1e21`, `-0.25`, `"1"`, `"a\"b"`, `""`, `true`, `[1,"2"]`, `{"a":null}`, `9007199254740991`} {
				step := newStep("s", i)
				step.Index, step.Result = i, json.RawMessage(result)
				require.NoError(t, b.SaveStep(ctx, e, step))
				steps, err := b.Steps(ctx, e.ID)
				require.NoError(t, err)
				require.JSONEq(t, result, string(steps[i].Result))
			}
		}},
		{"saving the same result twice is a success", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			require.NoError(t, b.SaveStep(ctx, e, newStep("s", 0)))
			again := newStep("s", 0)
			again.Result = json.RawMessage(`{ "n": 1.0 }`)
			require.NoError(t, b.SaveStep(ctx, e, again))
			again.Result = json.RawMessage(`{"n":2}`)
			require.ErrorIs(t, b.SaveStep(ctx, e, again), workflow.ErrStepConflict)
			steps, err := b.Steps(ctx, e.ID)
			require.NoError(t, err)
			require.Len(t, steps, 1)
			require.JSONEq(t, `{"n":1}`, string(steps[0].Result))
		}},
		{"a step that has not ended may be saved anew", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			step := newStep("s", 0)
			step.Status, step.Result = workflow.StatusRunning, nil
			require.NoError(t, b.SaveStep(ctx, e, step))
			require.NoError(t, b.SaveStep(ctx, e, newStep("s", 0)))
			steps, err := b.Steps(ctx, e.ID)
			require.NoError(t, err)
			require.Len(t, steps, 1)
			require.Equal(t, workflow.StatusCompleted, steps[0].Status)
		}},
		{"a transaction commits writes and step together", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			step := newStep("s", 0)
			step.Kind, step.Status, step.Result = workflow.StepTransaction, workflow.StatusRunning, nil
			require.NoError(t, b.Transaction(ctx, e, step, func(tx core.App) error {
				step.Result = json.RawMessage(`7`)
				return saveDemo(tx, "kept "+e.ID)
			}))
			require.Equal(t, workflow.StatusCompleted, step.Status)
			require.True(t, e.Marked)
			steps, err := b.Steps(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, `7`, string(steps[0].Result))
			require.Equal(t, 1, countDemo(t, b.app, "kept "+e.ID))
		}},
		{"a transaction that fails leaves nothing", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			boom := errors.New("boom")
			err := b.Transaction(ctx, e, newStep("s", 0), func(tx core.App) error {
				if err := saveDemo(tx, "undone"); err != nil {
					return err
				}
				return boom
			})
			require.ErrorIs(t, err, boom)
			require.False(t, e.Marked)
			steps, err := b.Steps(ctx, e.ID)
			require.NoError(t, err)
			require.Empty(t, steps)
			require.Zero(t, countDemo(t, b.app, "undone"))
			require.NoError(t, b.SaveStep(ctx, e, newStep("s", 0)), "and what follows works")
		}},
		{"a transaction of an ended execution leaves nothing", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			e.Status = workflow.StatusCanceled
			require.NoError(t, errOf(b.Finish(ctx, e)))
			err := b.Transaction(ctx, e, newStep("s", 0), func(tx core.App) error { return saveDemo(tx, "late") })
			require.ErrorIs(t, err, workflow.ErrGone)
			require.Zero(t, countDemo(t, b.app, "late"))
		}},
		{"the end is stored once", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			e.Status, e.Reason = workflow.StatusFailed, "declined"
			e.Output = json.RawMessage(`{"x":1}`)
			e.Failure = &workflow.Failure{Message: "no", Name: "Error", Step: "s", Stack: "a.js:1:1"}
			e.Messages = []string{"hello"}
			e.Logs = []workflow.Log{{Level: "info", Message: "m"}}
			require.NoError(t, errOf(b.Finish(ctx, e)))
			require.False(t, e.FinishedAt.IsZero())
			got, err := b.Find(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, e.Status, got.Status)
			require.Equal(t, e.Reason, got.Reason)
			require.Equal(t, e.Failure, got.Failure)
			require.Equal(t, e.Messages, got.Messages)
			require.Equal(t, e.Logs, got.Logs)
			require.JSONEq(t, `{"x":1}`, string(got.Output))

			late := *e
			late.Status = workflow.StatusCompleted
			require.ErrorIs(t, errOf(b.Finish(ctx, &late)), workflow.ErrGone)
			require.ErrorIs(t, b.SaveStep(ctx, e, newStep("late", 0)), workflow.ErrGone)
			require.NoError(t, b.MarkRunning(ctx, []*workflow.Execution{&late}))
			got, err = b.Find(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, workflow.StatusFailed, got.Status)
		}},
		{"an unknown execution is gone", func(t *testing.T, b bundle) {
			e := newExecution("a")
			e.ID, e.Status = NewID(), workflow.StatusCompleted
			require.ErrorIs(t, errOf(b.Finish(ctx, e)), workflow.ErrGone)
			require.ErrorIs(t, b.SaveStep(ctx, e, newStep("s", 0)), workflow.ErrGone)
			_, err := b.Find(ctx, e.ID)
			require.Error(t, err)
		}},
		{"only an end can finish", func(t *testing.T, b bundle) {
			e := newExecution("a")
			require.NoError(t, b.insert(e))
			require.ErrorContains(t, errOf(b.Finish(ctx, e)), "not final")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			with(func(b bundle) { c.test(t, b) })
		})
	}
}

func saveDemo(tx core.App, title string) error {
	collection, err := tx.FindCollectionByNameOrId("demo2")
	if err != nil {
		return err
	}
	record := core.NewRecord(collection)
	record.Set("title", title)
	return tx.Save(record)
}

func countDemo(t *testing.T, app core.App, title string) int {
	t.Helper()
	records, err := app.FindRecordsByFilter("demo2", "title = {:t}", "", 0, 0, map[string]any{"t": title})
	require.NoError(t, err)
	return len(records)
}
