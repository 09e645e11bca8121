package plugin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// deliveries are webhooks that know a delivery again.
const deliveries = `
const none = { type: "none" };
workflow("async", { on: { type: "webhook", auth: none } }, (ctx) => ctx.data);
workflow("other", { on: { type: "webhook", auth: none } }, (ctx) => ctx.data);
workflow("named", { on: { type: "webhook", auth: none, deliveryHeader: "X-Delivery" } }, (ctx) => ctx.data);
workflow("answers", { on: { type: "webhook", auth: none, response: { status: 200, headers: { "X-A": "b" }, body: { ok: true } } } }, (ctx) => ctx.data);
workflow("empty", { on: { type: "webhook", auth: none, response: { status: 204 } } }, (ctx) => ctx.data);
workflow("blank", { on: { type: "webhook", auth: none, response: { body: "" } } }, (ctx) => ctx.data);
workflow("sync", { on: { type: "webhook", auth: none }, mode: "sync" }, (ctx) => {
    ctx.respond("hello");
    ctx.respondWith({ status: 201, headers: { "X-A": "b", "Content-Type": "application/problem+json" }, body: { random: Math.random() } });
});
workflow("output", { on: { type: "webhook", auth: none }, mode: "sync" }, (ctx) => ({ random: Math.random() }));
workflow("fails", { on: { type: "webhook", auth: none }, mode: "sync" }, (ctx) => ctx.fail("no"));
workflow("throws", { on: { type: "webhook", auth: none }, mode: "sync" }, (ctx) => { throw new Error("bug " + Math.random()); });
`

// TestWebhook_Delivery: the same delivery starts one execution, whose answer is
// that of every request.
func TestWebhook_Delivery(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(deliveries))
	for key, status := range map[string]int{
		"async": 202, "answers": 200, "empty": 204, "blank": 202, "sync": 201, "output": 200, "fails": 400, "throws": 500,
	} {
		t.Run(key, func(t *testing.T) {
			first := a.send("", "POST", hookURL(key), `{"n":1}`, keyHeader, "delivery-1")
			require.Equal(t, status, first.StatusCode, first.body)
			for _, body := range []string{`{"n":1}`, `{"n":2}`} { // what it says now does not count
				again := a.send("", "POST", hookURL(key), body, keyHeader, "delivery-1")
				requireReplay(t, first, again)
				require.Equal(t, first.Header.Get("X-A"), again.Header.Get("X-A"))
			}
			require.Len(t, a.rows(key), 1)
			next := a.send("", "POST", hookURL(key), `{"n":3}`, keyHeader, "delivery-2")
			require.Empty(t, next.Header.Get("Idempotency-Replayed"))
			require.NotEqual(t, first.executions(), next.executions())
			for range 2 {
				require.Empty(t, a.send("", "POST", hookURL(key), `{"n":3}`).Header.Get("Idempotency-Replayed"), "without a name each is one of its own")
			}
			require.Len(t, a.rows(key), 4)
		})
	}
	t.Run("answers of an async one", func(t *testing.T) {
		res := a.send("", "POST", hookURL("answers"), `{}`)
		require.Equal(t, `{"ok":true}`, res.body)
		require.Equal(t, "application/json", res.Header.Get("Content-Type"))
		require.Equal(t, "b", res.Header.Get("X-A"))
		for _, key := range []string{"empty", "blank"} {
			res = a.send("", "POST", hookURL(key), `{}`)
			require.Empty(t, res.body)
			require.NotContains(t, res.Header.Get("Content-Type"), "json")
			res.id(t, key)
		}
	})
	t.Run("another workflow has deliveries of its own", func(t *testing.T) {
		res := a.send("", "POST", hookURL("other"), `{}`, keyHeader, "delivery-1")
		require.Empty(t, res.Header.Get("Idempotency-Replayed"))
		res.id(t, "other")
	})
	t.Run("a header of its own", func(t *testing.T) {
		first := a.send("", "POST", hookURL("named"), `{}`, "X-Delivery", "a")
		requireReplay(t, first, a.send("", "POST", hookURL("named"), `{}`, "X-Delivery", "a", keyHeader, "other"))
		require.Empty(t, a.send("", "POST", hookURL("named"), `{}`, keyHeader, "a").Header.Get("Idempotency-Replayed"))
	})
	t.Run("a request with a key is no delivery", func(t *testing.T) {
		res := a.keyed("delivery-1", "", "POST", "/api/collections/posts/records", `{"title":"A"}`)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.Empty(t, res.Header.Get("Idempotency-Replayed"))
	})
	t.Run("what is stored names neither delivery nor body", func(t *testing.T) {
		for _, r := range a.remembered() {
			require.NotContains(t, r.GetString("digest")+r.GetString("fingerprint")+r.GetString("record"), "delivery")
		}
	})
	t.Run("forgotten after a day", func(t *testing.T) {
		first := a.send("", "POST", hookURL("async"), `{}`, keyHeader, "old")
		a.execute(`UPDATE _workflowRequests SET created = '` + time.Now().UTC().Add(-23*time.Hour-59*time.Minute).Format("2006-01-02 15:04:05.000Z") + `'`)
		requireReplay(t, first, a.send("", "POST", hookURL("async"), `{}`, keyHeader, "old"))
		a.execute(`UPDATE _workflowRequests SET created = '` + time.Now().UTC().Add(-25*time.Hour).Format("2006-01-02 15:04:05.000Z") + `'`)
		require.Empty(t, a.send("", "POST", hookURL("async"), `{}`, keyHeader, "old").Header.Get("Idempotency-Replayed"))
	})
	t.Run("the answer outlives the execution", func(t *testing.T) {
		first := a.send("", "POST", hookURL("sync"), `{}`, keyHeader, "deleted")
		r, err := a.FindRecordById("_workflowExecutions", first.id(t, "sync"))
		require.NoError(t, err)
		require.NoError(t, a.Delete(r))
		requireReplay(t, first, a.send("", "POST", hookURL("sync"), `{}`, keyHeader, "deleted"))
	})
	t.Run("lost with the execution where nobody remembers it", func(t *testing.T) {
		first := a.send("", "POST", hookURL("sync"), `{}`, keyHeader, "lost")
		a.execute(`UPDATE _workflowRequests SET status = 0, body = ''`)
		requireSameAnswer(t, first, a.send("", "POST", hookURL("sync"), `{}`, keyHeader, "lost")) // from the execution
		a.execute(`UPDATE _workflowRequests SET status = 0, body = ''`)
		r, err := a.FindRecordById("_workflowExecutions", first.id(t, "sync"))
		require.NoError(t, err)
		require.NoError(t, a.Delete(r))
		res := a.send("", "POST", hookURL("sync"), `{}`, keyHeader, "lost")
		require.Equal(t, 409, res.StatusCode, res.body)
		require.Contains(t, res.body, "idempotency_answer_lost")
		require.Len(t, a.rows("sync"), 4, "nothing is started again")
	})
}

