package plugin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"
)

const reminder = `workflow("w", { on: { type: "schedule", collection: "events", field: "starts" %s } }, (ctx) => ctx.data.title);`

// event makes one by Go.
func (a *clockApp) event(title, starts string) *core.Record {
	a.t.Helper()
	return record(a.t, a.TestApp, "events", map[string]any{"title": title, "starts": starts})
}

func TestSchedule_Dates(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(fmt.Sprintf(reminder, `, offset: "-30m", condition: "title != 'no' && post.title != 'Bare'", expand: ["post"]`)))
	require.Empty(t, a.nextRun("w"))
	full := record(t, a.TestApp, "events", map[string]any{"title": "full", "starts": "2026-05-01 13:00:00Z", "post": fullID})
	record(t, a.TestApp, "events", map[string]any{"title": "bare", "starts": "2026-05-01 13:00:00Z", "post": bareID})
	no := a.event("no", "2026-05-01 13:00:00Z")
	a.event("empty", "")
	a.event("later", "2026-05-01 14:00:00Z")
	a.event("long over", "2026-05-01 11:00:00Z")
	a.at("2026-05-01 12:00:01")
	require.Equal(t, "2026-05-01 12:30:00.000Z", a.nextRun("w"))
	require.JSONEq(t, `{"key": "w", "next": ["2026-05-01T12:30:00Z", "2026-05-01T13:30:00Z"], "last": null}`,
		a.send("super", http.MethodGet, "/api/workflows/w/schedule", nil).body)
	a.at("2026-05-01 12:29:59")
	require.Empty(t, a.runs("w"))
	a.at("2026-05-01 12:30:00")
	a.at("2026-05-01 12:30:00")
	a.restartAt("2026-05-01 12:31:00")
	require.Equal(t, []string{"12:30:00 1/0 full"}, a.runs("w"))
	row := a.rows("w")[0]
	require.JSONEq(t, `{"type":"schedule","collection":"events","record":"`+full.Id+`"}`, row.GetString("trigger"))
	require.Contains(t, row.GetString("input"), `"expand":{"post":{`)
	require.Equal(t, "2026-05-01 13:30:00.000Z", a.nextRun("w"))

	no.Set("title", "yes")
	require.NoError(t, a.Save(no))
	full.Set("title", "changed")
	require.NoError(t, a.Save(full))
	a.at("2026-05-01 12:32:00")
	require.Len(t, a.runs("w"), 1, "the condition counts at the time; a record that is saved again does not run again")

	require.Equal(t, "w=wrong_trigger", a.create("?triggerWorkflows=w", nil).skipped())
	a.write("all.js", "// nothing")
	require.Eventually(t, func() bool { return workflowRow(a.app, "w")["missing"] == true }, soon, glance)
	a.awaits("w", "")
	require.NotZero(t, a.count("_workflowDates"))
	require.Equal(t, 204, a.send("super", http.MethodDelete, "/api/collections/_workflows/records/"+workflowRow(a.app, "w")["id"].(string), nil).StatusCode)
	require.Zero(t, a.count("_workflowDates"), "they go with their workflow")
	a.at("2026-05-01 13:30:00")
	require.Equal(t, 30*time.Second, a.plugin.SleepOfSchedules(), "nothing is left to look at")
}

