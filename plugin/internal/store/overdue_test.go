package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// day is when the executions of these tests were created: days before now.
func day(n int) time.Time { return time.Now().Add(-time.Duration(n) * 24 * time.Hour) }

// ended stores an execution that was created and ended at the given time.
func ended(t testing.TB, s *Store, key string, status workflow.Status, at time.Time) *workflow.Execution {
	t.Helper()
	e := newExecution(key)
	e.Status, e.Created, e.StartedAt, e.FinishedAt = status, at, at, at
	require.NoError(t, s.Record(context.Background(), e))
	return e
}

// active stores an execution that has not ended.
func active(t testing.TB, app core.App, s *Store, key string, status workflow.Status, at time.Time) *workflow.Execution {
	t.Helper()
	e := newExecution(key)
	e.Status, e.Created = status, at
	insert(t, app, s, e)
	return e
}

// all collects what a walk finds.
func all(t testing.TB, pages Pages) []string {
	t.Helper()
	ids := []string{}
	for page, err := range pages {
		require.NoError(t, err)
		require.NotEmpty(t, page)
		ids = append(ids, page...)
	}
	return ids
}

func idsOf(execs ...*workflow.Execution) []string { return executionIDs(execs) }

func TestOverAge(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	finals := workflow.FinalStatuses()
	const done, failed = workflow.StatusCompleted, workflow.StatusFailed

	second := ended(t, s, "a", failed, day(20)) // created before, stored first
	first := ended(t, s, "a", done, day(30))
	long := ended(t, s, "a", done, day(40))
	_, err := app.NonconcurrentDB().Update(executionsName, dbx.Params{"finishedAt": formatDate(day(1))}, dbx.HashExp{"id": long.ID}).Execute()
	require.NoError(t, err)
	young := ended(t, s, "a", done, day(5))
	for _, status := range []workflow.Status{workflow.StatusQueued, workflow.StatusRunning, workflow.StatusWaiting} {
		active(t, app, s, "a", status, day(50))
	}
	other := ended(t, s, "b", done, day(30))

	require.Equal(t, idsOf(first, second), all(t, s.OverAge(ctx, "a", finals, day(10))), "the oldest first; age counts from the end")
	require.Equal(t, idsOf(first), all(t, s.OverAge(ctx, "a", []workflow.Status{done}, day(10))))
	require.Equal(t, idsOf(second), all(t, s.OverAge(ctx, "a", []workflow.Status{failed, workflow.StatusError}, day(10))))
	require.Equal(t, idsOf(long, first, second, young), all(t, s.OverAge(ctx, "a", finals, time.Now())))
	require.Equal(t, idsOf(other), all(t, s.OverAge(ctx, "b", finals, day(10))))
	require.Empty(t, all(t, s.OverAge(ctx, "a", finals, day(60))))
	require.Empty(t, all(t, s.OverAge(ctx, "a", finals, time.Now().Add(-1<<63+1))), "the longest there is")
	require.Empty(t, all(t, s.OverAge(ctx, "unknown", finals, time.Now())))
}

func TestOverCount(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	finals := workflow.FinalStatuses()
	const done, failed = workflow.StatusCompleted, workflow.StatusFailed
	same := day(3)
	e := []*workflow.Execution{
		ended(t, s, "a", done, day(5)), ended(t, s, "a", failed, day(4)),
		ended(t, s, "a", done, same), ended(t, s, "a", done, same), ended(t, s, "a", failed, same), // one millisecond
		ended(t, s, "a", failed, day(1)),
	}
	active(t, app, s, "a", workflow.StatusQueued, day(9))
	active(t, app, s, "a", workflow.StatusRunning, day(0))
	ended(t, s, "b", done, day(9))

	for keep, want := range [][]*workflow.Execution{e, e[:5], e[:4], e[:3], e[:2], e[:1], nil, nil} {
		require.Equal(t, idsOf(want...), all(t, s.OverCount(ctx, "a", finals, keep)), "keep %d", keep)
	}
	require.Equal(t, idsOf(e[0], e[2]), all(t, s.OverCount(ctx, "a", []workflow.Status{done}, 1)), "counted by themselves")
	require.Equal(t, idsOf(e[1]), all(t, s.OverCount(ctx, "a", []workflow.Status{failed}, 2)))
	require.Empty(t, all(t, s.OverCount(ctx, "a", []workflow.Status{workflow.StatusError}, 1)))
}