func requireSameAnswer(t *testing.T, first, again answer) {
	t.Helper()
	requireReplay(t, first, again)
	require.Equal(t, first.Header.Get("X-A"), again.Header.Get("X-A"))
}

// TestWebhook_DeliveryOfPresets: GitHub and Stripe name theirs in their own ways.
func TestWebhook_DeliveryOfPresets(t *testing.T) {
	secretsSet(t)
	a := newApp(t, plugin.Config{}, one(`
workflow("github", { on: { type: "webhook", auth: { type: "hmac", preset: "github", secretEnv: "WEBHOOK_GITHUB" } } }, (ctx) => ctx.params.headers["x-github-event"] + " " + ctx.data.action);
workflow("stripe", { on: { type: "webhook", auth: { type: "hmac", preset: "stripe", secretEnv: "WEBHOOK_STRIPE" } } }, (ctx) => ctx.data.type);`))
	gitHub := func(delivery, body string) answer {
		return a.send("", "POST", hookURL("github"), body, "X-Hub-Signature-256", "sha256="+hexSigned(gitHubSecret, body), "X-GitHub-Delivery", delivery, "X-GitHub-Event", "issues")
	}
	first := gitHub("72d3162e-cc78-11e3-81ab-4c9367dc0958", `{"action":"opened"}`)
	requireReplay(t, first, gitHub("72d3162e-cc78-11e3-81ab-4c9367dc0958", `{"action":"opened"}`))
	require.Equal(t, "issues opened", output(t, a.row(first.id(t, "github"))))
	require.Empty(t, gitHub("other", `{"action":"opened"}`).Header.Get("Idempotency-Replayed"))
	t.Run("a delivery without a right signature is told nothing", func(t *testing.T) {
		res := a.send("", "POST", hookURL("github"), `{}`, "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
		require.Equal(t, 401, res.StatusCode)
		require.Empty(t, res.executions())
	})

	stripe := func(at time.Time, body string) answer {
		return a.send("", "POST", hookURL("stripe"), body, "Stripe-Signature", stripeHeader(at, body, stripeSecret))
	}
	now := time.Now()
	first = stripe(now, `{"id":"evt_1","type":"charge.succeeded","pending_webhooks":2}`)
	require.Equal(t, "charge.succeeded", output(t, a.row(first.id(t, "stripe"))))
	requireReplay(t, first, stripe(now.Add(-time.Minute), `{"id":"evt_1","type":"charge.succeeded","pending_webhooks":1}`))
	require.Empty(t, stripe(now, `{"id":"evt_2","type":"x"}`).Header.Get("Idempotency-Replayed"))
	t.Run("without an event the signature names it", func(t *testing.T) {
		first := stripe(now, `{"type":"x"}`)
		requireReplay(t, first, stripe(now, `{"type":"x"}`))
		require.Empty(t, stripe(now.Add(-time.Minute), `{"type":"x"}`).Header.Get("Idempotency-Replayed"))
	})
}

// TestWebhook_DeliveryAtOnce: two requests of one delivery that are there at the
// same time start one execution.
func TestWebhook_DeliveryAtOnce(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(deliveries))
	for _, key := range []string{"async", "sync"} {
		t.Run(key, func(t *testing.T) {
			answers := make([]answer, 20)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() {
					request := httptest.NewRequest("POST", hookURL(key), strings.NewReader(`{}`))
					request.Header.Set("Content-Type", "application/json")
					request.Header.Set(keyHeader, "at-once")
					recorder := httptest.NewRecorder()
					a.handler.ServeHTTP(recorder, request)
					answers[i] = answer{recorder.Result(), recorder.Body.String()}
				})
			}
			wg.Wait()
			require.Len(t, a.rows(key), 1)
			firsts := 0
			for _, res := range answers {
				require.Equal(t, answers[0].StatusCode, res.StatusCode)
				require.Equal(t, answers[0].body, res.body)
				if res.Header.Get("Idempotency-Replayed") == "" {
					firsts++
				}
			}
			require.Equal(t, 1, firsts)
		})
	}
}

