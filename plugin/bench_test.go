package plugin_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// connections is how many clients the benchmarks run side by side.
const connections = 8

// effectWorkflow saves one record, exactly once.
const effectWorkflow = `
workflow("effect", { on: { type: "action", collection: "bench" }, rule: "" }, (ctx) => {
    ctx.step.transaction("save", (txApp) => {
        const log = new Record(txApp.findCollectionByNameOrId("bench_logs"));
        log.set("message", "post " + ctx.data.id);
        txApp.save(log);
    });
});
`

// effectHook has the same effect as a hook, which keeps nothing.
const effectHook = `
onRecordAfterCreateSuccess((e) => {
    const log = new Record($app.findCollectionByNameOrId("bench_logs"));
    log.set("message", "post " + e.record.id);
    $app.save(log);
    return e.next();
}, "bench");
`

// benchApp is a server on loopback.
type benchApp struct {
	*tests.TestApp
	plugin *plugin.Plugin
	url    string
}

// benchSetup says what an app of the benchmark has.
type benchSetup struct {
	plugin    bool
	workflows map[string]string
	hook      string
	// bare wraps creates in a transaction and does nothing else.
	bare bool
}

func newBenchApp(b *testing.B, setup benchSetup) *benchApp {
	b.Helper()
	app := realApp(b, testData())
	b.Cleanup(app.Cleanup)
	for _, name := range []string{"bench", "bench_logs"} {
		c := core.NewBaseCollection(name)
		c.Fields.Add(&core.TextField{Name: "title"}, &core.TextField{Name: "message"}, &core.AutodateField{Name: "created", OnCreate: true})
		c.ListRule, c.ViewRule, c.CreateRule = types.Pointer(""), types.Pointer(""), types.Pointer("")
		require.NoError(b, app.Save(c))
	}
	out := &benchApp{TestApp: app}
	if setup.plugin {
		dir := b.TempDir()
		for name, source := range setup.workflows {
			require.NoError(b, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
		}
		plugin.MustRegister(app, plugin.Config{WorkflowsDir: dir})
		out.plugin = plugin.Get(app)
	}
	if setup.bare {
		app.OnRecordCreateRequest().BindFunc(func(e *core.RecordRequestEvent) error {
			outer := e.App
			defer func() { e.App = outer }()
			return outer.RunInTransaction(func(tx core.App) error {
				e.App = tx
				return e.Next()
			})
		})
	}
	if setup.hook != "" {
		dir := b.TempDir()
		require.NoError(b, os.WriteFile(filepath.Join(dir, "main.pb.js"), []byte(setup.hook), 0o600))
		require.NoError(b, jsvm.Register(app, jsvm.Config{HooksDir: dir, MigrationsDir: b.TempDir(), TypesDir: b.TempDir(), HooksPoolSize: 15}))
	}
	router, err := apis.NewRouter(app)
	require.NoError(b, err)
	event := &core.ServeEvent{App: app, Router: router}
	event.Listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	require.NoError(b, app.OnServe().Trigger(event, func(e *core.ServeEvent) error {
		mux, err := e.Router.BuildMux()
		if err != nil {
			return err
		}
		server := &httptest.Server{Listener: e.Listener, Config: &http.Server{Handler: mux}}
		server.Start()
		b.Cleanup(server.Close)
		out.url = server.URL
		return nil
	}))
	return out
}

// load sends n creates over all connections and returns their latencies.
func (a *benchApp) load(b *testing.B, n int, query string) []time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var next atomic.Int64
	parts := make([][]time.Duration, connections)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				body := bytes.NewReader([]byte(`{"title":"A benchmark post"}`))
				start := time.Now()
				res, err := client.Post(a.url+"/api/collections/bench/records"+query, "application/json", body)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				parts[i] = append(parts[i], time.Since(start))
				if res.StatusCode != http.StatusOK {
					b.Errorf("status %d", res.StatusCode)
					return
				}
			}
		})
	}
	wg.Wait()
	return slices.Concat(parts...)
}

func report(b *testing.B, latencies []time.Duration, elapsed time.Duration) {
	b.Helper()
	slices.Sort(latencies)
	b.ReportMetric(float64(len(latencies))/elapsed.Seconds(), "req/s")
	b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

func benchCreate(b *testing.B, setup benchSetup, query string, prepare func(*benchApp), finish func(*benchApp)) {
	b.Helper()
	app := newBenchApp(b, setup)
	app.load(b, 200, query) // warm
	if prepare != nil {
		prepare(app)
	}
	b.ResetTimer()
	cpu := cpuTime()
	start := time.Now()
	latencies := app.load(b, b.N, query)
	elapsed := time.Since(start)
	if finish != nil {
		finish(app)
		b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "done/s")
	}
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
	report(b, latencies, elapsed)
}

// cpuTime is what this process has used of all cores: less noisy than the clock
// on a machine that does other things too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCreate compares, over HTTP on loopback with 8 connections:
//
//	plain       a create in an app without the plugin
//	bare        a create that PocketBase runs in a transaction, without the
//	            plugin: what any durable enqueue costs at least
//	unnamed     a create that names nothing in an app with 50 workflows
//	accepted    a create with triggerWorkflows, the queue paused
//	completed   the same with the queue running; done/s counts until the last
//	            execution has completed
//	hook        the same effect as a pb_hooks handler, which keeps nothing
func BenchmarkCreate(b *testing.B) {
	fifty := map[string]string{}
	for i := range 50 {
		fifty[fmt.Sprintf("w%02d.js", i)] = fmt.Sprintf(`workflow("w%02d", { on: { type: "action", collection: "bench" } }, (ctx) => {});`, i)
	}
	effect := map[string]string{"effect.js": effectWorkflow}
	drain := func(a *benchApp) { require.NoError(b, a.plugin.Drain(b.Context())) }

	b.Run("plain", func(b *testing.B) { benchCreate(b, benchSetup{}, "", nil, nil) })
	b.Run("bare", func(b *testing.B) { benchCreate(b, benchSetup{bare: true}, "", nil, nil) })
	b.Run("unnamed", func(b *testing.B) { benchCreate(b, benchSetup{plugin: true, workflows: fifty}, "", nil, nil) })
	b.Run("accepted", func(b *testing.B) {
		benchCreate(b, benchSetup{plugin: true, workflows: effect}, "?triggerWorkflows=effect", func(a *benchApp) {
			drain(a)
			a.plugin.Pause()
		}, nil)
	})
	b.Run("completed", func(b *testing.B) {
		benchCreate(b, benchSetup{plugin: true, workflows: effect}, "?triggerWorkflows=effect", drain, drain)
	})
	b.Run("hook", func(b *testing.B) { benchCreate(b, benchSetup{hook: effectHook}, "", nil, nil) })
}
