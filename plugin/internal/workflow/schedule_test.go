package workflow

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestGrid(t *testing.T) {
	t.Parallel()
	g := Grid{Anchor: noon, Every: time.Hour, Count: 3}
	require.Equal(t, noon, g.Next(noon.AddDate(-900, 0, 0)), "the anchor is the first")
	require.Equal(t, noon.Add(time.Hour), g.Next(noon))
	require.Equal(t, noon.Add(time.Hour), g.Next(noon.Add(time.Hour-time.Millisecond)))
	require.Equal(t, noon.Add(2*time.Hour), g.Next(noon.Add(time.Hour)))
	require.Zero(t, g.Next(noon.Add(2*time.Hour)), "three are all")
	require.Equal(t, 3, g.Number(noon.Add(2*time.Hour)))
	require.Zero(t, Grid{Anchor: noon}.Next(noon), "without a distance there is one")
	require.Equal(t, 1, Grid{Anchor: noon}.Number(noon))
	require.Equal(t, []time.Time{noon.Add(time.Hour), noon.Add(2 * time.Hour)}, First(g, noon, 5))
}

func TestSchedule_Times(t *testing.T) {
	t.Parallel()
	epoch := (&Schedule{Interval: Span(7 * time.Minute)}).Times(nil)
	require.Zero(t, epoch.Next(noon).Unix()%420, "the grid goes through the epoch")
	s := &Schedule{Interval: Span(time.Hour), Start: noon.Add(5 * time.Minute), End: noon.Add(125 * time.Minute)}
	require.Equal(t, []time.Time{s.Start, s.Start.Add(time.Hour), s.End}, First(s.Times(nil), noon.AddDate(0, 0, -3), 9), "start and end are included")
	of := (&Schedule{Field: "at", Offset: Span(-30 * time.Minute), Repeat: Span(time.Hour), Limit: 2}).TimesOf(noon)
	require.Equal(t, []time.Time{noon.Add(-30 * time.Minute), noon.Add(30 * time.Minute)}, First(of, noon.AddDate(0, 0, -3), 9))
}

func TestSchedule_Due(t *testing.T) {
	t.Parallel()
	at := func(hours ...float64) (out []time.Time) {
		for _, h := range hours {
			out = append(out, noon.Add(time.Duration(h*float64(time.Hour))))
		}
		return out
	}
	for name, c := range map[string]struct {
		schedule   Schedule
		after, now float64 // in hours
		most       int
		want       []time.Time
		missed     int // of the last
	}{
		"nothing yet":                     {Schedule{}, 0, 0.9, 9, nil, 0},
		"on time":                         {Schedule{}, 0, 1, 9, at(1), 0},
		"what was looked at is over":      {Schedule{}, 1, 1.5, 9, nil, 0},
		"once stands for the others":      {Schedule{CatchUp: CatchUpOnce}, 0, 3.5, 9, at(3), 2},
		"once is the default":             {Schedule{}, 0, 3.5, 9, at(3), 2},
		"once is not limited by the page": {Schedule{CatchUp: CatchUpOnce}, 0, 3.5, 1, at(3), 2},
		"all":                             {Schedule{CatchUp: CatchUpAll}, 0, 3.5, 9, at(1, 2, 3), 0},
		"all, in pages":                   {Schedule{CatchUp: CatchUpAll}, 0, 3.5, 2, at(1, 2), 0},
		"none, late":                      {Schedule{CatchUp: CatchUpNone}, 0, 3.5, 9, nil, 0},
		"none, in time":                   {Schedule{CatchUp: CatchUpNone}, 0, 3.01, 9, at(3), 0},
		"a window":                        {Schedule{CatchUp: CatchUpAll, CatchUpWindow: Span(90 * time.Minute)}, 0, 3.25, 9, at(2, 3), 0},
		"a window that nothing is in":     {Schedule{CatchUpWindow: Span(10 * time.Minute)}, 0, 3.5, 9, nil, 0},
		"the window of the clock":         {Schedule{}, 0, 100.5, 9, at(100), 23},
		"the window of a field":           {Schedule{Field: "at"}, 0, 100.5, 9, at(100), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grid := Grid{Anchor: noon, Every: time.Hour}
			ticks := c.schedule.Due(grid, at(c.after)[0], at(c.now)[0], c.most)
			var got []time.Time
			for _, tick := range ticks {
				got = append(got, tick.At)
			}
			require.Equal(t, c.want, got)
			if len(ticks) > 0 {
				require.Equal(t, c.missed, ticks[len(ticks)-1].Missed)
			}
		})
	}
}

func TestScheduleState_Settle(t *testing.T) {
	t.Parallel()
	var s ScheduleState
	require.False(t, s.Settle("", false, noon), "never usable: nothing to remember")
	require.True(t, s.Settle("a", true, noon), "new")
	require.Equal(t, noon, s.Since)
	s.Runs = 3
	require.False(t, s.Settle("a", true, noon.Add(time.Hour)))
	require.Equal(t, noon, s.Since)
	require.True(t, s.Settle("b", true, noon.Add(time.Hour)), "other times")
	require.Equal(t, noon.Add(time.Hour), s.Since)
	s.Next = noon
	require.True(t, s.Settle("", false, noon.Add(2*time.Hour)), "switched off")
	require.Zero(t, s.Next)
	require.False(t, s.Settle("", false, noon.Add(2*time.Hour)))
	require.True(t, s.Settle("b", true, noon.Add(3*time.Hour)), "switched on: from now")
	require.Equal(t, noon.Add(3*time.Hour), s.Since)
	require.False(t, s.Settle("b", true, noon.Add(150*time.Minute)), "the clock was put right")
	require.True(t, s.Settle("b", true, noon.AddDate(-1, 0, 0)), "the clock was wrong by a year")
	require.Equal(t, 3, s.Runs, "the life of the workflow goes on")
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for in, want := range map[any]string{
		"-30m": `"-30m"`, "+2h": `"2h"`, "1.5h": `"90m"`, int64(-1500): `"-1500ms"`, 250.0: `"250ms"`, "0s": `"0ms"`, "14d": `"2w"`, -60000.0: `"-1m"`,
	} {
		s, err := ParseSpan(in)
		require.NoError(t, err, in)
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		require.Equal(t, want, string(raw))
		var again Span
		require.NoError(t, json.Unmarshal(raw, &again))
		require.Equal(t, s, again)
	}
	for _, in := range []any{"", "-", "--5m", "5 m", "-5", nil, true, "1y"} {
		_, err := ParseSpan(in)
		require.Error(t, err, in)
	}
}

// TestSchedule_JSON: the stored form is flat, and one of another type knows nothing
// of schedules.
func TestSchedule_JSON(t *testing.T) {
	t.Parallel()
	on := Trigger{Type: TriggerSchedule, Collection: "events", Schedule: &Schedule{
		Field: "starts", Offset: Span(-30 * time.Minute), Repeat: Span(24 * time.Hour), End: noon, CatchUp: CatchUpAll, Overlap: OverlapSkip,
	}}
	raw, err := json.Marshal(on)
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"schedule","collection":"events","field":"starts","offset":"-30m","repeat":"1d","end":"2026-05-01T12:00:00Z","catchUp":"all","overlap":"skip"}`, string(raw))
	var again Trigger
	require.NoError(t, json.Unmarshal(raw, &again))
	require.Equal(t, on, again)
	raw, err = json.Marshal(Trigger{Type: TriggerAction, Collection: "posts"})
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"action","collection":"posts"}`, string(raw))
	require.NoError(t, json.Unmarshal(raw, &again))
}
