package plugin_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestSchedule_OnceAtATime: several that look at the same moment start one
// execution together.
func TestSchedule_OnceAtATime(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", files{
		"a.js": fmt.Sprintf(every10m, ""),
		"b.js": `workflow("dates", { on: { type: "schedule", collection: "events", field: "starts" } }, () => 1);`,
	})
	for range 20 {
		a.event("e", "2026-05-01 12:10:00Z")
	}
	a.at("2026-05-01 12:06:00")
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[i] = a.plugin.RunSchedule(t.Context(), []string{"w", "dates"}[i%2], time.Date(2026, 5, 1, 12, 10, i, 0, time.UTC))
		}()
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, a.rows("w"), 1)
	require.Len(t, a.rows("dates"), 20)
}

// TestSchedule_OneCommit: the execution and what is remembered of it are stored
// together or not at all.
func TestSchedule_OneCommit(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", files{
		"a.js": fmt.Sprintf(every10m, ""),
		"b.js": `workflow("dates", { on: { type: "schedule", collection: "events", field: "starts" } }, () => 1);`,
	})
	a.event("e", "2026-05-01 12:10:00Z")
	a.at("2026-05-01 12:06:00")
	for name, trigger := range map[string]string{
		"state": "BEFORE UPDATE OF schedule ON _workflows",
		"dates": "BEFORE INSERT ON _workflowDates",
	} {
		a.execute("CREATE TRIGGER no " + trigger + " BEGIN SELECT RAISE(ABORT, 'disk full'); END")
		require.ErrorContains(t, a.plugin.RunSchedule(t.Context(), "dates", time.Date(2026, 5, 1, 12, 10, 0, 0, time.UTC)), "disk full", name)
		if name == "state" {
			require.ErrorContains(t, a.plugin.RunSchedule(t.Context(), "w", time.Date(2026, 5, 1, 12, 10, 0, 0, time.UTC)), "disk full", name)
		}
		require.Zero(t, a.count("_workflowExecutions"), name)
		a.execute("DROP TRIGGER no")
	}
	a.at("2026-05-01 12:10:02")
	require.Equal(t, []string{"12:10:00 1/0"}, a.runs("w"))
	require.Equal(t, []string{"12:10:00 1/0 e"}, a.runs("dates"))
}

// TestSchedule_OwnerOnly: a process without the engine runs no schedule; it tells
// the one that has it of the dates that it writes.
func TestSchedule_OwnerOnly(t *testing.T) {
	t.Parallel()
	a := newClockApp(t, "2026-05-01 12:05:00", one(fmt.Sprintf(reminder, "")))
	second := core.NewBaseApp(core.BaseAppConfig{DataDir: a.DataDir()})
	require.NoError(t, second.Bootstrap())
	second.Settings().Logs.MaxDays = 0 // else they are written after the test
	other := &tests.TestApp{BaseApp: second, TestMailer: &tests.TestMailer{}}
	t.Cleanup(func() {
		_ = second.OnTerminate().Trigger(&core.TerminateEvent{App: second})
		_ = second.ResetBootstrapState()
	})
	require.NoError(t, plugin.Register(other, plugin.Config{WorkflowsDir: a.dir}))
	guest := &app{TestApp: other, t: t, dir: a.dir, plugin: plugin.Get(other)}
	guest.serve()
	require.False(t, guest.plugin.RunsSchedules())

	_, err := newRecord(other, "events", map[string]any{"title": "far", "starts": "2026-05-01 12:20:00Z"})
	require.NoError(t, err)
	a.awaits("w", "2026-05-01 12:20:00.000Z") // the doorbell rings
	require.Equal(t, 200, a.send("super", http.MethodGet, "/api/workflows/w/schedule", nil).StatusCode)
	a.at("2026-05-01 12:20:00")
	require.Equal(t, []string{"12:20:00 1/0 far"}, a.runs("w"))
}
