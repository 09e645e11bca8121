package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// The records every test app starts with.
const (
	newsID   = "category0000001"
	goTagID  = "tag000000000001"
	jsTagID  = "tag000000000002"
	secretID = "vault0000000001"
	// fullID is a post with a category, two tags and a vault; bareID has none.
	fullID = "post00000000001"
	bareID = "post00000000002"
)

// app is a PocketBase test app with the plugin, the test schema and a handler
// for requests.
type app struct {
	*tests.TestApp
	t       testing.TB
	dir     string // of the workflow files
	handler http.Handler
	plugin  *plugin.Plugin
}

// files are workflow files by name.
type files map[string]string

// one is a folder with one file.
func one(source string) files { return files{"all.js": source} }

var templateDir string

// template is the data folder that every test app starts from a copy of: making
// the collections anew takes seconds with the race detector.
var template = sync.OnceValues(func() (dir string, err error) {
	testApp, err := tests.NewTestApp()
	if err != nil {
		return "", err
	}
	defer testApp.Cleanup()
	if err := addSchema(testApp); err != nil {
		return "", err
	}
	if err := plugin.Register(testApp, plugin.Config{WorkflowsDir: filepath.Join(testApp.DataDir(), "none")}); err != nil {
		return "", err
	}
	serve := func(*core.ServeEvent) error { return nil }
	router, err := apis.NewRouter(testApp)
	if err != nil {
		return "", err
	}
	if err := testApp.OnServe().Trigger(&core.ServeEvent{App: testApp, Router: router}, serve); err != nil {
		return "", err
	}
	if err := testApp.OnTerminate().Trigger(&core.TerminateEvent{App: testApp}); err != nil {
		return "", err
	}
	if err := testApp.ResetBootstrapState(); err != nil { // closes the databases
		return "", err
	}
	if templateDir, err = os.MkdirTemp("", "workflows_template_"); err != nil {
		return "", err
	}
	return templateDir, os.CopyFS(templateDir, os.DirFS(testApp.DataDir()))
})

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(templateDir)
	os.Exit(code)
}

// testData is PocketBase's own test data folder.
func testData() string {
	pc := reflect.ValueOf(tests.NewTestApp).Pointer()
	file, _ := runtime.FuncForPC(pc).FileLine(pc)
	return filepath.Join(filepath.Dir(file), "data")
}

// realApp is an app as users have it: PocketBase's TestApp has handlers on every
// hook, which costs time and keeps writes from going the short way.
func realApp(tb testing.TB, data string) *tests.TestApp {
	tb.Helper()
	dir, err := tests.TempDirClone(data)
	require.NoError(tb, err)
	base := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	require.NoError(tb, base.Bootstrap())
	require.NoError(tb, base.RunAllMigrations())
	base.Settings().Logs.MaxDays = 0 // else they are written after the test
	return &tests.TestApp{BaseApp: base, TestMailer: &tests.TestMailer{}}
}

// newTestApp makes the app without serving it.
func newTestApp(tb testing.TB, config plugin.Config, sources files) *tests.TestApp {
	tb.Helper()
	data, err := template()
	require.NoError(tb, err)
	return withPlugin(tb, realApp(tb, data), config, sources)
}

// newHookedApp is newTestApp with a handler on every hook of PocketBase, as if
// hooks of the host listened to all writes.
func newHookedApp(tb testing.TB, config plugin.Config, sources files) *tests.TestApp {
	tb.Helper()
	data, err := template()
	require.NoError(tb, err)
	testApp, err := tests.NewTestApp(data)
	require.NoError(tb, err)
	return withPlugin(tb, testApp, config, sources)
}

