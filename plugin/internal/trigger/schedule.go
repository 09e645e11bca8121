package trigger

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/calendar"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// schedulePage is how many executions of a schedule one transaction starts.
const schedulePage = 250

// Schedules keeps what schedules remember. App is an open transaction's, or the
// app itself for reading only.
type Schedules interface {
	// Schedule reads the state of a workflow, SaveSchedule writes it.
	Schedule(app core.App, key string) (workflow.ScheduleState, error)
	SaveSchedule(app core.App, key string, state workflow.ScheduleState) error
	// UnseenDates and RepeatedDates find due records in pages, CheckDates what is
	// left of them, MarkDates remembers them, DropDates and ForgetDates do not
	// any more.
	UnseenDates(app core.App, key string, on workflow.Trigger, from, until string, limit int) ([]workflow.DatedRecord, error)
	RepeatedDates(app core.App, key string, on workflow.Trigger, now string, limit int) ([]workflow.DatedRecord, error)
	CheckDates(app core.App, key string, on workflow.Trigger, dates []workflow.DatedRecord) (valid, old []workflow.DatedRecord, err error)
	MarkDates(app core.App, key string, dates []workflow.DatedRecord) error
	DropDates(app core.App, key string, dates []workflow.DatedRecord) error
	ForgetDates(app core.App, key, before string) error
	// ComingDates finds what comes next.
	ComingDates(app core.App, key string, on workflow.Trigger, after, now string, limit int) (values []string, repeats []workflow.DatedRecord, err error)
}

// Look is one look at a schedule.
type Look struct {
	// Now is the time of the clock.
	Now time.Time
	// Began is set at the first look of a process.
	Began bool
	// From is the earliest time of a record that may have come up since the last
	// look; zero is all that may still run.
	From time.Time
}

// RunSchedule starts what the schedule of a workflow has due, one page of it, and
// returns when to look again: at once when there is more, never when zero. What
// it remembers of that is committed with the executions, or not at all.
func (t *Trigger) RunSchedule(ctx context.Context, key string, look Look) (time.Time, error) {
	look.Now = look.Now.UTC().Round(0) // the wall clock alone
	r := &scheduleRun{trigger: t, key: key, look: look, entry: t.config.Catalog().Find(key)}
	var err error
	if r.times, err = timesOf(r.entry); err != nil {
		return time.Time{}, fmt.Errorf("schedule of workflow %q: %w", key, err)
	}
	settled, err := r.settle(ctx)
	if err != nil || !r.state.Active {
		return time.Time{}, err
	}
	if r.on().Field != "" {
		return r.runDates(ctx, settled)
	}
	return r.runClock(ctx)
}

// timesOf are the times of a schedule of the clock.
func timesOf(entry *workflow.Entry) (workflow.Times, error) {
	if entry == nil || !entry.Version.Definition.On.Scheduled() {
		return nil, nil
	}
	s := entry.Version.Definition.On.Schedule
	switch {
	case s.Cron != "":
		cron, err := calendar.Parse(s.Cron, s.Timezone)
		if err != nil {
			return nil, err
		}
		return s.Times(cron), nil
	case s.Interval > 0:
		return s.Times(nil), nil
	default:
		return nil, nil
	}
}

// scheduleRun is one RunSchedule.
type scheduleRun struct {
	trigger *Trigger
	key     string
	look    Look
	entry   *workflow.Entry
	times   workflow.Times // of the clock
	state   workflow.ScheduleState
	// collection is the name of the trigger's, once it was looked up.
	collection string
}

func (r *scheduleRun) on() workflow.Trigger {
	on := r.entry.Version.Definition.On
	if r.collection != "" {
		on.Collection = r.collection
	}
	return on
}

// adjust brings a state in line with the schedule.
func (r *scheduleRun) adjust(state *workflow.ScheduleState) (changed bool) {
	usable := r.entry != nil && r.entry.Enabled && r.entry.Usable() && r.on().Scheduled()
	if !usable {
		return state.Settle("", false, r.look.Now)
	}
	changed = state.Settle(r.entry.Version.Definition.On.Fingerprint(), true, r.look.Now)
	if r.look.Began && r.on().CatchUp == workflow.CatchUpNone && !changed {
		state.Since = workflow.Later(state.Since, r.look.Now)
		changed = true
	}
	return changed
}

// settle reads the state, and stores it when the schedule is another one, or is
// switched otherwise, than before.
func (r *scheduleRun) settle(ctx context.Context) (changed bool, err error) {
	schedules := r.trigger.config.Schedules
	if r.state, err = schedules.Schedule(r.trigger.app, r.key); err != nil {
		return false, err
	}
	if !r.adjust(&r.state) {
		return false, nil
	}
	err = r.trigger.config.Executions.Atomic(ctx, func(tx core.App) error {
		state, err := schedules.Schedule(tx, r.key)
		if err != nil {
			return err
		}
		before := state.Fingerprint
		changed = r.adjust(&state)
		if before != state.Fingerprint { // other times: what ran says nothing about them
			if err := schedules.ForgetDates(tx, r.key, ""); err != nil {
				return err
			}
		}
		r.state = state
		return schedules.SaveSchedule(tx, r.key, state)
	})
	return changed, err
}

// runClock starts what is due by cron or interval.
func (r *scheduleRun) runClock(ctx context.Context) (time.Time, error) {
	next := r.next(&r.state)
	if len(r.due(&r.state)) == 0 && next.Equal(r.state.Next) {
		return next, nil
	}
	f := newFiring(r)
	return f.commit(ctx, func(state *workflow.ScheduleState) (time.Time, error) {
		for _, tick := range r.due(state) {
			if err := f.start(tick, state.Runs+1, nil); err != nil {
				return time.Time{}, err
			}
			state.Since = tick.At
		}
		if err := f.flush(); err != nil {
			return time.Time{}, err
		}
		state.Next = r.next(state)
		if len(r.due(state)) > 0 {
			return r.look.Now, nil
		}
		return state.Next, nil
	})
}

// due are the times of the clock that are to run now.
func (r *scheduleRun) due(state *workflow.ScheduleState) []workflow.Tick {
	most := schedulePage
	if limit := r.on().Limit; limit > 0 {
		most = min(most, limit-state.Runs)
	}
	if most <= 0 {
		return nil
	}
	return r.on().Due(r.times, state.Since, r.look.Now, most)
}

// next is the first time of the clock that is still to come.
func (r *scheduleRun) next(state *workflow.ScheduleState) time.Time {
	if limit := r.on().Limit; limit > 0 && state.Runs >= limit {
		return time.Time{}
	}
	return r.times.Next(workflow.Later(state.Since, r.look.Now))
}
