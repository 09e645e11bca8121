package store

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// countRows is how many rows of a collection belong to an execution.
func countRows(t testing.TB, app core.App, collection, execution string) int {
	t.Helper()
	var n int
	require.NoError(t, app.ConcurrentDB().Select("count(*)").From(collection).Where(dbx.HashExp{"execution": execution}).Row(&n))
	return n
}

func exists(t testing.TB, app core.App, e *workflow.Execution) bool {
	t.Helper()
	var n int
	require.NoError(t, app.ConcurrentDB().Select("count(*)").From(executionsName).Where(dbx.HashExp{"id": e.ID}).Row(&n))
	return n == 1
}

// withRows gives an execution steps and a task, as they are stored.
func withRows(t testing.TB, app core.App, e *workflow.Execution, steps int) {
	t.Helper()
	for i := range steps {
		_, err := app.NonconcurrentDB().Insert(stepsName, dbx.Params{"id": NewID(), "execution": e.ID, "name": "s", "index": i, "status": "completed"}).Execute()
		require.NoError(t, err)
	}
	_, err := app.NonconcurrentDB().Insert(tasksName, dbx.Params{"id": NewID(), "execution": e.ID, "title": "t"}).Execute()
	require.NoError(t, err)
}

func TestDeleteFinished(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	_, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1"), newVersion("b", "1")}, nil)
	require.NoError(t, err)
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")

	var finished, kept []*workflow.Execution
	for _, status := range workflow.FinalStatuses() {
		finished = append(finished, ended(t, s, "a", status, day(1)))
	}
	finished = append(finished, ended(t, s, "b", workflow.StatusFailed, day(1)), ended(t, s, "not stored", workflow.StatusFailed, day(1)))
	for _, status := range []workflow.Status{workflow.StatusQueued, workflow.StatusRunning, workflow.StatusWaiting} {
		e := newExecution("a")
		e.Status, e.Parent, e.Root = status, finished[0].ID, finished[0].ID
		e.Chain = []workflow.Link{finished[0].Link()}
		insert(t, app, s, e)
		kept = append(kept, e)
	}
	kept = append(kept, ended(t, s, "a", workflow.StatusCompleted, day(1)))
	for _, e := range append(kept, finished...) {
		withRows(t, app, e, 3)
	}
	s.Stop()
	s.Start() // what was told so far is told
	client := subscribe(t, app, super, executionsName+"/*", stepsName+"/*", workflowsName+"/*")
	app.ResetEventCalls()

	asked := append(idsOf(finished...), "unknown")
	asked = append(asked, idsOf(kept[:3]...)...)
	d, err := s.DeleteFinished(ctx, asked, time.Minute)
	require.NoError(t, err)
	require.Equal(t, len(asked), d.Done)
	require.Equal(t, len(finished), d.Deleted)
	require.Positive(t, d.Held)
	for _, e := range finished {
		require.False(t, exists(t, app, e))
		require.Zero(t, countRows(t, app, stepsName, e.ID))
		require.Zero(t, countRows(t, app, tasksName, e.ID))
	}
	for _, e := range kept {
		require.True(t, exists(t, app, e))
		require.Equal(t, 3, countRows(t, app, stepsName, e.ID))
		require.Equal(t, 1, countRows(t, app, tasksName, e.ID))
	}
	child, err := s.Find(ctx, kept[0].ID)
	require.NoError(t, err)
	require.Equal(t, finished[0].ID, child.Chain[0].Execution, "the chain is its own")
	require.Empty(t, app.EventCalls, "plain SQL")

	again, err := s.DeleteFinished(ctx, asked, time.Minute)
	require.NoError(t, err)
	require.Equal(t, len(asked), again.Done)
	require.Zero(t, again.Deleted)

	counts, err := s.Counts(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, map[workflow.Status]int{
		workflow.StatusQueued: 1, workflow.StatusRunning: 1, workflow.StatusWaiting: 1,
		workflow.StatusCompleted: 2, workflow.StatusFailed: 1, workflow.StatusError: 1,
		workflow.StatusAborted: 1, workflow.StatusCanceled: 1, workflow.StatusRejected: 1,
	}, counts)
	require.JSONEq(t, `{"failed":1}`, row(t, app, "b").GetString("counters"))

	s.Stop()
	require.Empty(t, client.Channel(), "nobody is told")

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.DeleteFinished(canceled, idsOf(kept...), time.Minute)
	require.ErrorIs(t, err, context.Canceled)
}

