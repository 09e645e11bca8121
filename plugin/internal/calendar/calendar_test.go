package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// times are the first n times of an expression after a local time, as that zone's
// clock shows them with its offset.
func times(t *testing.T, expression, zone, after string, n int) []string {
	t.Helper()
	c, err := Parse(expression, zone)
	require.NoError(t, err)
	location, err := Zone(zone)
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04:05", after, location)
	require.NoError(t, err)
	var out []string
	for range n {
		next := c.Next(at)
		require.True(t, next.After(at), "%s is not after %s", next, at)
		require.Equal(t, time.UTC, next.Location())
		at = next
		out = append(out, at.In(location).Format("01-02 15:04 -07"))
	}
	return out
}

func TestCalendar_Next(t *testing.T) {
	t.Parallel()
	const berlin, york = "Europe/Berlin", "America/New_York"
	for name, c := range map[string]struct {
		expression, zone, after string
		want                    []string
	}{
		"every minute":                 {"* * * * *", "", "2026-01-31 23:58:30", []string{"01-31 23:59 +00", "02-01 00:00 +00"}},
		"a time is not its own next":   {"0 12 * * *", "", "2026-05-01 12:00:00", []string{"05-02 12:00 +00"}},
		"lists, ranges and steps":      {"*/20 8-9 1,15 * *", "", "2026-05-01 08:30:00", []string{"05-01 08:40 +00", "05-01 09:00 +00", "05-01 09:20 +00", "05-01 09:40 +00", "05-15 08:00 +00"}},
		"month and weekday both count": {"0 0 13 * 5", "", "2026-01-01 00:00:00", []string{"02-13 00:00 +00", "03-13 00:00 +00", "11-13 00:00 +00"}},
		"@hourly":                      {"@hourly", "", "2026-05-01 08:30:00", []string{"05-01 09:00 +00"}},
		"@daily":                       {"@daily", berlin, "2026-05-01 08:30:00", []string{"05-02 00:00 +02"}},
		"@weekly":                      {"@weekly", "", "2026-05-01 08:30:00", []string{"05-03 00:00 +00", "05-10 00:00 +00"}},
		"@monthly":                     {"@monthly", "", "2026-05-01 00:00:00", []string{"06-01 00:00 +00"}},
		"@yearly":                      {"@yearly", "", "2026-05-01 08:30:00", []string{"01-01 00:00 +00"}},
		"the next leap day":            {"0 0 29 2 *", "", "2096-03-01 00:00:00", []string{"02-29 00:00 +00"}},

		"spring: a fixed time in the gap runs after it":       {"30 2 * * *", berlin, "2026-03-28 12:00:00", []string{"03-29 03:00 +02", "03-30 02:30 +02"}},
		"spring: fixed times of one gap and its end run once": {"0,30 2,3 * * *", berlin, "2026-03-29 01:00:00", []string{"03-29 03:00 +02", "03-29 03:30 +02", "03-30 02:00 +02"}},
		"spring: a time before the gap is not moved":          {"59 1 * * *", berlin, "2026-03-28 12:00:00", []string{"03-29 01:59 +01"}},
		"spring: minutes follow the clock":                    {"*/30 * * * *", berlin, "2026-03-29 01:15:00", []string{"03-29 01:30 +01", "03-29 03:00 +02", "03-29 03:30 +02"}},
		"spring: minutes of an hour that does not come":       {"*/30 2 * * *", berlin, "2026-03-29 00:00:00", []string{"03-30 02:00 +02"}},
		"spring: hours follow the clock":                      {"15 */2 * * *", berlin, "2026-03-29 00:00:00", []string{"03-29 00:15 +01", "03-29 04:15 +02"}},
		"autumn: a fixed time runs at its first":              {"30 2 * * *", berlin, "2026-10-24 12:00:00", []string{"10-25 02:30 +02", "10-26 02:30 +01"}},
		"autumn: the end of the first hour":                   {"0 3 * * *", berlin, "2026-10-24 12:00:00", []string{"10-25 03:00 +01"}},
		"autumn: the beginning of the second hour":            {"0 2 * * *", berlin, "2026-10-24 12:00:00", []string{"10-25 02:00 +02", "10-26 02:00 +01"}},
		"autumn: minutes run in both hours":                   {"*/30 * * * *", berlin, "2026-10-25 01:45:00", []string{"10-25 02:00 +02", "10-25 02:30 +02", "10-25 02:00 +01", "10-25 02:30 +01", "10-25 03:00 +01"}},
		"autumn: every hour runs in both":                     {"0 * * * *", berlin, "2026-10-25 01:30:00", []string{"10-25 02:00 +02", "10-25 02:00 +01", "10-25 03:00 +01"}},
		"New York, spring":                                    {"30 2 * * *", york, "2026-03-07 12:00:00", []string{"03-08 03:00 -04", "03-09 02:30 -04"}},
		"New York, spring, every quarter":                     {"*/15 1-3 * * *", york, "2026-03-08 01:40:00", []string{"03-08 01:45 -05", "03-08 03:00 -04"}},
		"New York, autumn":                                    {"30 1 * * *", york, "2026-10-31 12:00:00", []string{"11-01 01:30 -04", "11-02 01:30 -05"}},
		"New York, autumn, every half hour":                   {"*/30 1 * * *", york, "2026-10-31 12:00:00", []string{"11-01 01:00 -04", "11-01 01:30 -04", "11-01 01:00 -05", "11-01 01:30 -05", "11-02 01:00 -05"}},
		"half an hour of summer":                              {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00:00", []string{"10-04 02:30 +11", "10-05 02:15 +11"}},
		"a midnight that does not come":                       {"0 0 * * *", "Asia/Beirut", "2026-03-28 12:00:00", []string{"03-29 01:00 +03", "03-30 00:00 +03"}},
		"every minute over a midnight that does not come":     {"*/30 * * * *", "Asia/Beirut", "2026-03-28 23:15:00", []string{"03-28 23:30 +02", "03-29 01:00 +03"}},
		"a day that did not come":                             {"0 12 * * *", "Pacific/Apia", "2011-12-29 11:00:00", []string{"12-29 12:00 -10", "12-31 00:00 +14", "12-31 12:00 +14"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, times(t, c.expression, c.zone, c.after, len(c.want)))
		})
	}
}

