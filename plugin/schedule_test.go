package plugin_test

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

func TestSchedule_IntervalRuns(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`workflow("tick", { on: { type: "schedule", interval: "1s" } }, (ctx) => ctx.params);`))
	require.Eventually(t, func() bool { return a.count("_workflowExecutions") > 0 }, 5*time.Second, glance)
	row := a.ends(a.rows("tick")[0].Id)
	require.Equal(t, "completed", row.GetString("status"), row.GetString("error"))
	params := output(t, row).(map[string]any)
	at, err := time.Parse(time.RFC3339, params["scheduledAt"].(string))
	require.NoError(t, err)
	require.Zero(t, at.Nanosecond(), "on the grid")
	require.WithinDuration(t, at, row.GetDateTime("startedAt").Time(), time.Second)
	require.EqualValues(t, 1, params["run"])
	require.EqualValues(t, 0, params["missed"])
	require.Contains(t, row.GetString("trigger"), `"type":"schedule"`)
}

// TestSchedule_DateRuns: by the real clock, a record that is saved with a near
// date runs at it.
func TestSchedule_DateRuns(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, nil)
	c := core.NewBaseCollection("events")
	c.Fields.Add(&core.DateField{Name: "starts"})
	require.NoError(t, a.Save(c))
	a.write("all.js", `workflow("w", { on: { type: "schedule", collection: "events", field: "starts", offset: "-1h" } }, (ctx) => ctx.data.id);`)
	require.Eventually(t, func() bool {
		row := workflowRow(a, "w")
		return row != nil && row["valid"] == true && row["version"].(float64) == 1
	}, soon, glance)
	at := time.Now().Add(time.Hour + 400*time.Millisecond)
	r := record(t, a, "events", map[string]any{"starts": at})
	require.Eventually(t, func() bool { return a.count("_workflowExecutions") > 0 }, soon, glance)
	a.drain()
	row := a.rows("w")[0]
	require.Equal(t, r.Id, output(t, row))
	created := row.GetDateTime("created").Time()
	require.False(t, created.Before(at.Add(-time.Hour).Truncate(time.Millisecond)), "not before its time")
	require.WithinDuration(t, at.Add(-time.Hour), created, time.Second)
}