// TestDeleteFinished_Budget: a call that runs out of time commits what it has,
// and every call gets on.
func TestDeleteFinished_Budget(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	_, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1")}, nil)
	require.NoError(t, err)
	const many = 3*deleteRelated + 1
	big := ended(t, s, "a", workflow.StatusCompleted, day(2))
	withRows(t, app, big, many)
	list := []string{big.ID}
	for range 2 * deleteExecutions {
		list = append(list, ended(t, s, "a", workflow.StatusFailed, day(1)).ID)
	}
	next := func() Deletion {
		t.Helper()
		d, err := s.DeleteFinished(ctx, list, 0)
		require.NoError(t, err)
		list = list[d.Done:]
		return d
	}
	for left := many - deleteRelated; left > 0; left -= deleteRelated {
		require.Zero(t, next().Done)
		require.True(t, exists(t, app, big), "with its last step and no sooner")
		require.Equal(t, left, countRows(t, app, stepsName, big.ID))
		require.Equal(t, "null", row(t, app, "a").GetString("counters"), "not counted yet")
	}
	require.Equal(t, deleteExecutions, next().Done)
	require.False(t, exists(t, app, big))
	require.Equal(t, deleteExecutions, next().Deleted)
	require.Equal(t, 1, next().Deleted)
	require.Empty(t, list)
	require.Zero(t, next())
	require.JSONEq(t, `{"completed":1,"failed":40}`, row(t, app, "a").GetString("counters"))
}

// TestDeleteFinished_RollsBack: what could not be counted is not deleted.
func TestDeleteFinished_RollsBack(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	_, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1")}, nil)
	require.NoError(t, err)
	e := ended(t, s, "a", workflow.StatusCompleted, day(1))
	withRows(t, app, e, 2)
	_, err = app.NonconcurrentDB().NewQuery("CREATE TRIGGER no BEFORE UPDATE ON " + workflowsName + " BEGIN SELECT RAISE(ABORT, 'no counters'); END").Execute()
	require.NoError(t, err)
	d, err := s.DeleteFinished(ctx, []string{e.ID}, time.Minute)
	require.ErrorContains(t, err, "no counters")
	require.Zero(t, d)
	require.True(t, exists(t, app, e))
	require.Equal(t, 2, countRows(t, app, stepsName, e.ID))
}

// TestDeleteFinished_HoldsTheWriterShortly deletes many executions while others
// write, and logs what both sides felt of it.
func TestDeleteFinished_HoldsTheWriterShortly(t *testing.T) {
	const rows, keep = 2_000, 100
	app, s := newStarted(t)
	ctx := context.Background()
	versions := make([]workflow.Version, 10)
	for i := range versions {
		versions[i] = newVersion("w"+string(rune('0'+i)), "1")
	}
	_, err := s.SyncDefinitions(ctx, versions, nil)
	require.NoError(t, err)
	seed(t, app, rows, len(versions), 3)

	var stop atomic.Bool
	var wait, writes, longest atomic.Int64
	var others sync.WaitGroup
	others.Go(func() {
		e := newExecution("w0")
		if !assertNoError(t, s.Insert(app, e)) {
			return
		}
		for seq := 0; !stop.Load(); seq++ {
			step := newStep("s", seq)
			step.Index = seq
			began := time.Now()
			if !assertNoError(t, s.SaveStep(ctx, e, step)) {
				return
			}
			took := int64(time.Since(began))
			wait.Add(took)
			writes.Add(1)
			longest.Store(max(longest.Load(), took))
		}
	})

	const slow, quick, budget = 25 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond
	size, batches, biggest := 100, 0, 0
	var held time.Duration
	began := time.Now()
	for page, err := range s.OverTotal(ctx, keep) {
		require.NoError(t, err)
		for len(page) > 0 {
			d, err := s.DeleteFinished(ctx, page[:min(size, len(page))], budget)
			require.NoError(t, err)
			page = page[d.Done:]
			batches++
			biggest = max(biggest, d.Done)
			held = max(held, d.Held)
			if d.Held > slow {
				size = max(1, size/2)
			} else if d.Held < quick {
				size = min(1000, size*2)
			}
			time.Sleep(max(d.Held, 10*time.Millisecond))
		}
	}
	took := time.Since(began)
	stop.Store(true)
	others.Wait()
	t.Logf("%d executions with 3 steps each in %s: %d batches of up to %d, the longest held the writer for %s", rows-keep, took, batches, biggest, held)
	t.Logf("meanwhile %d writes of others, %s each, the longest %s", writes.Load(), time.Duration(wait.Load()/max(1, writes.Load())), time.Duration(longest.Load()))

	var left int
	require.NoError(t, app.ConcurrentDB().Select("count(*)").From(executionsName).Where(dbx.HashExp{"status": "completed"}).Row(&left))
	require.Equal(t, keep, left)
	counted := 0
	for i := range versions {
		var c map[string]int
		require.NoError(t, json.Unmarshal([]byte(row(t, app, versions[i].Workflow).GetString("counters")), &c))
		counted += c["completed"]
	}
	require.Equal(t, rows-keep, counted)
	require.Less(t, held, 2*time.Second, "generously: the machine may be busy")
}

func assertNoError(t testing.TB, err error) bool {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	return err == nil
}
