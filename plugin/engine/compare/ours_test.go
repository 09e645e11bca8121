package compare

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// ours is this project's engine in an app that serves.
type ours struct {
	app    core.App
	plugin *plugin.Plugin
}

func openOurs(b *testing.B) *ours {
	b.Helper()
	app, err := tests.NewTestApp()
	require.NoError(b, err)
	b.Cleanup(app.Cleanup)
	dir := b.TempDir()
	for _, steps := range []int{1, 5} {
		file := filepath.Join(dir, workflowKey(steps)+".js")
		require.NoError(b, os.WriteFile(file, []byte(workflowSource(steps)), 0o600))
	}
	plugin.MustRegister(app, plugin.Config{WorkflowsDir: dir})

	router, err := apis.NewRouter(app)
	require.NoError(b, err)
	event := &core.ServeEvent{App: app, Router: router}
	event.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { _ = event.Listener.Close() })
	// Nothing is asked over HTTP: the port stays without a server.
	require.NoError(b, app.OnServe().Trigger(event, func(*core.ServeEvent) error { return nil }))
	return &ours{app: app, plugin: plugin.Get(app)}
}

func workflowKey(steps int) string { return fmt.Sprintf("steps-%d", steps) }

// workflowSource is a workflow that returns the result of its last step.
func workflowSource(steps int) string {
	var body strings.Builder
	for i := range steps {
		fmt.Fprintf(&body, "    result = ctx.step.run(\"step %d\", () => %q);\n", i+1, stepResult)
	}
	return fmt.Sprintf("workflow(%q, { on: { type: \"action\", collection: \"demo1\" } }, (ctx) => {\n    let result;\n%s    return result;\n});\n",
		workflowKey(steps), body.String())
}

func (e *ours) start(_ context.Context, w work) (string, error) {
	return e.plugin.Trigger(e.app, workflowKey(w.Steps), w, plugin.TriggerOptions{})
}

func (e *ours) drain(ctx context.Context) error { return e.plugin.Drain(ctx) }

func (e *ours) database() *sql.DB { return e.app.NonconcurrentDB().(*dbx.DB).DB() }

func (e *ours) completedSQL() string {
	return "SELECT count(*) FROM _workflowExecutions WHERE status = 'completed'"
}

func (e *ours) rows() []table {
	const id = "printf('00%013d', i)" // before those of today, as in life
	return []table{
		{name: "_workflowExecutions", key: "id", own: map[string]string{"id": id, "root": id}},
		{name: "_workflowSteps", key: "execution", own: map[string]string{"id": id, "execution": id}},
	}
}
