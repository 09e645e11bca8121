package plugin_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// bare is a test app without the plugin.
func bare(tb testing.TB) *tests.TestApp {
	tb.Helper()
	data, err := template()
	require.NoError(tb, err)
	testApp, err := tests.NewTestApp(data)
	require.NoError(tb, err)
	tb.Cleanup(testApp.Cleanup)
	return testApp
}

// TestConfig_Wrong: the error names every field that can't be used, and the app
// stays as it was.
func TestConfig_Wrong(t *testing.T) {
	t.Parallel()
	testApp := bare(t)
	for _, c := range []struct {
		name   string
		config plugin.Config
		says   []string
	}{
		{"Buffer", plugin.Config{Buffer: -1}, []string{"config.Buffer must not be negative, got -1"}},
		{"MaxExecutions", plugin.Config{MaxExecutions: -1}, []string{"config.MaxExecutions must not be negative, got -1"}},
		{"Retention", plugin.Config{Retention: plugin.Retention{Age: -time.Hour, Count: -2, Statuses: map[string]plugin.RetentionLimit{
			"completed": {Age: -1, Count: -3}, "running": {Count: 1}, "success": {Age: time.Hour}, "failed": {},
		}}}, []string{
			"config.Retention.Age must not be negative, got -1h0m0s", "config.Retention.Count must not be negative, got -2",
			`config.Retention.Statuses["completed"].Age must not be negative, got -1ns`, `config.Retention.Statuses["completed"].Count must not be negative, got -3`,
			`config.Retention.Statuses["running"] is no final status, expected one of [completed failed error aborted canceled rejected]`,
			`config.Retention.Statuses["success"] is no final status`,
		}},
		{"RetentionInterval", plugin.Config{RetentionInterval: -time.Minute}, []string{"config.RetentionInterval must not be negative, got -1m0s"}},
		{"ScriptTimeout", plugin.Config{ScriptTimeout: -time.Second}, []string{"config.ScriptTimeout must not be negative, got -1s"}},
		{"ShutdownTimeout", plugin.Config{ShutdownTimeout: -1}, []string{"config.ShutdownTimeout must not be negative, got -1ns"}},
		{"SyncTimeout", plugin.Config{SyncTimeout: -time.Minute}, []string{"config.SyncTimeout must not be negative, got -1m0s"}},
		{"Workers", plugin.Config{Workers: -2}, []string{"config.Workers must not be negative, got -2"}},
		{"several", plugin.Config{Workers: -2, Buffer: -1, SyncTimeout: -1}, []string{"config.Workers", "config.Buffer", "config.SyncTimeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := plugin.Register(testApp, c.config)
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
			}
			require.ErrorContains(t, err, "register workflows: ")
			require.Nil(t, plugin.Get(testApp))
			require.Panics(t, func() { plugin.MustRegister(testApp, c.config) })
		})
	}
	require.NoError(t, plugin.Register(testApp, plugin.Config{WorkflowsDir: t.TempDir()}))
}

