// Package calendar finds the times of cron expressions. They are read by
// PocketBase's own parser: minute, hour, day of the month, month and day of the
// week, all of which must fit, or one of its macros.
//
// Changes of a time zone's clock are treated as by Vixie's and Debian's cron:
//
//   - An expression whose minute or hour has a "*" (also "*/15") follows the
//     clock on the wall, minute by minute: what the clock leaves out in spring
//     does not run, what it shows twice in autumn runs twice. "0 * * * *" is
//     therefore every hour that passes.
//   - All others are for fixed times. One that the clock leaves out in spring
//     runs at the first minute after the gap, together with the others of that
//     gap and that minute: once. One that it shows twice in autumn runs at the
//     first.
//
// It must not know what a workflow is.
package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // machines without zoneinfo have the time zones too

	"github.com/pocketbase/pocketbase/tools/cron"
)

// Calendar is the times of one cron expression in one time zone.
type Calendar struct {
	cron *cron.Schedule
	zone *time.Location
	// wild expressions follow the clock on the wall.
	wild bool
}

// years are how far the calendar is looked through: a February 29 of a given day
// of the week may be as far away.
const years = 41

// Zone finds a time zone by its IANA name; "" is UTC.
func Zone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("expected an IANA time zone such as \"Europe/Berlin\", got %q", name)
	}
	return zone, nil
}

// Parse reads a cron expression. Errors: a wrong expression, an unknown time
// zone, an expression that never fits.
func Parse(expression, timezone string) (*Calendar, error) {
	zone, err := Zone(timezone)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(expression)
	parsed, err := cron.NewSchedule(strings.Join(fields, " "))
	if err != nil {
		return nil, fmt.Errorf("expected five cron fields or a macro such as \"@daily\": %w", err)
	}
	c := &Calendar{cron: parsed, zone: zone}
	if len(fields) == 5 {
		c.wild = strings.Contains(fields[0]+fields[1], "*")
	} else {
		c.wild = fields[0] == "@hourly"
	}
	if !c.fits(2000) {
		return nil, errors.New("never fires: no year has such a day")
	}
	return c, nil
}

// fits reports whether any day is right: from 2000 on all weekdays of all dates
// come within the years that are looked through.
func (c *Calendar) fits(year int) bool {
	day := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	for end := day.AddDate(years, 0, 0); day.Before(end); day = day.AddDate(0, 0, 1) {
		if c.day(day) {
			return true
		}
	}
	return false
}

// day reports whether the date of t is right.
func (c *Calendar) day(t time.Time) bool {
	_, month := c.cron.Months[int(t.Month())]
	_, day := c.cron.Days[t.Day()]
	_, weekday := c.cron.DaysOfWeek[int(t.Weekday())]
	return month && day && weekday
}

// Next is the first time after t, in UTC, or zero when there is none within 41
// years.
func (c *Calendar) Next(t time.Time) time.Time {
	end := t.AddDate(years, 0, 0)
	if c.wild {
		return c.nextWild(t, end)
	}
	return c.nextFixed(t, end)
}

// nextWild goes on minute by minute, over wrong days at once.
func (c *Calendar) nextWild(t, end time.Time) time.Time {
	for t = t.Truncate(time.Minute).Add(time.Minute); t.Before(end); {
		local := t.In(c.zone)
		if !c.day(local) {
			t = c.tomorrow(local)
			continue
		}
		if c.cron.IsDue(cron.NewMoment(local)) {
			return t.UTC()
		}
		t = t.Add(time.Minute)
	}
	return time.Time{}
}

// tomorrow is the first minute of the day after local's.
func (c *Calendar) tomorrow(local time.Time) time.Time {
	t := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, c.zone)
	if !t.After(local) { // a midnight that does not exist
		t = local.Truncate(time.Minute).Add(time.Minute)
	}
	return t
}
