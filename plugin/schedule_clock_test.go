package plugin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// clockApp is an app whose schedules have a clock of their own, and look at it
// only when they are told to.
type clockApp struct {
	*app
	now atomic.Pointer[time.Time]
}

// newClockApp serves an app at a time, with a collection "events" that has a date.
func newClockApp(t testing.TB, now string, sources files) *clockApp {
	t.Helper()
	dir := t.TempDir()
	testApp := newTestApp(t, plugin.Config{WorkflowsDir: dir}, sources)
	t.Cleanup(testApp.Cleanup)
	a := &clockApp{app: &app{TestApp: testApp, t: t, dir: dir, plugin: plugin.Get(testApp)}}
	c := core.NewBaseCollection("events")
	open := ""
	c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule = &open, &open, &open, &open, &open
	c.Fields.Add(&core.TextField{Name: "title"}, &core.DateField{Name: "starts"})
	posts, err := testApp.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	c.Fields.Add(&core.RelationField{Name: "post", CollectionId: posts.Id, MaxSelect: 1})
	require.NoError(t, testApp.Save(c))
	a.set(now)
	a.plugin.SetClock(func() time.Time { return *a.now.Load() })
	a.serve()
	a.plugin.StopSchedules()
	a.plugin.LookAtSchedules(true)
	return a
}

const clockLayout = "2006-01-02 15:04:05"

func (a *clockApp) set(now string) {
	a.t.Helper()
	at, err := time.Parse(clockLayout, now)
	require.NoError(a.t, err)
	a.now.Store(&at)
}

// at lets the clock show a time and the schedules look at it.
func (a *clockApp) at(now string) {
	a.t.Helper()
	a.set(now)
	a.plugin.LookAtSchedules(false)
}

// restartAt is a process that begins at a time.
func (a *clockApp) restartAt(now string) {
	a.t.Helper()
	a.set(now)
	a.plugin.LookAtSchedules(true)
}

// runs are the params of a workflow's executions: "scheduledAt run/missed", and
// the record where there is one.
func (a *clockApp) runs(key string) []string {
	a.t.Helper()
	out := []string{}
	for _, row := range a.rows(key) {
		var in struct {
			Params struct {
				ScheduledAt time.Time
				Run, Missed int
			}
			Data *struct{ Title string }
		}
		require.NoError(a.t, json.Unmarshal([]byte(row.GetString("input")), &in))
		text := in.Params.ScheduledAt.UTC().Format("15:04:05")
		text += fmt.Sprintf(" %d/%d", in.Params.Run, in.Params.Missed)
		if in.Data != nil {
			text += " " + in.Data.Title
		}
		out = append(out, text)
	}
	return out
}

// nextRun is the stored one.
func (a *clockApp) nextRun(key string) string {
	a.t.Helper()
	at, _ := workflowRow(a.app, key)["nextRun"].(string)
	return at
}

// awaits waits until a changed file was taken up and shows in the next run.
func (a *clockApp) awaits(key, nextRun string) {
	a.t.Helper()
	require.Eventually(a.t, func() bool {
		a.plugin.LookAtSchedules(false)
		return a.nextRun(key) == nextRun
	}, soon, glance)
}

func (a *clockApp) toggle(key string, enabled bool) {
	a.t.Helper()
	id := workflowRow(a.app, key)["id"].(string)
	res := a.send("super", http.MethodPatch, "/api/collections/_workflows/records/"+id, map[string]any{"enabled": enabled})
	require.Equal(a.t, 200, res.StatusCode, res.body)
}

const every10m = `workflow("w", { on: { type: "schedule", interval: "10m" %s } }, () => 1);`

func TestSchedule_Interval(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(every10m, "")))
	require.Empty(t, a.runs("w"), "a new workflow starts from now")
	require.Equal(t, "2026-05-01 12:10:00.000Z", a.nextRun("w"))
	require.Equal(t, 30*time.Second, a.plugin.SleepOfSchedules(), "the clock is looked at from time to time")
	a.at("2026-05-01 12:09:58")
	a.set("2026-05-01 12:09:59")
	require.Equal(t, time.Second, a.plugin.SleepOfSchedules())
	a.at("2026-05-01 12:09:59")
	require.Empty(t, a.runs("w"))
	a.at("2026-05-01 12:10:00")
	a.at("2026-05-01 12:10:01")
	require.Equal(t, []string{"12:10:00 1/0"}, a.runs("w"), "one execution for a time")
	a.at("2026-05-01 12:20:00")
	require.Equal(t, []string{"12:10:00 1/0", "12:20:00 2/0"}, a.runs("w"))
	require.Equal(t, "2026-05-01 12:30:00.000Z", a.nextRun("w"))

	a.at("2026-05-01 11:55:00")
	a.at("2026-05-01 12:20:30")
	require.Len(t, a.runs("w"), 2, "a clock that was put right by some minutes runs nothing twice")
}