func withPlugin(tb testing.TB, testApp *tests.TestApp, config plugin.Config, sources files) *tests.TestApp {
	tb.Helper()
	if config.WorkflowsDir == "" {
		config.WorkflowsDir = tb.TempDir()
	}
	for name, source := range sources {
		path := filepath.Join(config.WorkflowsDir, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(tb, os.WriteFile(path, []byte(source), 0o600))
	}
	require.NoError(tb, plugin.Register(testApp, config))
	return testApp
}

// newApp makes and serves the app; the test's end stops it.
func newApp(tb testing.TB, config plugin.Config, sources files) *app {
	tb.Helper()
	if config.WorkflowsDir == "" {
		config.WorkflowsDir = tb.TempDir()
	}
	testApp := newTestApp(tb, config, sources)
	tb.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: tb, dir: config.WorkflowsDir, plugin: plugin.Get(testApp)}
	a.serve()
	return a
}

func (a *app) serve() {
	a.t.Helper()
	router, err := apis.NewRouter(a.TestApp)
	require.NoError(a.t, err)
	require.NoError(a.t, a.OnServe().Trigger(&core.ServeEvent{App: a.TestApp, Router: router}, func(e *core.ServeEvent) error {
		a.handler, err = e.Router.BuildMux()
		return err
	}))
}

func (a *app) write(name, source string) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(filepath.Join(a.dir, name), []byte(source), 0o600))
}

// addSchema adds the collections of the tests and their records.
func addSchema(testApp core.App) error {
	open := types.Pointer("")
	var errs []error
	add := func(name string, rules *string, fields ...core.Field) *core.Collection {
		c := core.NewBaseCollection(name)
		c.Fields.Add(fields...)
		c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule = rules, rules, rules, rules, rules
		errs = append(errs, testApp.Save(c))
		return c
	}
	title := func() core.Field { return &core.TextField{Name: "title", Required: true} }
	categories := add("categories", open, title())
	tags := add("tags", open, title())
	vaults := add("vaults", nil, title())
	add("logs", nil, &core.TextField{Name: "message"})
	posts := add("posts", open, title(),
		&core.TextField{Name: "slug"},
		&core.TextField{Name: "secret", Hidden: true},
		&core.FileField{Name: "file", MaxSelect: 1},
		&core.RelationField{Name: "category", CollectionId: categories.Id, MaxSelect: 1},
		&core.RelationField{Name: "tags", CollectionId: tags.Id, MaxSelect: 999},
		&core.RelationField{Name: "vault", CollectionId: vaults.Id, MaxSelect: 1},
	)
	add("comments", open, &core.TextField{Name: "content"}, &core.RelationField{Name: "post", CollectionId: posts.Id, MaxSelect: 1})

	users, err := testApp.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.Add(&core.SelectField{Name: "role", Values: []string{"editor", "member"}, MaxSelect: 2})
	users.CreateRule, users.UpdateRule = open, open
	errs = append(errs, testApp.Save(users))
	user, err := testApp.FindAuthRecordByEmail("users", "test@example.com")
	if err != nil {
		return err
	}
	user.Set("role", []string{"editor", "member"})
	errs = append(errs, testApp.Save(user))

	for _, r := range []struct {
		collection string
		values     map[string]any
	}{
		{"categories", map[string]any{"id": newsID, "title": "News"}},
		{"tags", map[string]any{"id": goTagID, "title": "Go"}},
		{"tags", map[string]any{"id": jsTagID, "title": "JS"}},
		{"vaults", map[string]any{"id": secretID, "title": "Secret"}},
		{"posts", map[string]any{"id": fullID, "title": "Full", "category": newsID, "tags": []string{goTagID, jsTagID}, "vault": secretID}},
		{"posts", map[string]any{"id": bareID, "title": "Bare"}},
	} {
		_, err := newRecord(testApp, r.collection, r.values)
		errs = append(errs, err)
	}
	testApp.Settings().Batch.Enabled = true
	testApp.Settings().Batch.MaxRequests = 50
	errs = append(errs, testApp.Save(testApp.Settings()))
	return errors.Join(errs...)
}

func newRecord(testApp core.App, collection string, values map[string]any) (*core.Record, error) {
	c, err := testApp.FindCollectionByNameOrId(collection)
	if err != nil {
		return nil, err
	}
	r := core.NewRecord(c)
	r.Load(values)
	return r, testApp.Save(r)
}

