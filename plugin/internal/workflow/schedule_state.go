package workflow

import "time"

// ScheduleState is what is remembered of one schedule, in the commit of what it
// starts.
type ScheduleState struct {
	// Fingerprint is of the schedule that the rest is about.
	Fingerprint string `json:"fingerprint"`
	// Active is false while the workflow is switched off, invalid or gone: what
	// passes meanwhile is not caught up.
	Active bool `json:"active"`
	// Since is the moment up to which all was looked at; times of records' dates
	// before it never run.
	Since time.Time `json:"since"`
	// Runs counts the executions in the workflow's life.
	Runs int `json:"runs"`
	// Last is the execution started last.
	Last *ScheduledRun `json:"last,omitempty"`
	// Next is when it runs next, as far as is known; zero is never.
	Next time.Time `json:"-"`
}

// ScheduledRun is one execution of a schedule.
type ScheduledRun struct {
	ScheduledAt time.Time `json:"scheduledAt"`
	FiredAt     time.Time `json:"firedAt"`
	Run         int       `json:"run"`
	Execution   string    `json:"execution"`
}

// ScheduleParams is ctx.params of a scheduled execution.
type ScheduleParams struct {
	// ScheduledAt is when it was to start, FiredAt when it was stored.
	ScheduledAt string `json:"scheduledAt"`
	FiredAt     string `json:"firedAt"`
	// Run counts from 1: the executions of the schedule, or with a field the times
	// of the record's date.
	Run int `json:"run"`
	// Missed is how many earlier times were not run and are made up for by this
	// one.
	Missed int `json:"missed"`
}

// ScheduleView is a schedule as its route shows it.
type ScheduleView struct {
	Key string `json:"key"`
	// Next are the next times at which it runs.
	Next []time.Time   `json:"next"`
	Last *ScheduledRun `json:"last"`
}

// jumpBack is how far the wall clock may be turned back without a schedule
// starting anew: until it has caught up, nothing runs a second time.
const jumpBack = time.Hour

// Settle brings the state in line with the schedule of this moment and reports
// whether that changed it: a new, changed or newly usable one, or one whose clock
// was turned back far, starts from now; an unusable one stops.
func (s *ScheduleState) Settle(fingerprint string, usable bool, now time.Time) (changed bool) {
	switch {
	case !usable:
		if !s.Active {
			return false
		}
		s.Active, s.Next = false, time.Time{}
		return true
	case s.Active && s.Fingerprint == fingerprint && !s.Since.After(now.Add(jumpBack)):
		return false
	default:
		s.Active, s.Fingerprint, s.Since = true, fingerprint, now
		return true
	}
}

// DatedRecord is a record with a date that is due.
type DatedRecord struct {
	ID string `db:"id" json:"id"`
	// Value is the date as it is stored.
	Value string `db:"value" json:"value"`
	// Next is when it comes again, as stored; "" for never, and for one that was
	// not looked at yet.
	Next string `db:"next" json:"next"`
}
