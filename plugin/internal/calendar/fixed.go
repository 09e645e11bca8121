package calendar

import "time"

// nextFixed goes through the dates: each right one has its fixed times.
func (c *Calendar) nextFixed(t, end time.Time) time.Time {
	local := t.In(c.zone)
	// A day earlier: what the clock left out at its end may come after it.
	day := time.Date(local.Year(), local.Month(), local.Day()-1, 0, 0, 0, 0, time.UTC)
	for ; day.Before(end.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		if !c.day(day) {
			continue
		}
		if next := c.firstOf(day, t); !next.IsZero() {
			return next
		}
	}
	return time.Time{}
}

// firstOf is the first fixed time of a date after t, or zero.
func (c *Calendar) firstOf(day, t time.Time) (first time.Time) {
	for hour := range c.cron.Hours {
		for minute := range c.cron.Minutes {
			wall := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
			at := instant(wall, c.zone)
			if at.After(t) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	return first
}

// instant is when the clock of a zone shows wall, which is written in UTC: the
// first time it does so, or where it never does the end of the gap.
func instant(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	start, end := t.ZoneBounds()
	for _, change := range []time.Time{start, end} {
		if change.IsZero() {
			continue
		}
		before, after := offset(change.Add(-time.Second)), offset(change)
		// The clock of both sides, as it would show the change itself.
		last, first := change.UTC().Add(before), change.UTC().Add(after)
		switch {
		case before < after && !wall.Before(last) && wall.Before(first):
			return up(change.UTC())
		case before > after && !wall.Before(first) && wall.Before(last):
			return wall.Add(-before)
		}
	}
	return t.UTC()
}

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// up is the next full minute: some changes of old were not on one.
func up(t time.Time) time.Time {
	if full := t.Truncate(time.Minute); !full.Equal(t) {
		return full.Add(time.Minute)
	}
	return t
}