func TestOverTotal(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	active(t, app, s, "a", workflow.StatusWaiting, day(9))
	var e []*workflow.Execution
	for i, status := range workflow.FinalStatuses() {
		e = append(e, ended(t, s, fmt.Sprint("w", i), status, day(8-i)))
		active(t, app, s, "a", workflow.StatusQueued, day(8-i))
	}
	active(t, app, s, "a", workflow.StatusRunning, day(0))
	for keep := range len(e) + 2 {
		require.Equal(t, idsOf(e[:max(0, len(e)-keep)]...), all(t, s.OverTotal(ctx, keep)), "keep %d", keep)
	}
}

func TestExecutedKeys(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	keys, err := s.ExecutedKeys(ctx)
	require.NoError(t, err)
	require.Empty(t, keys)
	for _, key := range []string{"b", "a", "b", "C"} {
		ended(t, s, key, workflow.StatusCompleted, day(0))
	}
	active(t, app, s, "d", workflow.StatusQueued, day(0))
	keys, err = s.ExecutedKeys(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"C", "a", "b", "d"}, keys)
}

// TestOverdue_Pages: pages are read on whether or not what they hold is deleted
// meanwhile, and the reading can be broken off.
func TestOverdue_Pages(t *testing.T) {
	t.Parallel()
	const rows = 2*overduePage + 10
	ctx := context.Background()
	finals := workflow.FinalStatuses()
	app, s := newStarted(t)
	seed(t, app, rows, 1, 0)
	walks := map[string]func() Pages{
		"age":   func() Pages { return s.OverAge(ctx, "w0", finals, time.Now()) },
		"count": func() Pages { return s.OverCount(ctx, "w0", finals, 1) },
		"total": func() Pages { return s.OverTotal(ctx, 1) },
	}
	for name, walk := range walks {
		found := all(t, walk())
		want := rows - 1
		if name == "age" {
			want = rows
		}
		require.Len(t, found, want, name)
		require.IsIncreasing(t, found, name)
		for page, err := range walk() {
			require.NoError(t, err)
			require.Len(t, page, overduePage)
			break
		}
	}
	n := 0
	for page, err := range s.OverCount(ctx, "w0", finals, 5) {
		require.NoError(t, err)
		n += len(page)
		for len(page) > 0 {
			d, err := s.DeleteFinished(ctx, page, time.Minute)
			require.NoError(t, err)
			page = page[d.Done:]
		}
	}
	require.Equal(t, rows-5, n)
	require.Empty(t, all(t, s.OverCount(ctx, "w0", finals, 5)))
	require.Len(t, all(t, s.OverTotal(ctx, 0)), 5)

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for _, pages := range []Pages{s.OverAge(canceled, "w0", finals, time.Now()), s.OverCount(canceled, "w0", finals, 1), s.OverTotal(canceled, 1)} {
		for page, err := range pages {
			require.Empty(t, page)
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}

// seed stores completed executions of the workflows w0, w1, …, each with some
// steps, in one go.
func seed(t testing.TB, app core.App, rows, workflows, steps int) {
	t.Helper()
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i+1 < {:rows})"
	at := formatDate(time.Now().Add(-time.Hour))
	exec := func(query string, params dbx.Params) {
		_, err := app.NonconcurrentDB().NewQuery(query).Bind(params).Execute()
		require.NoError(t, err)
	}
	exec(numbers+" INSERT INTO "+executionsName+" (id,workflow,version,status,mode,input,output,user,created,updated,startedAt,finishedAt)"+
		" SELECT printf('%015d',i), 'w'||(i%{:workflows}), 1, 'completed', 'async', {:input}, '{\"ok\":true}', 'u1', {:at}, {:at}, {:at}, {:at} FROM n",
		dbx.Params{"rows": rows, "workflows": workflows, "at": at, "input": `{"data":"` + strings.Repeat("x", 500) + `"}`})
	if steps > 0 {
		exec(numbers+", s(j) AS (SELECT 0 UNION ALL SELECT j+1 FROM s WHERE j+1 < {:steps})"+
			" INSERT INTO "+stepsName+" (id,execution,name,\"index\",seq,kind,status,attempt,result)"+
			" SELECT printf('%010d%05d',i,j), printf('%015d',i), 's'||j, 0, j, 'run', 'completed', 1, {:result} FROM n, s",
			dbx.Params{"rows": rows, "steps": steps, "result": `{"r":"` + strings.Repeat("y", 100) + `"}`})
	}
}

// plan is what SQLite says it will do.
func plan(t testing.TB, app core.App, query string) []string {
	t.Helper()
	var rows []struct {
		Detail string `db:"detail"`
	}
	params := dbx.Params{}
	for _, name := range []string{"workflow", "statuses", "before", "created", "row", "untilCreated", "untilRow", "limit", "keep", "after", "until", "ids", "key"} {
		if strings.Contains(query, "{:"+name+"}") {
			params[name] = "1"
		}
	}
	require.NoError(t, app.NonconcurrentDB().NewQuery("EXPLAIN QUERY PLAN "+query).Bind(params).All(&rows))
	details := make([]string, len(rows))
	for i, row := range rows {
		details[i] = row.Detail
	}
	return details
}

// TestOverdue_Plans: no query reads the whole table of executions or of what
// belongs to them.
func TestOverdue_Plans(t *testing.T) {
	t.Parallel()
	app, _ := newStarted(t)
	const (
		byWorkflow = "SEARCH " + executionsName + " USING INDEX idx_workflowExecutions_workflow (workflow=?"
		byID       = "SEARCH " + executionsName + " USING INDEX sqlite_autoindex_" + executionsName + "_1 (id"
	)
	queries := map[string]struct{ query, has string }{
		"age":          {ageSQL, byWorkflow + " AND created>? AND created<?)"},
		"count":        {countSQL, byWorkflow + " AND created>? AND created<?)"},
		"beyond count": {beyondCountSQL, byWorkflow + ")"},
		"total":        {totalSQL, byID + ">? AND id<?)"},
		"counts":       {countsSQL, byWorkflow + ")"},
		"finished":     {finishedSQL, byID + "=?)"},
		"delete":       {deleteSQL, "COVERING INDEX sqlite_autoindex_" + executionsName + "_1 (id=?)"},
	}
	for _, collection := range relatedCollections() {
		queries[collection] = struct{ query, has string }{deleteRelatedSQL(collection), "(execution=?)"}
	}
	for name, c := range queries {
		details := strings.Join(plan(t, app, c.query), "\n")
		require.Contains(t, details, c.has, name)
		for _, table := range append(relatedCollections(), executionsName) {
			require.NotContains(t, details, "SCAN "+table, name)
		}
		if name != "counts" {
			require.NotContains(t, details, "TEMP B-TREE", name)
		}
	}

	// The boundary of the total is walked from the newest id on, as far as it is
	// kept: over indexes that hold all that is asked, never over the table.
	total := plan(t, app, beyondTotalSQL)
	require.Equal(t, "SCAN "+executionsName+" USING COVERING INDEX sqlite_autoindex_"+executionsName+"_1", total[0])
	for _, detail := range total[1:] {
		if strings.Contains(detail, executionsName) {
			require.Equal(t, "SEARCH "+executionsName+" USING COVERING INDEX idx_workflowExecutions_active (status=?)", detail)
		}
	}
	for _, detail := range plan(t, app, keysSQL) {
		if strings.Contains(detail, executionsName) {
			require.Contains(t, detail, "SEARCH "+executionsName+" USING COVERING INDEX idx_workflowExecutions_workflow")
		}
	}
}