// TestWebhook_DeliveryAfterRestart: what was delivered is known to the next
// process.
func TestWebhook_DeliveryAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := newTestApp(t, plugin.Config{WorkflowsDir: dir}, one(deliveries))
	a := &app{TestApp: first, t: t, dir: dir, plugin: plugin.Get(first)}
	a.serve()
	before := map[string]answer{}
	for _, key := range []string{"async", "answers", "sync", "fails"} {
		before[key] = a.send("", "POST", hookURL(key), `{}`, keyHeader, "d")
	}
	a.drain()
	require.NoError(t, first.OnTerminate().Trigger(&core.TerminateEvent{App: first}))
	data, err := tests.TempDirClone(first.DataDir())
	require.NoError(t, err)
	first.Cleanup()

	second := withPlugin(t, realApp(t, data), plugin.Config{WorkflowsDir: dir}, nil)
	t.Cleanup(second.Cleanup)
	b := &app{TestApp: second, t: t, dir: dir, plugin: plugin.Get(second)}
	b.serve()
	for key, res := range before {
		requireSameAnswer(t, res, b.send("", "POST", hookURL(key), `{}`, keyHeader, "d"))
		require.Len(t, b.rows(key), 1)
	}
}

// TestWebhook_Options: what holds for every workflow holds for these.
func TestWebhook_Options(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "webhook", auth: { type: "none" } };
const wait = (ctx) => { ctx.step.waitForEvent("go", { event: "go" }); };
workflow("skips", { on, dedup: "data.id" }, wait);
workflow("skips-sync", { on, mode: "sync", dedup: "params.query.id" }, wait);
workflow("returns", { on, dedup: { key: "params.body.id", policy: "return" } }, wait);
workflow("replaces", { on, dedup: { key: "data.id", policy: "replace" } }, wait);
workflow("one", { on, concurrency: { limit: 1, key: "data.id" } }, wait);
workflow("again", { on, mode: "sync" }, (ctx) => {
    const res = $http.send({ url: ctx.data.url, method: "POST", body: JSON.stringify(ctx.data), headers: { "content-type": "application/json" } });
    return { status: res.statusCode, skipped: res.headers["X-Workflow-Skipped"] };
});
workflow("first", { on, mode: "sync" }, (ctx) => {
    const res = $http.send({ url: ctx.data.url, method: "POST", body: "{}", headers: { "content-type": "application/json" } });
    return res.json.execution;
});
workflow("second", { on }, (ctx) => ctx.execution.parent);
`))
	post := func(key string, headers ...string) answer {
		return a.send("", "POST", hookURL(key), `{"id":"x"}`, headers...)
	}
	t.Run("dedup", func(t *testing.T) {
		id := post("skips").id(t, "skips")
		res := post("skips", keyHeader, "d")
		require.Equal(t, 202, res.StatusCode)
		require.Equal(t, "skips=duplicate", res.skipped())
		require.JSONEq(t, `{"execution":"`+id+`"}`, res.body)
		requireReplay(t, res, post("skips", keyHeader, "d"))
		require.Empty(t, a.send("", "POST", hookURL("skips"), `{"id":"y"}`).skipped())

		release := make(chan answer)
		go func() { release <- a.send("", "POST", hookURL("skips-sync")+"?id=1", `{}`) }()
		var waiting []*core.Record
		require.Eventually(t, func() bool {
			var err error
			waiting, err = a.FindRecordsByFilter("_workflowExecutions", "workflow = 'skips-sync' && status = 'waiting'", "", 0, 0)
			return err == nil && len(waiting) == 1
		}, soon, glance)
		res = a.send("", "POST", hookURL("skips-sync")+"?id=1", `{}`)
		require.Equal(t, 202, res.StatusCode, "it does not wait for the other one")
		require.Equal(t, "skips-sync=duplicate", res.skipped())
		require.Equal(t, 200, a.send("super", "POST", "/api/workflows/executions/"+waiting[0].Id+"/events/go", `1`).StatusCode)
		require.Equal(t, 200, (<-release).StatusCode)

		id = post("returns").id(t, "returns")
		require.Equal(t, id, post("returns").id(t, "returns"))
		id = post("replaces").id(t, "replaces")
		require.NotEqual(t, id, post("replaces").id(t, "replaces"))
		a.becomes(id, "canceled")
	})
	t.Run("concurrency", func(t *testing.T) {
		first, second := post("one").id(t, "one"), post("one").id(t, "one")
		a.becomes(first, "waiting")
		require.Equal(t, "queued", a.status(second))
		require.Equal(t, 200, a.send("super", "POST", "/api/workflows/executions/"+first+"/events/go", `1`).StatusCode)
		a.becomes(second, "waiting")
	})
	t.Run("started by a script", func(t *testing.T) {
		server := httptest.NewServer(a.handler)
		defer server.Close()
		a.Settings().Meta.AppURL = server.URL // so that it is known as this server
		call := func(key, target string) answer {
			return a.send("", "POST", hookURL(key), map[string]any{"url": server.URL + hookURL(target)})
		}
		res := call("again", "again")
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		require.JSONEq(t, `{"status":409,"skipped":["again=recursion"]}`, res.body)
		require.Len(t, a.rows("again"), 1)
		res = call("first", "second")
		require.Equal(t, `"`+a.rows("second")[0].Id+`"`, res.body)
		require.Equal(t, `"`+res.id(t, "first")+`"`, a.rows("second")[0].GetString("output"), "it is a child")
		require.NotContains(t, a.rows("second")[0].GetString("input"), "x-workflow-parent")
	})
	t.Run("paused", func(t *testing.T) {
		require.Equal(t, 200, a.send("super", "POST", "/api/workflows/second/pause", nil).StatusCode)
		id := a.send("", "POST", hookURL("second"), `{}`).id(t, "second")
		require.Equal(t, "queued", a.status(id))
		require.Equal(t, 200, a.send("super", "POST", "/api/workflows/second/resume", nil).StatusCode)
		a.becomes(id, "completed")
	})
	t.Run("started from Go, without a request", func(t *testing.T) {
		id, err := a.plugin.Trigger(a.TestApp, "second", map[string]any{}, plugin.TriggerOptions{})
		require.NoError(t, err)
		a.becomes(id, "completed")
	})
}
