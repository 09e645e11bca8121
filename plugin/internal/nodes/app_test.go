package nodes

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// root is the project's folder.
const root = "../../.."

var demoWorkflows = filepath.Join(root, "workflows")

// demo is the demo app, served in this process: its migrations and its workflows.
type demo struct {
	core.App
	t       testing.TB
	handler http.Handler
	user    *core.Record
}

// template is a data folder with the demo's schema, of which every test has a copy.
// PocketBase keeps migrations per process, and those in JavaScript run one at a time.
var template string

func TestMain(m *testing.M) {
	code, err := func() (int, error) {
		dir, err := os.MkdirTemp("", "workflows_nodes_")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(dir)
		template = filepath.Join(dir, "pb_data")
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: template})
		jsvm.MustRegister(app, jsvm.Config{MigrationsDir: filepath.Join(root, "pb_migrations"), HooksDir: filepath.Join(dir, "none")})
		if err := errors.Join(plugin.Register(app, plugin.Config{WorkflowsDir: demoWorkflows}), app.Bootstrap(), app.RunAllMigrations()); err != nil {
			return 1, err
		}
		if _, err := serve(app); err != nil { // so that it knows the workflows
			return 1, err
		}
		if err := stop(app); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func serve(app core.App) (handler http.Handler, err error) {
	router, err := apis.NewRouter(app)
	if err != nil {
		return nil, err
	}
	err = app.OnServe().Trigger(&core.ServeEvent{App: app, Router: router}, func(e *core.ServeEvent) (err error) {
		handler, err = e.Router.BuildMux()
		return err
	})
	return handler, err
}

func stop(app core.App) error {
	return errors.Join(app.OnTerminate().Trigger(&core.TerminateEvent{App: app}), app.ResetBootstrapState())
}

// newDemo serves the demo; the test's end stops it. Sources are workflow files
// instead of the demo's.
func newDemo(t testing.TB, sources ...string) *demo {
	t.Helper()
	dir := demoWorkflows
	if len(sources) > 0 {
		dir = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "all.js"), []byte(strings.Join(sources, "\n")), 0o600))
	}
	data := filepath.Join(t.TempDir(), "pb_data")
	require.NoError(t, os.CopyFS(data, os.DirFS(template)))
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: data})
	require.NoError(t, plugin.Register(app, plugin.Config{WorkflowsDir: dir}))
	require.NoError(t, app.Bootstrap())
	app.Settings().Logs.MaxDays = 0 // else they are written after the test
	handler, err := serve(app)
	require.NoError(t, err)
	d := &demo{App: app, t: t, handler: handler}
	t.Cleanup(func() { require.NoError(t, stop(app)) })
	d.user = d.save("users", map[string]any{"email": "ada@example.com", "name": "Ada", "password": "demo-user-password", "role": "editor"})
	return d
}

func (d *demo) save(collection string, values map[string]any) *core.Record {
	d.t.Helper()
	c, err := d.FindCollectionByNameOrId(collection)
	require.NoError(d.t, err)
	r := core.NewRecord(c)
	r.Load(values)
	require.NoError(d.t, d.Save(r))
	return r
}

// clear deletes what an earlier case has left.
func (d *demo) clear() {
	d.t.Helper()
	for _, collection := range []string{"logs", "comments", "posts", "tags", "categories"} {
		_, err := d.DB().NewQuery("DELETE FROM " + collection).Execute()
		require.NoError(d.t, err)
	}
	_, err := d.DB().NewQuery("DELETE FROM users WHERE id != {:id}").Bind(map[string]any{"id": d.user.Id}).Execute()
	require.NoError(d.t, err)
}

func (d *demo) post(values map[string]any) *core.Record {
	d.t.Helper()
	return d.save("posts", values)
}

// trigger starts a workflow for a record or data, on behalf of the user.
func (d *demo) trigger(key string, target any) string {
	d.t.Helper()
	id, err := plugin.Get(d.App).Trigger(d.App, key, target, plugin.TriggerOptions{User: d.user})
	require.NoError(d.t, err)
	return id
}

// ends waits for an execution's end.
func (d *demo) ends(id string) *core.Record {
	d.t.Helper()
	var row *core.Record
	require.Eventually(d.t, func() bool {
		var err error
		row, err = d.FindRecordById("_workflowExecutions", id)
		return err == nil && !strings.Contains("queued running waiting", row.GetString("status"))
	}, 20*time.Second, 2*time.Millisecond)
	return row
}

// output runs a workflow that has to complete, and decodes its output.
func (d *demo) output(key string, target any) any {
	d.t.Helper()
	return d.outputOf(d.trigger(key, target))
}

func (d *demo) outputOf(id string) any {
	d.t.Helper()
	row := d.ends(id)
	require.Equal(d.t, "completed", row.GetString("status"), row.GetString("error"))
	var out any
	require.NoError(d.t, json.Unmarshal([]byte(row.GetString("output")), &out))
	return out
}

// failure runs a workflow that has to end badly; it is its status and message.
func (d *demo) failure(key string, target any) (status, message string) {
	d.t.Helper()
	row := d.ends(d.trigger(key, target))
	var failure struct{ Message string }
	require.NoError(d.t, json.Unmarshal([]byte(row.GetString("error")), &failure), row.GetString("error"))
	return row.GetString("status"), failure.Message
}

// steps are the names of an execution's journal, in order.
func (d *demo) steps(id string) []string {
	d.t.Helper()
	rows, err := d.FindRecordsByFilter("_workflowSteps", "execution = {:id}", "branch,seq", 0, 0, map[string]any{"id": id})
	require.NoError(d.t, err)
	out := []string{}
	for _, r := range rows {
		out = append(out, r.GetString("name"))
	}
	return out
}

// logs takes what the workflows have logged.
func (d *demo) logs() []string {
	d.t.Helper()
	rows, err := d.FindRecordsByFilter("logs", "", "@rowid", 0, 0)
	require.NoError(d.t, err)
	out := []string{}
	for _, r := range rows {
		out = append(out, r.GetString("message"))
		require.NoError(d.t, d.Delete(r))
	}
	return out
}

func (d *demo) request(method, url, body string) *http.Response {
	d.t.Helper()
	return d.requestOf(d.user, method, url, body)
}

func (d *demo) requestOf(who *core.Record, method, url, body string) *http.Response {
	d.t.Helper()
	token, err := who.NewAuthToken()
	require.NoError(d.t, err)
	request := httptest.NewRequest(method, url, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

type object = map[string]any

type list = []any