// TestCalendar_Fits: every time that Next finds is one that PocketBase's own
// schedule calls due, and it leaves none out.
func TestCalendar_Fits(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"*/7 * * * *", "3 4 * * 1-5", "0 9,17 */10 * *", "30 12 31 1-12/2 *"} {
		c, err := Parse(expression, "Europe/Berlin")
		require.NoError(t, err)
		at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		want := at.Add(-time.Minute)
		for range 50 {
			at = c.Next(at)
			for want = want.Add(time.Minute); ; want = want.Add(time.Minute) {
				local := want.In(c.zone)
				_, minute := c.cron.Minutes[local.Minute()]
				_, hour := c.cron.Hours[local.Hour()]
				if want.After(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)) && minute && hour && c.day(local) || !want.Before(at) {
					break
				}
			}
			if at.After(time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)) {
				break
			}
			require.Equal(t, want, at, expression)
		}
	}
}

func TestCalendar_Wrong(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":               "five cron fields",
		"* * * *":        "five cron fields",
		"* * * * * *":    "five cron fields",
		"60 * * * *":     "five cron fields",
		"* * * * MON":    "five cron fields",
		"@often":         "five cron fields",
		"0 0 31 2 *":     "never fires",
		"0 0 30 2 *":     "never fires",
		"0 0 31 4,6 *":   "never fires",
		"0 0 31 9-9 */2": "never fires",
	} {
		_, err := Parse(expression, "")
		require.ErrorContains(t, err, want, expression)
	}
	for _, zone := range []string{"Mars/Olympus", "Local", "CEST", "../etc/passwd", "Europe/berlin "} {
		_, err := Parse("@daily", zone)
		require.ErrorContains(t, err, "IANA time zone", zone)
	}
	_, err := Parse("0 0 29 2 1", "")
	require.NoError(t, err, "a Monday in 2044")
	_, err = Parse("  0   9 * *  1-5 ", "America/New_York")
	require.NoError(t, err, "white space does not count")
}