// TestSchedule_DatesMove: a date runs once, whoever moves it.
func TestSchedule_DatesMove(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(fmt.Sprintf(reminder, "")))
	patch := func(id, starts string) {
		t.Helper()
		res := a.send("", http.MethodPatch, "/api/collections/events/records/"+id, map[string]any{"starts": starts})
		require.Equal(t, 200, res.StatusCode, res.body)
	}
	look := func(now string) { // only what was told of counts
		t.Helper()
		a.at(now)
	}
	res := a.send("", http.MethodPost, "/api/collections/events/records", map[string]any{"title": "one", "starts": "2026-05-01 14:00:00Z"})
	require.Equal(t, 200, res.StatusCode, res.body)
	id := res.data(t)["id"].(string)
	look("2026-05-01 12:00:01")
	require.Equal(t, "2026-05-01 14:00:00.000Z", a.nextRun("w"))
	patch(id, "2026-05-01 13:00:00Z")
	require.Zero(t, a.plugin.SleepOfSchedules(), "it is looked at at once")
	look("2026-05-01 12:00:02")
	require.Equal(t, "2026-05-01 13:00:00.000Z", a.nextRun("w"), "earlier")
	patch(id, "2026-05-01 15:00:00Z")
	look("2026-05-01 12:00:03")
	require.Equal(t, "2026-05-01 15:00:00.000Z", a.nextRun("w"), "later")
	look("2026-05-01 13:00:00")
	look("2026-05-01 14:00:00")
	require.Empty(t, a.runs("w"))
	look("2026-05-01 15:00:00")
	require.Equal(t, []string{"15:00:00 1/0 one"}, a.runs("w"))
	require.Empty(t, a.nextRun("w"))

	patch(id, "2026-05-01 16:00:00Z")
	look("2026-05-01 15:10:00")
	patch(id, "2026-05-01 15:00:00Z")
	look("2026-05-01 15:10:01")
	require.Len(t, a.runs("w"), 1, "back at a date that has run")
	patch(id, "2026-05-01 16:00:00Z")
	look("2026-05-01 16:00:00")
	require.Equal(t, []string{"15:00:00 1/0 one", "16:00:00 1/0 one"}, a.runs("w"), "a new date runs again")

	patch(id, "2026-05-01 16:04:00Z")
	look("2026-05-01 16:05:00")
	require.Len(t, a.runs("w"), 3, "a date that was just past when it was set runs at once")
	patch(id, "2026-05-01 15:40:00Z")
	look("2026-05-01 16:05:01")
	require.Len(t, a.runs("w"), 4, "within the window")
	patch(id, "2026-05-01 15:04:00Z")
	look("2026-05-01 16:05:02")
	require.Len(t, a.runs("w"), 4, "not before it")

	gone := a.event("gone", "2026-05-01 17:00:00Z")
	a.event("here", "2026-05-01 17:30:00Z")
	look("2026-05-01 16:10:00")
	require.Equal(t, "2026-05-01 17:00:00.000Z", a.nextRun("w"))
	require.Equal(t, 204, a.send("", http.MethodDelete, "/api/collections/events/records/"+gone.Id, nil).StatusCode)
	require.Zero(t, a.plugin.SleepOfSchedules())
	look("2026-05-01 16:10:01")
	require.Equal(t, "2026-05-01 17:30:00.000Z", a.nextRun("w"), "a deleted one does not run")

	boom := fmt.Errorf("no")
	err := a.RunInTransaction(func(tx core.App) error {
		_, err := newRecord(tx, "events", map[string]any{"title": "undone", "starts": "2026-05-01 16:20:00Z"})
		require.NoError(t, err)
		return boom
	})
	require.ErrorIs(t, err, boom)
	look("2026-05-01 16:20:00")
	require.Len(t, a.runs("w"), 4)
	require.NoError(t, a.RunInTransaction(func(tx core.App) error {
		_, err := newRecord(tx, "events", map[string]any{"title": "done", "starts": "2026-05-01 16:25:00Z"})
		return err
	}))
	look("2026-05-01 16:20:01")
	require.Equal(t, "2026-05-01 16:25:00.000Z", a.nextRun("w"), "also in a transaction")
}

func TestSchedule_DatesCatchUp(t *testing.T) {
	t.Parallel()
	for options, want := range map[string][]string{
		``:                                     {"12:50:00 1/0 b", "13:00:00 1/0 c"},
		`, catchUpWindow: "2h"`:                {"12:10:00 1/0 a", "12:50:00 1/0 b", "13:00:00 1/0 c"},
		`, catchUp: "none"`:                    {},
		`, end: "2026-05-01 12:55:00Z"`:        {"12:50:00 1/0 b"},
		`, repeat: "15m", catchUpWindow: "2h"`: {"13:10:00 5/4 a", "13:05:00 2/1 b", "13:00:00 1/0 c"},
		`, repeat: "30m", catchUp: "all", catchUpWindow: "2h"`: {"12:10:00 1/0 a", "12:40:00 2/0 a", "13:10:00 3/0 a", "12:50:00 1/0 b", "13:00:00 1/0 c"},
	} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(reminder, options)))
			a.event("a", "2026-05-01 12:10:00Z")
			a.event("b", "2026-05-01 12:50:00Z")
			a.event("c", "2026-05-01 13:00:00Z")
			a.restartAt("2026-05-01 13:12:00")
			require.Equal(t, want, a.runs("w"))
			a.restartAt("2026-05-01 13:12:30")
			require.Equal(t, want, a.runs("w"))
		})
	}
}

func TestSchedule_DatesRepeat(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(fmt.Sprintf(reminder, `, repeat: "10m", limit: 3`)))
	// Dates of long ago go on at their next time; one has come three times already.
	a.event("over", "2026-05-01 11:00:00Z")
	going := a.event("going", "2026-05-01 11:45:00Z")
	a.event("new", "2026-05-01 12:02:00Z")
	a.at("2026-05-01 12:00:01")
	require.Equal(t, "2026-05-01 12:02:00.000Z", a.nextRun("w"))
	a.at("2026-05-01 12:02:00")
	require.Equal(t, "2026-05-01 12:05:00.000Z", a.nextRun("w"))
	a.at("2026-05-01 12:05:00")
	a.at("2026-05-01 12:12:00")
	a.at("2026-05-01 12:15:00")
	require.Equal(t, []string{"12:02:00 1/0 new", "12:05:00 3/0 going", "12:12:00 2/0 new"}, a.runs("w"))
	require.JSONEq(t, `{"next": ["2026-05-01T12:22:00Z"]}`, a.part("w", "next"))

	going.Set("starts", "2026-05-01 12:16:00Z")
	require.NoError(t, a.Save(going))
	a.at("2026-05-01 12:16:00")
	a.at("2026-05-01 12:22:00")
	require.NoError(t, a.Delete(going))
	a.at("2026-05-01 12:26:00")
	a.restartAt("2026-05-01 12:50:00")
	require.Equal(t, []string{"12:16:00 1/0 going", "12:22:00 3/0 new"}, a.runs("w")[3:], "a new date begins anew, a deleted one ends")
	require.Empty(t, a.nextRun("w"))
}

