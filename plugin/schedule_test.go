package plugin_test

import (
	"testing"
	"time"

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