func record(tb testing.TB, testApp core.App, collection string, values map[string]any) *core.Record {
	tb.Helper()
	r, err := newRecord(testApp, collection, values)
	require.NoError(tb, err)
	return r
}

// token is of the user ("user"), of a superuser ("super") or none ("").
func token(tb testing.TB, testApp core.App, who string) string {
	tb.Helper()
	collection, email := "users", "test@example.com"
	switch who {
	case "":
		return ""
	case "super":
		collection = core.CollectionNameSuperusers
	}
	r, err := testApp.FindAuthRecordByEmail(collection, email)
	require.NoError(tb, err)
	out, err := r.NewAuthToken()
	require.NoError(tb, err)
	return out
}

// answer is a response, read.
type answer struct {
	*http.Response
	body string
}

func (r answer) executions() string { return r.Header.Get("X-Workflow-Executions") }
func (r answer) skipped() string    { return r.Header.Get("X-Workflow-Skipped") }

// id is the execution's id in "key=id" for the only entry of key.
func (r answer) id(tb testing.TB, key string) string {
	tb.Helper()
	for _, entry := range strings.Split(r.executions(), ", ") {
		if name, id, ok := strings.Cut(entry, "="); ok && name == key {
			return id
		}
	}
	require.Failf(tb, "not started", "%s in %q (skipped: %q, %d %s)", key, r.executions(), r.skipped(), r.StatusCode, r.body)
	return ""
}

// data decodes the body.
func (r answer) data(tb testing.TB) map[string]any {
	tb.Helper()
	var out map[string]any
	require.NoErrorf(tb, json.Unmarshal([]byte(r.body), &out), "%s", r.body)
	return out
}

// send makes a request as who; body is JSON or an io.Reader with its own
// Content-Type in headers.
func (a *app) send(who, method, url string, body any, headers ...string) answer {
	a.t.Helper()
	var reader io.Reader
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case io.Reader:
		reader = b
	default:
		raw, err := json.Marshal(b)
		require.NoError(a.t, err)
		reader = bytes.NewReader(raw)
	}
	request := httptest.NewRequest(method, url, reader)
	request.Header.Set("Content-Type", contentType)
	if who != "" {
		request.Header.Set("Authorization", token(a.t, a.TestApp, who))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	a.handler.ServeHTTP(recorder, request)
	res := recorder.Result()
	raw, err := io.ReadAll(res.Body)
	require.NoError(a.t, err)
	return answer{res, string(raw)}
}

// create makes a post as the user.
func (a *app) create(query string, body map[string]any) answer {
	a.t.Helper()
	if body == nil {
		body = map[string]any{}
	}
	if body["title"] == nil {
		body["title"] = "A post"
	}
	return a.send("user", http.MethodPost, "/api/collections/posts/records"+query, body)
}

// drain waits until every execution has ended.
func (a *app) drain() {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(a.t, a.plugin.Drain(ctx))
}

// row is an execution's row once everything has ended.
func (a *app) row(id string) *core.Record {
	a.t.Helper()
	a.drain()
	r, err := a.FindRecordById("_workflowExecutions", id)
	require.NoError(a.t, err)
	return r
}

// rows are all executions of a workflow, in order.
func (a *app) rows(key string) []*core.Record {
	a.t.Helper()
	a.drain()
	out, err := a.FindRecordsByFilter("_workflowExecutions", "workflow = {:key}", "id", 0, 0, map[string]any{"key": key})
	require.NoError(a.t, err)
	return out
}

// count is how many records a collection has.
func (a *app) count(collection string) int {
	a.t.Helper()
	n, err := a.CountRecords(collection)
	require.NoError(a.t, err)
	return int(n)
}

// output decodes what an execution returned.
func output(tb testing.TB, r *core.Record) any {
	tb.Helper()
	var out any
	require.NoErrorf(tb, json.Unmarshal([]byte(r.GetString("output")), &out), "%s: %s", r.GetString("status"), r.GetString("error"))
	return out
}

// noHook is a hook of the host that does nothing.
func noHook(e *core.RecordEvent) error { return e.Next() }
