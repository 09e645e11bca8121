package trigger

import (
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Schedule shows when a workflow runs next, at most n times, and when it ran
// last. It is nil for a workflow without a schedule; one that may not run has no
// next times.
func (t *Trigger) Schedule(key string, now time.Time, n int) (*workflow.ScheduleView, error) {
	entry := t.config.Catalog().Find(key)
	if entry == nil || !entry.Version.Definition.On.Scheduled() {
		return nil, nil
	}
	r := &scheduleRun{trigger: t, key: key, look: Look{Now: now.UTC().Round(0)}, entry: entry}
	var err error
	if r.state, err = t.config.Schedules.Schedule(t.app, key); err != nil {
		return nil, err
	}
	view := &workflow.ScheduleView{Key: key, Next: []time.Time{}, Last: r.state.Last}
	r.adjust(&r.state)
	if !r.state.Active {
		return view, nil
	}
	if r.on().Field == "" {
		view.Next, err = r.comingTimes(n)
	} else if err = r.findCollection(); err == nil {
		view.Next, err = r.comingDates(n)
	}
	if err != nil {
		return nil, fmt.Errorf("schedule of workflow %q: %w", key, err)
	}
	return view, nil
}

// comingTimes are the next n times of the clock.
func (r *scheduleRun) comingTimes(n int) ([]time.Time, error) {
	times, err := timesOf(r.entry)
	if err != nil {
		return nil, err
	}
	if limit := r.on().Limit; limit > 0 {
		n = min(n, limit-r.state.Runs)
	}
	return workflow.First(times, workflow.Later(r.state.Since, r.look.Now), n), nil
}

// comingDates are the next n times of the dates of all records.
func (r *scheduleRun) comingDates(n int) ([]time.Time, error) {
	values, repeats, err := r.trigger.config.Schedules.ComingDates(r.trigger.app, r.key, r.on(),
		r.stored(r.look.Now), formatMoment(r.look.Now), n)
	if err != nil {
		return nil, err
	}
	for _, d := range repeats {
		values = append(values, d.Value)
	}
	out := []time.Time{}
	for _, value := range values {
		if date, err := types.ParseDateTime(value); err == nil {
			out = append(out, workflow.First(r.on().TimesOf(date.Time()), r.look.Now, n)...)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	out = slices.CompactFunc(out, time.Time.Equal)
	return out[:min(n, len(out))], nil
}
