package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// activityAge is how long counts are told again without looking.
	activityAge = 2 * time.Second
	// activityBudget is how long one call may go through executions of the past
	// that were not counted yet.
	activityBudget = 250 * time.Millisecond
	// activityLag is how old an execution is before it is counted for good: a
	// transaction may commit one whose id was made before another's.
	activityLag = 10 * time.Second
	// activityPage is how many executions are read at a time.
	activityPage = 5000
)

// activity counts the executions of the last hours. Every execution that has
// ended is read once and then only remembered as a number, so that asking again
// costs what has happened since, however many executions there are. What was
// deleted after it was counted still counts.
type activity struct {
	mu sync.Mutex
	// The executions with ids in [oldest, newest) are counted, except for open.
	oldest, newest string
	// open are those that had not ended when they were read.
	open map[string]struct{}
	done tallies
	told workflow.Activities
	at   time.Time
}

// Activity tells what the executions of the last hours did. Errors: what the
// database said.
func (s *Store) Activity(ctx context.Context, now time.Time) (workflow.Activities, error) {
	a := &s.activity
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told.Complete && now.Sub(a.at) < activityAge && !now.Before(a.at) {
		return a.told, nil
	}
	told, err := a.look(ctx, s.app.ConcurrentDB(), now)
	if err != nil {
		return workflow.Activities{}, fmt.Errorf("count executions: %w", err)
	}
	a.told, a.at = told, now
	return told, nil
}

func (a *activity) look(ctx context.Context, db dbx.Builder, now time.Time) (workflow.Activities, error) {
	since := now.UTC().Truncate(time.Hour).Add(-(workflow.ActivityHours - 1) * time.Hour)
	first, settled := idAt(since), idAt(now.Add(-activityLag))
	if a.done == nil || a.newest < first || a.newest > settled {
		a.oldest, a.newest = settled, settled
		a.open, a.done = map[string]struct{}{}, tallies{}
	}
	a.done.forget(since)
	deadline := time.Now().Add(activityBudget)
	caughtUp, err := a.forward(ctx, db, settled, deadline)
	if err != nil {
		return workflow.Activities{}, err
	}
	complete, err := a.back(ctx, db, first, deadline)
	if err != nil {
		return workflow.Activities{}, err
	}
	all := a.done.clone()
	if err := a.follow(ctx, db, first, all); err != nil {
		return workflow.Activities{}, err
	}
	// What is too young to be counted for good.
	if caughtUp {
		for from := a.newest; ; {
			rows, err := readTallied(ctx, db, from, "~", false)
			if err != nil {
				return workflow.Activities{}, err
			}
			for _, r := range rows {
				all.add(r)
			}
			if len(rows) < activityPage {
				break
			}
			from = rows[len(rows)-1].id + "0"
		}
	}
	told := all.activities(since)
	told.Complete = complete && caughtUp
	return told, addLast(ctx, db, &told)
}

// forward counts what has come of age since the last look.
func (a *activity) forward(ctx context.Context, db dbx.Builder, settled string, deadline time.Time) (bool, error) {
	for a.newest < settled {
		rows, err := readTallied(ctx, db, a.newest, settled, false)
		if err != nil {
			return false, err
		}
		a.count(rows)
		if len(rows) < activityPage {
			a.newest = settled
			break
		}
		a.newest = rows[len(rows)-1].id + "0"
		if time.Now().After(deadline) {
			return false, nil
		}
	}
	return true, nil
}

// back counts the past, newest first.
func (a *activity) back(ctx context.Context, db dbx.Builder, first string, deadline time.Time) (bool, error) {
	for a.oldest > first {
		rows, err := readTallied(ctx, db, first, a.oldest, true)
		if err != nil {
			return false, err
		}
		a.count(rows)
		if len(rows) < activityPage {
			a.oldest = first
			break
		}
		a.oldest = rows[len(rows)-1].id
		if time.Now().After(deadline) {
			return false, nil
		}
	}
	return true, nil
}

func (a *activity) count(rows []tallied) {
	for _, r := range rows {
		if r.status.Final() {
			a.done.add(r)
		} else {
			a.open[r.id] = struct{}{}
		}
	}
}

// follow adds the executions to all that are still open, and counts for good
// those that have ended since.
func (a *activity) follow(ctx context.Context, db dbx.Builder, first string, all tallies) error {
	if len(a.open) == 0 {
		return nil
	}
	rows, err := queryTallied(ctx, db, "("+strings.ReplaceAll(activeWhere, "`", "")+") AND id >= {:from} AND id < {:to}", dbx.Params{"from": a.oldest, "to": a.newest})
	if err != nil {
		return err
	}
	ended := maps.Clone(a.open)
	for _, r := range rows {
		delete(ended, r.id)
		all.add(r)
	}
	for id := range ended {
		delete(a.open, id) // also when it was deleted or has become too old
		if id < first {
			delete(ended, id)
		}
	}
	for ids := range slices.Chunk(slices.Collect(maps.Keys(ended)), 500) {
		rows, err := queryTallied(ctx, db, "id IN ("+placeholders(ids)+")", idParams(ids))
		if err != nil {
			return err
		}
		a.count(rows)
		for _, r := range rows {
			all.add(r)
		}
	}
	return nil
}

// addLast finds the newest execution of every workflow.
func addLast(ctx context.Context, db dbx.Builder, told *workflow.Activities) error {
	var rows []struct {
		Workflow string `db:"key"`
		ID       string `db:"id"`
		Status   string `db:"status"`
		Created  string `db:"created"`
	}
	err := db.NewQuery("SELECT w.[[key]], x.id, x.status, x.created FROM " + workflowsName + " w JOIN " + executionsName + " x ON x.id =" +
		" (SELECT id FROM " + executionsName + " WHERE workflow = w.[[key]] ORDER BY created DESC LIMIT 1)").WithContext(ctx).All(&rows)
	if err != nil {
		return fmt.Errorf("read the newest executions: %w", err)
	}
	known := map[string]int{}
	for i, w := range told.Workflows {
		known[w.Workflow] = i
	}
	for _, r := range rows {
		last := &workflow.LastExecution{ID: r.ID, Status: workflow.Status(r.Status), Created: parseDate(r.Created)}
		if i, ok := known[r.Workflow]; ok {
			told.Workflows[i].Last = last
			continue
		}
		idle := newTally().activity(r.Workflow, told.Since)
		idle.Last = last
		told.Workflows = append(told.Workflows, idle)
	}
	slices.SortFunc(told.Workflows, func(a, b workflow.Activity) int { return strings.Compare(a.Workflow, b.Workflow) })
	return nil
}

// idAt is the smallest id that NewID makes at t.
func idAt(t time.Time) string {
	var digits [idTimeDigits]byte
	putBase36(digits[:], uint64(max(t.UnixMilli(), 0)))
	return string(digits[:])
}

// idHour is the hour, in hours since 1970, in which NewID made an id.
func idHour(id string) (int64, bool) {
	if len(id) < idTimeDigits {
		return 0, false
	}
	ms, err := strconv.ParseInt(id[:idTimeDigits], 36, 64)
	return ms / time.Hour.Milliseconds(), err == nil
}
