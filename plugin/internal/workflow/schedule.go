package workflow

import (
	"encoding/json"
	"time"
)

// TriggerSchedule starts at times of the wall clock.
const TriggerSchedule TriggerType = "schedule"

// Schedule is when a schedule trigger runs: exactly one of Cron, Interval and
// Field is set.
type Schedule struct {
	// Cron is five fields or a macro, read in Timezone (IANA; "" is UTC).
	Cron     string `json:"cron,omitempty"`
	Timezone string `json:"timezone,omitempty"`
	// Interval is the distance of the runs. They lie on a grid through Start, or
	// without one through the Unix epoch: "1h" is every full hour of UTC.
	Interval Span `json:"interval,omitzero"`
	// Start and End are the first and the last moment at which it may run.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Limit is how many executions it starts in the whole life of the workflow;
	// with Field how many times it comes for one date. 0 is no limit.
	Limit int `json:"limit,omitempty"`
	// Field is the date field of the trigger's collection; Offset is added to it,
	// and with Repeat it comes again and again after that.
	Field  string `json:"field,omitempty"`
	Offset Span   `json:"offset,omitzero"`
	Repeat Span   `json:"repeat,omitzero"`

	CatchUp       CatchUp `json:"catchUp,omitempty"`
	CatchUpWindow Span    `json:"catchUpWindow,omitzero"`
	Overlap       Overlap `json:"overlap,omitempty"`
}

// CatchUp says what happens to times that passed while nothing could run.
type CatchUp string

const (
	// CatchUpNone forgets them.
	CatchUpNone CatchUp = "none"
	// CatchUpOnce runs the last one, which is told how many it stands for (the
	// default).
	CatchUpOnce CatchUp = "once"
	// CatchUpAll runs each.
	CatchUpAll CatchUp = "all"
)

// CatchUps lists every one.
var CatchUps = []CatchUp{CatchUpNone, CatchUpOnce, CatchUpAll}

// Overlap says what happens when an earlier execution of the schedule (of the
// same record, where it is about records) has not ended.
type Overlap string

const (
	// OverlapAllow starts the next one beside it (the default).
	OverlapAllow Overlap = "allow"
	// OverlapSkip lets the time pass.
	OverlapSkip Overlap = "skip"
	// OverlapCancel cancels the earlier one.
	OverlapCancel Overlap = "cancel"
)

// Overlaps lists every one.
var Overlaps = []Overlap{OverlapAllow, OverlapSkip, OverlapCancel}

const (
	// ClockWindow is the default of CatchUpWindow for cron and interval: a job of
	// the night still runs in the morning.
	ClockWindow = 24 * time.Hour
	// FieldWindow is the same for the dates of records: who is reminded more than
	// an hour late had better not be.
	FieldWindow = time.Hour
	// onTime is how late a time may run that is not to be caught up: a busy
	// database is no downtime.
	onTime = time.Minute
)

// Scheduled reports whether the trigger is a schedule.
func (t Trigger) Scheduled() bool { return t.Type == TriggerSchedule && t.Schedule != nil }

// Window is how late a time may run.
func (s *Schedule) Window() time.Duration {
	switch {
	case s.CatchUp == CatchUpNone:
		return onTime
	case s.CatchUpWindow > 0:
		return time.Duration(s.CatchUpWindow)
	case s.Field != "":
		return FieldWindow
	default:
		return ClockWindow
	}
}

// Fingerprint tells two schedules apart whose times are not the same: another
// one starts anew.
func (t Trigger) Fingerprint() string {
	s := t.Schedule
	raw, _ := json.Marshal([]any{s.Cron, s.Timezone, s.Interval, s.Start, s.End, s.Limit, t.Collection, s.Field, s.Offset, s.Repeat}) // strings only
	return string(raw)
}

// Times are the schedule's own within Start and End, from those of its cron
// expression or, with nil, of its interval.
func (s *Schedule) Times(cron Times) Times {
	if cron == nil {
		anchor := s.Start
		if anchor.IsZero() {
			anchor = time.Unix(0, 0).UTC()
		}
		cron = Grid{Anchor: anchor, Every: time.Duration(s.Interval)}
	}
	return bounded{cron, s.Start, s.End}
}

// TimesOf are the times of one date of a record, until End.
func (s *Schedule) TimesOf(date time.Time) Times {
	return bounded{s.GridOf(date), time.Time{}, s.End}
}

// GridOf is TimesOf without End.
func (s *Schedule) GridOf(date time.Time) Grid {
	g := Grid{Anchor: date.Add(time.Duration(s.Offset)), Every: time.Duration(s.Repeat), Count: s.Limit}
	if g.Every == 0 {
		g.Count = 1
	}
	return g
}

// Tick is a time at which a schedule runs.
type Tick struct {
	At time.Time
	// Missed is how many earlier times this one stands for.
	Missed int
}

// Due are the times after the given one, up to now, that are to run now, at most
// as many as most: those that are not too late, as the schedule catches up.
func (s *Schedule) Due(times Times, after, now time.Time, most int) []Tick {
	after = Later(after, now.Add(-s.Window()-time.Nanosecond))
	var ticks []Tick
	for at := times.Next(after); !at.IsZero() && !at.After(now); at = times.Next(at) {
		switch {
		case s.CatchUp != CatchUpAll && len(ticks) == 1:
			ticks[0] = Tick{At: at, Missed: ticks[0].Missed + 1}
		case len(ticks) >= most:
			return ticks
		default:
			ticks = append(ticks, Tick{At: at})
		}
	}
	return ticks
}

// Later is the later of two times.
func Later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
