package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestSchedule_State(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	_, err := s.Schedule(app, "w")
	require.Error(t, err, "unknown")
	_, err = s.SyncDefinitions(t.Context(), []workflow.Version{{Workflow: "w", Hash: "h", File: "w.js", Definition: workflow.Definition{Key: "w", Mode: workflow.ModeAsync, Enabled: true}}}, nil)
	require.NoError(t, err)
	state, err := s.Schedule(app, "w")
	require.NoError(t, err)
	require.Zero(t, state)

	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	want := workflow.ScheduleState{
		Fingerprint: "f", Active: true, Since: at, Runs: 3, Next: at.Add(time.Hour),
		Last: &workflow.ScheduledRun{ScheduledAt: at, FiredAt: at, Run: 3, Execution: "x"},
	}
	old, err := app.FindFirstRecordByData(workflowsName, "key", "w")
	require.NoError(t, err)
	require.NoError(t, s.SaveSchedule(app, "w", want))
	old.Set("paused", true)
	require.NoError(t, app.Save(old), "a record that was read before")
	state, err = s.Schedule(app, "w")
	require.NoError(t, err)
	require.Equal(t, want, state)
	keys, err := s.Awaited(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"w"}, keys)
}

func TestSchedule_Dates(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	c := core.NewBaseCollection("events")
	c.Fields.Add(&core.DateField{Name: "starts"})
	c.AddIndex("idx_events_starts", false, "`starts`", "")
	require.NoError(t, app.Save(c))
	on := workflow.Trigger{Collection: "events", Schedule: &workflow.Schedule{Field: "starts", Repeat: 1}}
	const day = "2026-05-01 12:0%d:00.000Z"
	at := func(n int) string { return fmt.Sprintf(day, n) }
	for i := range 5 {
		r := core.NewRecord(c)
		r.Set("id", fmt.Sprintf("event000000000%d", i))
		r.Set("starts", at(i))
		require.NoError(t, app.Save(r))
	}
	empty := core.NewRecord(c)
	require.NoError(t, app.Save(empty))
	ids := func(dates []workflow.DatedRecord, err error) string {
		t.Helper()
		require.NoError(t, err)
		var out []string
		for _, d := range dates {
			out = append(out, d.ID[14:]+d.Next)
		}
		return strings.Join(out, " ")
	}
	require.Equal(t, "1 2 3", ids(s.UnseenDates(app, "w", on, at(1), at(3), 9)), "both ends are included")
	require.Equal(t, "0 1", ids(s.UnseenDates(app, "w", on, "", at(3), 2)), "no date is none")
	page, err := s.UnseenDates(app, "w", on, at(1), at(3), 9)
	require.NoError(t, err)
	valid, old, err := s.CheckDates(app, "w", on, page)
	require.NoError(t, err)
	require.Equal(t, page, valid)
	require.Empty(t, old)
	page[0].Next, page[1].Next = at(6), at(7)
	require.NoError(t, s.MarkDates(app, "w", page))
	require.NoError(t, s.MarkDates(app, "w", nil), "none")
	require.Equal(t, "4", ids(s.UnseenDates(app, "w", on, at(1), at(9), 9)))
	require.Equal(t, "0 1 2 3 4", ids(s.UnseenDates(app, "other", on, "", at(9), 9)), "each workflow has its own")
	require.Equal(t, "1"+at(6), ids(s.RepeatedDates(app, "w", on, at(6), 9)))

	valid, old, err = s.CheckDates(app, "w", on, []workflow.DatedRecord{{ID: page[2].ID, Value: at(3)}, {ID: page[0].ID, Value: at(1), Next: at(5)}, page[1]})
	require.NoError(t, err)
	require.Equal(t, page[1:2], valid, "the others were looked at meanwhile")
	require.Empty(t, old)
	values, repeats, err := s.ComingDates(app, "w", on, at(3), at(6), 9)
	require.NoError(t, err)
	require.Equal(t, []string{at(4)}, values)
	require.Equal(t, page[1:2], repeats)

	gone, err := app.FindRecordById("events", page[1].ID)
	require.NoError(t, err)
	require.NoError(t, app.Delete(gone))
	valid, old, err = s.CheckDates(app, "w", on, page[1:2])
	require.NoError(t, err)
	require.Empty(t, valid)
	require.Equal(t, page[1:2], old)
	require.NoError(t, s.DropDates(app, "w", old))
	require.Empty(t, ids(s.RepeatedDates(app, "w", on, at(9), 9))[len("1"+at(6)):])
	require.NoError(t, s.ForgetDates(app, "w", at(9)))
	require.Equal(t, "1"+at(6), ids(s.RepeatedDates(app, "w", on, at(9), 9)), "what comes again stays")
	require.Equal(t, "3 4", ids(s.UnseenDates(app, "w", on, at(1), at(9), 9)))
	require.NoError(t, s.ForgetDates(app, "w", ""))
	require.Equal(t, "1 3 4", ids(s.UnseenDates(app, "w", on, at(1), at(9), 9)))
}

// TestSchedule_DatesUseIndexes: an index on the user's date is used, and ours are.
func TestSchedule_DatesUseIndexes(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	c := core.NewBaseCollection("events")
	c.Fields.Add(&core.DateField{Name: "starts"})
	c.AddIndex("idx_events_starts", false, "`starts`", "")
	require.NoError(t, app.Save(c))
	params := dbx.Params{"key": "w", "from": "2026", "until": "2027", "now": "2026", "after": "2026", "limit": 9, "dates": "[]"}
	for query, want := range map[string][]string{
		unseenSQL:  {"SEARCH r USING INDEX idx_events_starts (starts>? AND starts<?)", "SEARCH d USING COVERING INDEX idx_workflowDates_value"},
		repeatsSQL: {"SEARCH _workflowDates USING INDEX idx_workflowDates_next"},
		checkSQL:   {"SEARCH r USING INDEX sqlite_autoindex_events_1 (id=?)", "SEARCH d USING INDEX idx_workflowDates_value"},
		comingSQL:  {"SEARCH events USING COVERING INDEX idx_events_starts"},
	} {
		if query != repeatsSQL {
			query = fmt.Sprintf(query, "events", "starts")
		}
		var plan []struct {
			Detail string `db:"detail"`
		}
		require.NoError(t, app.DB().NewQuery("EXPLAIN QUERY PLAN "+query).Bind(params).All(&plan))
		for _, w := range want {
			require.Contains(t, fmt.Sprint(plan), w)
		}
	}
}
