package store

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// tallied is what is counted of an execution.
type tallied struct {
	id, workflow string
	status       workflow.Status
	// took is from its start to its end, negative when it has none.
	took time.Duration
}

// readTallied reads a page of the executions with ids in [from, to).
func readTallied(ctx context.Context, db dbx.Builder, from, to string, descending bool) ([]tallied, error) {
	order := " ORDER BY id LIMIT {:limit}"
	if descending {
		order = " ORDER BY id DESC LIMIT {:limit}"
	}
	return queryTallied(ctx, db, "id >= {:from} AND id < {:to}"+order, dbx.Params{"from": from, "to": to, "limit": activityPage})
}

func queryTallied(ctx context.Context, db dbx.Builder, where string, params dbx.Params) ([]tallied, error) {
	rows, err := db.NewQuery("SELECT id, workflow, status, startedAt, finishedAt FROM " + executionsName + " WHERE " + where).
		WithContext(ctx).Bind(params).Rows()
	if err != nil {
		return nil, fmt.Errorf("read executions: %w", err)
	}
	defer rows.Close()
	var page []tallied
	for rows.Next() {
		var r tallied
		var started, finished string
		if err := rows.Scan(&r.id, &r.workflow, &r.status, &started, &finished); err != nil {
			return nil, fmt.Errorf("read an execution: %w", err)
		}
		r.took = -1
		if started != "" && finished != "" {
			r.took = parseDate(finished).Sub(parseDate(started))
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

// tally is the counts of one workflow, by hours since 1970.
type tally struct{ hours map[int64]*hourTally }

// hourTally counts by status, and by the class of how long it took.
type hourTally struct {
	statuses map[workflow.Status]int
	took     map[int]int
}

func newTally() *tally { return &tally{hours: map[int64]*hourTally{}} }

// tallies are the counts by workflow.
type tallies map[string]*tally

func (t tallies) add(r tallied) {
	hour, ok := idHour(r.id)
	if !ok {
		return
	}
	w := t[r.workflow]
	if w == nil {
		w = newTally()
		t[r.workflow] = w
	}
	h := w.hours[hour]
	if h == nil {
		h = &hourTally{statuses: map[workflow.Status]int{}, took: map[int]int{}}
		w.hours[hour] = h
	}
	h.statuses[r.status]++
	if r.took >= 0 && r.status.Final() && r.status != workflow.StatusCanceled {
		h.took[tookClass(r.took)]++
	}
}

// forget drops what was before since.
func (t tallies) forget(since time.Time) {
	first := since.UnixMilli() / time.Hour.Milliseconds()
	for key, w := range t {
		maps.DeleteFunc(w.hours, func(hour int64, _ *hourTally) bool { return hour < first })
		if len(w.hours) == 0 {
			delete(t, key)
		}
	}
}

func (t tallies) clone() tallies {
	all := make(tallies, len(t))
	for key, w := range t {
		own := newTally()
		for hour, h := range w.hours {
			own.hours[hour] = &hourTally{statuses: maps.Clone(h.statuses), took: maps.Clone(h.took)}
		}
		all[key] = own
	}
	return all
}

func (t tallies) activities(since time.Time) workflow.Activities {
	told := workflow.Activities{Since: since, Workflows: []workflow.Activity{}}
	for _, key := range slices.Sorted(maps.Keys(t)) {
		told.Workflows = append(told.Workflows, t[key].activity(key, since))
	}
	return told
}

func (t *tally) activity(key string, since time.Time) workflow.Activity {
	a := workflow.Activity{Workflow: key, Hours: make([]map[workflow.Status]int, workflow.ActivityHours)}
	first := since.UnixMilli() / time.Hour.Milliseconds()
	ended, failed, took := 0, 0, map[int]int{}
	for i := range a.Hours {
		a.Hours[i] = map[workflow.Status]int{}
		h := t.hours[first+int64(i)]
		if h == nil {
			continue
		}
		a.Hours[i] = h.statuses
		for status, n := range h.statuses {
			a.Total += n
			if status.Final() && status != workflow.StatusCanceled {
				ended += n
			}
			if status.Failed() {
				failed += n
			}
		}
		for class, n := range h.took {
			took[class] += n
		}
	}
	if ended > 0 {
		rate := float64(failed) / float64(ended)
		a.FailureRate = &rate
	}
	a.P95 = percentile(took, 0.95)
	return a
}

// tookBase is the ratio of two neighboring classes of durations.
const tookBase = 1.05

func tookClass(d time.Duration) int {
	return int(math.Round(math.Log1p(float64(d)/float64(time.Millisecond)) / math.Log(tookBase)))
}

// percentile is the duration, in milliseconds, that a part of the counted ones
// does not exceed, or nil when there are none.
func percentile(took map[int]int, part float64) *float64 {
	total := 0
	for _, n := range took {
		total += n
	}
	left := int(math.Ceil(float64(total) * part))
	for _, class := range slices.Sorted(maps.Keys(took)) {
		if left -= took[class]; left <= 0 {
			ms := math.Round((math.Pow(tookBase, float64(class))-1)*10) / 10
			return &ms
		}
	}
	return nil
}
