package workflow

import "time"

// Times is a row of moments in order.
type Times interface {
	// Next is the first one after t, or zero when there is none.
	Next(t time.Time) time.Time
}

// Grid is Anchor and what follows at a fixed distance, to the millisecond.
type Grid struct {
	Anchor time.Time
	// Every is the distance; 0 is Anchor alone.
	Every time.Duration
	// Count is how many there are; 0 is any number.
	Count int
}

// Next is Times.Next.
func (g Grid) Next(t time.Time) time.Time {
	if t.Before(g.Anchor) {
		return g.Anchor
	}
	every := g.Every.Milliseconds()
	if every <= 0 {
		return time.Time{}
	}
	k := (t.UnixMilli()-g.Anchor.UnixMilli())/every + 1
	if g.Count > 0 && k >= int64(g.Count) {
		return time.Time{}
	}
	return time.UnixMilli(g.Anchor.UnixMilli() + k*every).UTC()
}

// Number is which of its times t is, from 1.
func (g Grid) Number(t time.Time) int {
	every := g.Every.Milliseconds()
	if every <= 0 {
		return 1
	}
	return int((t.UnixMilli()-g.Anchor.UnixMilli())/every) + 1
}

// bounded are the times from start to end, both included; a zero one is open.
type bounded struct {
	times      Times
	start, end time.Time
}

func (b bounded) Next(t time.Time) time.Time {
	if !b.start.IsZero() && t.Before(b.start) {
		t = b.start.Add(-time.Nanosecond)
	}
	next := b.times.Next(t)
	if !b.end.IsZero() && next.After(b.end) {
		return time.Time{}
	}
	return next
}

// First are the first n times after t.
func First(times Times, t time.Time, n int) []time.Time {
	out := []time.Time{}
	for len(out) < n {
		if t = times.Next(t); t.IsZero() {
			break
		}
		out = append(out, t)
	}
	return out
}
