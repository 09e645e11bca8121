package dashboard_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // of the system collections
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const (
	email    = "root@example.com"
	password = "a long password"
)

// nasty is what must show as the text that it is.
const nasty = `<img src=x onerror="window.hacked = true">`

// sources are the workflows of the world.
var sources = map[string]string{
	"publish.js": `
// Publishes what was saved.
workflow("publish-post", {
    title: "Publish a post", description: "Makes the slug and tells the world.", tags: ["posts", "demo"],
    on: { type: "action", collection: "posts", actions: ["create", "update"] },
    timeout: "5m", retries: { limit: 2, delay: 10, backoff: "constant" }, concurrency: { limit: 5 },
}, (ctx) => {
    ctx.log.info("begins", { id: ctx.data.id });
    const slug = ctx.step.run("make slug", () => ctx.data.title.toLowerCase());
    ctx.step.run("flaky", () => { if (ctx.data.fail) { throw new Error("the mail server said " + ctx.data.fail) } return { sent: true, to: ["a@example.com", "b@example.com"] } });
    ctx.step.sleep("cool down", "30ms");
    return { slug, text: "x".repeat(ctx.data.big || 3) };
});`,
	"review.js": `
workflow("review-post", { title: "Review a post", tags: ["posts"], on: { type: "action", collection: "posts" } }, (ctx) => {
    ctx.step.run("prepare", () => ctx.data.title);
    const answer = ctx.step.waitForEvent("review", { event: "reviewed", timeout: "3d" });
    ctx.step.invoke("publish it", "publish-post", { data: { id: "x", title: "From a review" } });
    return answer;
});`,
	"audit.js": `
workflow("audit-posts", { title: "` + `Keep an audit log", on: { type: "action", collection: "posts", global: true, actions: ["create", "update", "delete"] }, mode: "sync" }, (ctx) => "noted");`,
	"nasty.js": `
workflow("nasty", { title: ` + "`" + nasty + "`" + `, tags: [` + "`" + nasty + "`" + `], on: { type: "action", collection: "posts" } }, (ctx) => {
    ctx.log.warn(ctx.data.html, { html: ctx.data.html });
    ctx.step.run(ctx.data.html, () => ctx.data.html);
    throw new Error(ctx.data.html);
});`,
	"broken.js": `
workflow("broken", {
    title: "A workflow that is not right",
    on: { type: "action", collection: "no_such_collection" },
}, (ctx) => {});`,
	"many.js": `workflow("many", { title: "One of many", on: { type: "action", collection: "posts" } }, (ctx) => ctx.data.n);`,
	"off.js":  `workflow("switched-off", { title: "Switched off", enabled: false, on: { type: "action", collection: "posts" } }, (ctx) => {});`,
}

// world is a server with workflows and a browser that is logged in.
type world struct {
	app     core.App
	plugin  *plugin.Plugin
	url     string
	browser *browser
	dir     string
}

func newApp(tb testing.TB) core.App {
	tb.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: tb.TempDir()})
	require.NoError(tb, app.Bootstrap())
	require.NoError(tb, app.RunAllMigrations())
	tb.Cleanup(func() { _ = app.ResetBootstrapState() })
	app.Settings().Logs.MaxDays = 0

	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	require.NoError(tb, err)
	root := core.NewRecord(superusers)
	root.SetEmail(email)
	root.SetPassword(password)
	require.NoError(tb, app.Save(root))

	posts := core.NewBaseCollection("posts")
	posts.Fields.Add(&core.TextField{Name: "title"}, &core.TextField{Name: "slug"})
	posts.ListRule, posts.ViewRule, posts.CreateRule, posts.UpdateRule = types.Pointer(""), types.Pointer(""), types.Pointer(""), types.Pointer("")
	require.NoError(tb, app.Save(posts))
	return app
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{browser: newBrowser(tb)}
	tb.Cleanup(w.browser.cancel)
	w.app = newApp(tb)
	w.dir = tb.TempDir()
	for name, source := range sources {
		w.write(tb, name, source)
	}
	require.NoError(tb, plugin.Register(w.app, plugin.Config{WorkflowsDir: w.dir}))
	w.plugin = plugin.Get(w.app)
	w.url = serve(tb, w.app)
	w.login(tb)
	return w
}

func (w *world) write(tb testing.TB, name, source string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(filepath.Join(w.dir, name), []byte(source), 0o600))
}

// serve serves the app as users do until the test's end, and returns its address.
func serve(tb testing.TB, app core.App) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	ready, done := make(chan struct{}), make(chan error, 1)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Priority: 9999999, Func: func(e *core.ServeEvent) error {
		e.Listener = listener
		defer close(ready)
		return e.Next()
	}})
	go func() { done <- apis.Serve(app, apis.ServeConfig{HttpAddr: listener.Addr().String()}) }()
	select {
	case <-ready:
	case err := <-done:
		require.FailNow(tb, "the server ended", err)
	}
	tb.Cleanup(func() {
		require.NoError(tb, app.OnTerminate().Trigger(&core.TerminateEvent{App: app}))
		<-done
	})
	return "http://" + listener.Addr().String()
}

// login does it once as a human does; all tabs share what the browser keeps.
func (w *world) login(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(w.browser.ctx, 2*patience)
	defer cancel()
	require.NoError(tb, chromedp.Do(ctx,
		chromedp.Navigate(w.url+"/_/#/login"),
		chromedp.WaitVisible(chromedp.CSS(`input[name="identity"]`)),
		chromedp.SendKeys(chromedp.CSS(`input[name="identity"]`), email),
		chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), password),
		chromedp.Click(chromedp.CSS(`.auth-with-password-form .btn.next`)),
		chromedp.WaitVisible(chromedp.CSS(`.app-header`)),
	))
}

// open opens a page of the dashboard as it looks on a desk, by day.
func (w *world) open(t *testing.T, hash string) *tab {
	t.Helper()
	return w.openAs(t, hash, look{width: 1280})
}

func (w *world) openAs(t *testing.T, hash string, l look) *tab {
	t.Helper()
	p := w.browser.open(t, w.url, l)
	p.goes(hash)
	return p
}

// starts starts a workflow.
func (w *world) starts(t *testing.T, key string, data any) string {
	t.Helper()
	id, err := w.plugin.Trigger(w.app, key, data, plugin.TriggerOptions{})
	require.NoError(t, err)
	return id
}

// runs starts a workflow and waits until it has got somewhere.
func (w *world) runs(t *testing.T, key string, data any, status string) string {
	t.Helper()
	id := w.starts(t, key, data)
	w.becomes(t, id, status)
	return id
}

func (w *world) becomes(t *testing.T, id, status string) {
	t.Helper()
	require.Eventuallyf(t, func() bool {
		x, err := w.plugin.Find(context.Background(), id)
		return err == nil && x.Status == status
	}, patience, 5*time.Millisecond, "%s becomes %s", id, status)
}

// workflow is a workflow's row.
func (w *world) workflow(t *testing.T, key string) *core.Record {
	t.Helper()
	row, err := w.app.FindFirstRecordByData("_workflows", "key", key)
	require.NoError(t, err)
	return row
}