// TestConfig_RegisterTwice: the second is refused and binds nothing.
func TestConfig_RegisterTwice(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("everywhere", { on: { type: "action", collection: "posts", global: true, actions: ["create"] } }, (ctx) => 1);`))
	first := plugin.Get(a.TestApp)
	require.NotNil(t, first)
	require.EqualError(t, plugin.Register(a.TestApp, plugin.Config{WorkflowsDir: t.TempDir()}), "register workflows: the app has them already")
	require.Panics(t, func() { plugin.MustRegister(a.TestApp, plugin.Config{}) })
	require.Same(t, first, plugin.Get(a.TestApp))
	a.create("", nil)
	require.Len(t, a.rows("everywhere"), 1)
}

// TestConfig_Defaults: what the zero value does.
func TestConfig_Defaults(t *testing.T) {
	t.Parallel()
	data, err := template()
	require.NoError(t, err)
	root := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(root, "pb_data"), os.DirFS(data)))
	dir := filepath.Join(root, "workflows")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.js"), []byte(`
workflow("beside", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.roleName);
workflow("waited", { on: { type: "action", collection: "posts" }, mode: "sync" }, (ctx) => { sleep(50); ctx.respond("waited"); });`), 0o600))

	base := core.NewBaseApp(core.BaseAppConfig{DataDir: filepath.Join(root, "pb_data")})
	require.NoError(t, plugin.Register(base, plugin.Config{}))
	require.NoError(t, base.Bootstrap())
	base.Settings().Logs.MaxDays = 0
	a := &app{TestApp: &tests.TestApp{BaseApp: base, TestMailer: &tests.TestMailer{}}, t: t, dir: dir, plugin: plugin.Get(base)}
	t.Cleanup(a.Cleanup)
	users, err := a.FindCollectionByNameOrId("users")
	require.NoError(t, err)
	users.Fields.Add(&core.TextField{Name: "roles"})
	require.NoError(t, a.Save(users))
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)
	a.serve()

	res := a.create("?triggerWorkflows=waited,beside,unknown", nil)
	require.Equal(t, http.StatusOK, res.StatusCode, "skipping is not strict: %s", res.body)
	require.Equal(t, "unknown=unknown", res.skipped())
	require.Equal(t, `["waited"]`, res.Header.Get("X-Workflow-Messages"), "the response waits")
	require.Equal(t, "editor", output(t, a.row(res.id(t, "beside"))), "workflows beside pb_data; the field role")
	user.Set("roles", "first")
	require.NoError(t, a.Save(user))
	require.Equal(t, "first", output(t, a.row(a.create("?triggerWorkflows=beside", nil).id(t, "beside"))), "roles comes before role")
}

// TestConfig_RoleFields: the list is the plugin's own copy.
func TestConfig_RoleFields(t *testing.T) {
	t.Parallel()
	fields := []string{"name", "role"}
	a := newApp(t, plugin.Config{RoleFields: fields}, one(`
workflow("role", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.roleName);`))
	fields[0] = "role"
	require.Equal(t, "test1", said(a, "role"))
}

// TestConfig_WorkflowsDir: a folder that is not there is empty, a file is no
// folder.
func TestConfig_WorkflowsDir(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{WorkflowsDir: filepath.Join(t.TempDir(), "nothing")}, nil)
	require.Equal(t, "hello=unknown", said(a, "hello"))

	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	testApp := newTestApp(t, plugin.Config{WorkflowsDir: path}, nil)
	t.Cleanup(testApp.Cleanup)
	err := testApp.OnServe().Trigger(&core.ServeEvent{App: testApp}, func(*core.ServeEvent) error { return nil })
	require.ErrorContains(t, err, path)
}

// TestConfig_TwoApps: two apps in one process know nothing of each other.
func TestConfig_TwoApps(t *testing.T) {
	t.Parallel()
	left := newApp(t, plugin.Config{}, one(saying("shared", "left", "")+saying("onlyLeft", "left", "")))
	right := newApp(t, plugin.Config{Strict: true}, one(saying("shared", "right", "")+saying("onlyRight", "right", "")))
	require.NotSame(t, plugin.Get(left.TestApp), plugin.Get(right.TestApp))

	require.Equal(t, "left", said(left, "shared"))
	require.Equal(t, "right", said(right, "shared"))
	require.Equal(t, "onlyRight=unknown", said(left, "onlyRight"))
	require.Equal(t, http.StatusBadRequest, right.create("?triggerWorkflows=onlyLeft", nil).StatusCode, "strict there only")
	require.Nil(t, workflowRow(right, "onlyLeft"))

	id := left.rows("shared")[0].Id
	_, err := left.plugin.Find(context.Background(), id)
	require.NoError(t, err)
	_, err = right.plugin.Find(context.Background(), id)
	require.ErrorIs(t, err, plugin.ErrNotFound)

	flip(left, "shared", false)
	require.Equal(t, "shared=disabled", said(left, "shared"))
	require.Equal(t, "right", said(right, "shared"))

	left.write("all.js", saying("onlyLeft", "changed", ""))
	reloaded(left)
	require.Equal(t, "shared=unknown", said(left, "shared"))
	require.Equal(t, "right", said(right, "shared"))

	left.plugin.Pause()
	t.Cleanup(left.plugin.Resume)
	require.Equal(t, "right", said(right, "shared"))
	id = left.create("?triggerWorkflows=onlyLeft", nil).id(t, "onlyLeft")
	waiting, err := left.plugin.Find(context.Background(), id)
	require.NoError(t, err)
	require.Equal(t, "queued", waiting.Status)
}

// TestConfig_NothingStays: a terminated app leaves no goroutine behind. Not
// parallel: it counts those of the process.
func TestConfig_NothingStays(t *testing.T) {
	life := func() {
		testApp := newTestApp(t, plugin.Config{}, one(saying("hello", "hi", "")+`
workflow("waited", { on: { type: "action", collection: "posts" }, mode: "sync" }, (ctx) => 1);
workflow("slow", { on: { type: "action", collection: "posts" } }, (ctx) => { sleep(200); });`))
		a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
		a.serve()
		require.Equal(t, "hi", said(a, "hello"))
		a.create("?triggerWorkflows=slow,waited", nil) // one still runs
		testApp.Cleanup()
	}
	life() // what PocketBase starts once per process
	before := runtime.NumGoroutine()
	for range 2 {
		life()
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		// Less the one in which this condition runs.
		assert.LessOrEqual(c, runtime.NumGoroutine()-1, before)
	}, soon, glance)
}