// part is one field of the schedule's route.
func (a *clockApp) part(key, field string) string {
	a.t.Helper()
	return fmt.Sprintf(`{%q: %s}`, field, jsonOf(a.t, a.send("super", http.MethodGet, "/api/workflows/"+key+"/schedule", nil).data(a.t)[field]))
}

func jsonOf(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func TestSchedule_DatesOverlap(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(`
workflow("w", { on: { type: "schedule", collection: "events", field: "starts", repeat: "10m", overlap: "skip" } }, (ctx) => { ctx.step.sleep("nap", "1h") });`))
	a.event("a", "2026-05-01 12:01:00Z")
	a.event("b", "2026-05-01 12:11:00Z")
	for _, now := range []string{"12:01", "12:11", "12:21", "12:31"} {
		a.at("2026-05-01 " + now + ":00")
	}
	rows, err := a.FindRecordsByFilter("_workflowExecutions", "workflow = 'w'", "id", 0, 0)
	require.NoError(t, err)
	require.Len(t, rows, 2, "one of a record at a time")
}

func TestSchedule_DatesDedup(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(`
workflow("w", { on: { type: "schedule", collection: "events", field: "starts" }, dedup: "data.title" }, (ctx) => { ctx.step.sleep("nap", "1h") });`))
	for _, title := range []string{"a", "b", "a"} {
		a.event(title, "2026-05-01 12:01:00Z")
	}
	a.at("2026-05-01 12:01:00")
	require.Equal(t, 2, a.count("_workflowExecutions"), "the option dedup holds for schedules too")
}

// TestSchedule_DatesPages: thousands are due in the same moment.
func TestSchedule_DatesPages(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(fmt.Sprintf(reminder, "")))
	a.execute(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
		INSERT INTO events (id, title, starts) SELECT printf('event%010d', i), 'e' || i, '2026-05-01 12:10:00.000Z' FROM n`)
	began := time.Now()
	a.at("2026-05-01 12:10:00") // nobody told of them: they were written past PocketBase
	t.Logf("1200 due records in %s", time.Since(began))
	require.Equal(t, 1200, a.count("_workflowExecutions"))
	a.restartAt("2026-05-01 12:10:05")
	require.Equal(t, 1200, a.count("_workflowExecutions"))
	dates := listed(a.app, "super", "_workflowDates", "")
	url := "/api/collections/_workflowDates/records"
	require.Equal(t, 400, a.send("super", http.MethodDelete, url+"/"+dates[0]["id"].(string), nil).StatusCode)
	require.Equal(t, 400, a.send("super", http.MethodPost, url, map[string]any{"workflow": "w"}).StatusCode)
	require.Equal(t, 403, a.send("user", http.MethodGet, url, nil).StatusCode)
	a.drain()
	a.at("2026-05-01 14:00:00")
	require.Equal(t, 1200, a.count("_workflowDates"))
	a.event("later", "2026-05-01 14:05:00Z")
	a.at("2026-05-01 14:00:01")
	require.Zero(t, a.count("_workflowDates"), "what can't run again is forgotten")
}

// TestSchedule_DatesField: a field that goes makes the workflow invalid, and one
// that returns goes on from then.
func TestSchedule_DatesField(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:00:00", one(fmt.Sprintf(reminder, "")))
	a.event("a", "2026-05-01 12:10:00Z")
	a.at("2026-05-01 12:01:00")
	c, err := a.FindCollectionByNameOrId("events")
	require.NoError(t, err)
	field := c.Fields.GetByName("starts")
	c.Fields.RemoveByName("starts")
	require.NoError(t, a.Save(c))
	a.at("2026-05-01 12:02:00")
	row := workflowRow(a.app, "w")
	require.Equal(t, false, row["valid"])
	require.Contains(t, row["error"], `collection "events" has no field "starts"`)
	require.Empty(t, row["nextRun"])
	c.Fields.Add(field)
	require.NoError(t, a.Save(c))
	a.at("2026-05-01 12:20:00")
	require.Equal(t, true, workflowRow(a.app, "w")["valid"])
	a.event("b", "2026-05-01 12:15:00Z")
	a.event("c", "2026-05-01 12:25:00Z")
	a.at("2026-05-01 12:25:00")
	require.Equal(t, []string{"12:25:00 1/0 c"}, a.runs("w"))
	require.NoError(t, a.Delete(c))
	a.at("2026-05-01 12:30:00")
	require.Equal(t, false, workflowRow(a.app, "w")["valid"])
}
