package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is the open task of an execution.
func (s *server) asked(in *instance, execution string) string {
	s.t.Helper()
	s.becomes(in, execution, "waiting", 10*time.Second)
	for _, task := range s.list(in, "_workflowTasks", "filter=status%3D'waiting'") {
		if task["execution"] == execution {
			return task["id"].(string)
		}
	}
	require.FailNow(s.t, "no task is open")
	return ""
}

// TestTasks shows that a task that was opened by one process is answered through
// another, and that an answer which was accepted outlives the process.
func TestTasks(t *testing.T) {
	in := newInstance(t, map[string]string{"tasks.js": `
workflow("ask", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const admin = $app.findAllRecords("_superusers")[0];
    return ctx.step.task("decide", { assignees: admin, notify: false }).action;
});`})
	answer := func(s *server, task string) {
		t.Helper()
		require.Equal(t, http.StatusOK, s.call(http.MethodPost, "/api/workflows/tasks/"+task, in.token, map[string]any{"action": "approve"}, nil).StatusCode)
	}
	first := in.serve()
	second := in.serve()
	id := second.start(in, "ask")
	answer(second, second.asked(in, id))
	require.Equal(t, "approve", first.becomes(in, id, "completed", 10*time.Second)["output"])

	id = first.start(in, "ask")
	task := first.asked(in, id)
	second.stop()
	answer(first, task)
	first.kill()
	again := in.serve()
	require.Equal(t, "approve", again.becomes(in, id, "completed", 20*time.Second)["output"])

	id = again.start(in, "ask")
	task = again.asked(in, id)
	again.kill()
	last := in.serve()
	require.Equal(t, task, last.asked(in, id), "the task waits on over a restart, and is the only one")
	answer(last, task)
	require.Equal(t, "approve", last.becomes(in, id, "completed", 20*time.Second)["output"])
}