func TestSchedule_Cron(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-03-28 12:00:00", one(`
workflow("w", { on: { type: "schedule", cron: "30 2 * * *", timezone: "Europe/Berlin" } }, () => 1);`))
	require.Equal(t, "2026-03-29 01:00:00.000Z", a.nextRun("w"), "03:00 in Berlin, after the gap")
	a.at("2026-03-29 01:00:00")
	a.at("2026-03-29 12:00:00")
	require.Equal(t, []string{"01:00:00 1/0"}, a.runs("w"))
	require.Equal(t, "2026-03-30 00:30:00.000Z", a.nextRun("w"))
	a.at("2026-10-24 12:00:00")
	a.at("2026-10-25 00:30:00")
	a.at("2026-10-25 01:30:00")
	require.Equal(t, []string{"01:00:00 1/0", "00:30:00 2/0", "00:30:00 3/0"}, a.runs("w"), "02:30 comes twice and runs once")
}

func TestSchedule_CatchUp(t *testing.T) {
	t.Parallel()
	for options, want := range map[string][]string{
		``: {"13:00:00 1/5"},
		`, catchUp: "once", catchUpWindow: "25m"`: {"13:00:00 1/2"},
		`, catchUp: "all"`:                        {"12:10:00 1/0", "12:20:00 2/0", "12:30:00 3/0", "12:40:00 4/0", "12:50:00 5/0", "13:00:00 6/0"},
		`, catchUp: "all", catchUpWindow: "25m"`:  {"12:40:00 1/0", "12:50:00 2/0", "13:00:00 3/0"},
		`, catchUp: "all", limit: 2`:              {"12:10:00 1/0", "12:20:00 2/0"},
		`, catchUp: "none"`:                       {},
		`, end: "2026-05-01 12:25:00"`:            {"12:20:00 1/1"},
		`, start: "2026-05-01 12:48:00"`:          {"12:58:00 1/1"},
	} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(every10m, options)))
			a.restartAt("2026-05-01 13:05:00")
			require.Equal(t, want, a.runs("w"))
			a.restartAt("2026-05-01 13:06:00")
			require.Equal(t, want, a.runs("w"), "what was made up for is over")
		})
	}
	t.Run("an hour of seconds", func(t *testing.T) {
		t.Parallel()
		a := newClockApp(t, "2026-05-01 12:00:00", one(`workflow("w", { on: { type: "schedule", interval: "1s", catchUp: "all" } }, () => 1);`))
		a.restartAt("2026-05-01 12:20:00")
		require.Equal(t, 1200, a.count("_workflowExecutions"), "in pages")
		a.drain()
	})
	t.Run("none, while the process is busy", func(t *testing.T) {
		t.Parallel()
		a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(every10m, `, catchUp: "none"`)))
		a.at("2026-05-01 12:10:20")
		require.Equal(t, []string{"12:10:00 1/0"}, a.runs("w"), "some seconds late is in time")
		a.at("2026-05-01 12:25:00")
		require.Len(t, a.runs("w"), 1, "after a sleep of the machine it is not")
	})
}

func TestSchedule_Limit(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(every10m, `, limit: 2`)))
	a.at("2026-05-01 12:10:00")
	a.restartAt("2026-05-01 12:15:00")
	a.at("2026-05-01 12:20:00")
	require.Empty(t, a.nextRun("w"), "over for good")
	a.at("2026-05-01 12:30:00")
	require.Equal(t, []string{"12:10:00 1/0", "12:20:00 2/0"}, a.runs("w"))
	a.write("all.js", fmt.Sprintf(every10m, `, limit: 3`))
	a.at("2026-05-01 12:31:00")
	a.awaits("w", "2026-05-01 12:40:00.000Z")
	a.at("2026-05-01 12:50:00")
	require.Equal(t, "12:50:00 3/1", a.runs("w")[2], "the life of the workflow goes on")
	require.Len(t, a.runs("w"), 3)
}

// TestSchedule_Switched: what passes while a workflow may not run is over.
func TestSchedule_Switched(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(every10m, "")))
	a.toggle("w", false)
	a.at("2026-05-01 12:15:00")
	require.Empty(t, a.nextRun("w"))
	require.JSONEq(t, `{"key":"w","next":[],"last":null}`, a.send("super", http.MethodGet, "/api/workflows/w/schedule", nil).body)
	a.set("2026-05-01 12:25:00")
	a.toggle("w", true)
	a.at("2026-05-01 12:25:00")
	require.Empty(t, a.runs("w"))
	a.at("2026-05-01 12:30:00")
	require.Equal(t, []string{"12:30:00 1/0"}, a.runs("w"))

	a.write("all.js", `workflow("w", { on: { type: "schedule", interval: "7m" } }, () => 1);`)
	a.set("2026-05-01 12:36:00")
	a.awaits("w", "2026-05-01 12:38:00.000Z")
	require.Len(t, a.runs("w"), 1, "a changed schedule starts from now")

	res := a.send("super", http.MethodPost, "/api/workflows/w/pause", nil)
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, "2026-05-01 12:38:00.000Z", a.nextRun("w"), "saving a switch leaves the schedule alone")
	a.at("2026-05-01 12:38:00")
	rows, err := a.FindAllRecords("_workflowExecutions")
	require.NoError(t, err)
	require.Len(t, rows, 2, "a paused workflow is triggered as always")
	require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/w/resume", nil).StatusCode)
	require.Equal(t, "12:38:00 2/0", a.runs("w")[1])

	a.write("all.js", `workflow("w", { on: { type: "action", collection: "posts" } }, () => 1);`)
	a.awaits("w", "") // it is no schedule any more
	a.at("2026-05-01 13:20:00")
	require.Len(t, a.runs("w"), 2)
	require.Equal(t, 404, a.send("super", http.MethodGet, "/api/workflows/w/schedule", nil).StatusCode)
}

func TestSchedule_Overlap(t *testing.T) {
	t.Parallel()
	const sleeper = `workflow("w", { on: { type: "schedule", interval: "10m", %s } }, (ctx) => { ctx.step.sleep("nap", "1h") });`
	for options, want := range map[string][]string{
		`overlap: "allow"`:                  {"waiting", "waiting", "waiting"},
		`overlap: "skip"`:                   {"waiting"},
		`overlap: "cancel"`:                 {"canceled", "canceled", "waiting"},
		`overlap: "cancel", catchUp: "all"`: {"canceled", "canceled", "waiting"},
		`overlap: "skip", catchUp: "all"`:   {"waiting"},
	} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(sleeper, options)))
			var statuses []string
			settled := func() bool {
				rows, err := a.FindRecordsByFilter("_workflowExecutions", "workflow = 'w'", "id", 0, 0)
				require.NoError(t, err)
				statuses = nil
				for _, row := range rows {
					statuses = append(statuses, row.GetString("status"))
				}
				return len(statuses) > 0 && statuses[len(statuses)-1] == "waiting"
			}
			a.at("2026-05-01 12:10:00")
			require.Eventually(t, settled, soon, glance)
			a.at("2026-05-01 12:20:00")
			a.at("2026-05-01 12:30:00")
			require.Eventually(t, func() bool { return settled() && fmt.Sprint(statuses) == fmt.Sprint(want) }, soon, glance, "%v", &statuses)
		})
	}
}

func TestSchedule_Route(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(every10m, `, limit: 4`)+`
workflow("other", { on: { type: "action", collection: "posts" } }, () => 1);`))
	get := func(who, key string) answer {
		return a.send(who, http.MethodGet, "/api/workflows/"+key+"/schedule", nil)
	}
	require.Equal(t, 401, get("", "w").StatusCode)
	require.Equal(t, 403, get("user", "w").StatusCode)
	require.Equal(t, 404, get("super", "unknown").StatusCode)
	require.Equal(t, 404, get("super", "other").StatusCode)
	res := a.send("super", http.MethodPost, "/api/workflows/w/schedule", nil)
	require.Equal(t, 405, res.StatusCode)
	require.Equal(t, "GET", res.Header.Get("Allow"))
	a.at("2026-05-01 12:10:00.5"[:19])
	id := a.rows("w")[0].Id
	require.JSONEq(t, `{"key": "w", "next": ["2026-05-01T12:20:00Z", "2026-05-01T12:30:00Z", "2026-05-01T12:40:00Z"],
		"last": {"scheduledAt": "2026-05-01T12:10:00Z", "firedAt": "2026-05-01T12:10:00Z", "run": 1, "execution": "`+id+`"}}`, get("super", "w").body)
	row := workflowRow(a.app, "w")
	require.Equal(t, map[string]any{"type": "schedule", "collection": "", "interval": "10m", "limit": 4.0, "catchUp": "once", "overlap": "allow"}, row["trigger"])
	res = a.send("super", http.MethodPatch, "/api/collections/_workflows/records/"+row["id"].(string), row)
	require.Equal(t, 200, res.StatusCode, "a form that sends the row back: %s", res.body)
}
