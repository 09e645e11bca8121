package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// trigger starts a workflow for data.
func (a *app) trigger(key string, data any) string {
	a.t.Helper()
	id, err := a.plugin.Trigger(a.TestApp, key, data, plugin.TriggerOptions{})
	require.NoError(a.t, err)
	return id
}

// status is what an execution's row says now.
func (a *app) status(id string) string {
	a.t.Helper()
	r, err := a.FindRecordById("_workflowExecutions", id)
	require.NoError(a.t, err)
	return r.GetString("status")
}

// becomes waits until an execution has a status.
func (a *app) becomes(id, status string) *core.Record {
	a.t.Helper()
	var r *core.Record
	require.Eventuallyf(a.t, func() bool {
		var err error
		r, err = a.FindRecordById("_workflowExecutions", id)
		return err == nil && r.GetString("status") == status
	}, 10*time.Second, 2*time.Millisecond, "%s %s", id, status)
	return r
}

// ends waits until an execution has ended.
func (a *app) ends(id string) *core.Record {
	a.t.Helper()
	var r *core.Record
	require.Eventually(a.t, func() bool {
		var err error
		r, err = a.FindRecordById("_workflowExecutions", id)
		return err == nil && !strings.Contains("queued running waiting", r.GetString("status"))
	}, 10*time.Second, 2*time.Millisecond)
	return r
}

// steps are the names and statuses of an execution's journal.
func (a *app) steps(id string) []string {
	a.t.Helper()
	rows, err := a.FindRecordsByFilter("_workflowSteps", "execution = {:id}", "branch,seq,name", 0, 0, map[string]any{"id": id})
	require.NoError(a.t, err)
	out := []string{}
	for _, r := range rows {
		out = append(out, r.GetString("kind")+" "+r.GetString("name")+" "+r.GetString("status"))
	}
	return out
}

// TestDurable runs each kind of step to its end, all on one server.
func TestDurable(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, options, handler string
		status, output         string
		steps                  []string
	}{
		{
			"sleep", "", `(ctx) => { const before = ctx.execution.attempt; ctx.step.sleep("nap", 30); return ctx.execution.attempt > before || ctx.execution.attempt }`,
			"completed", `2`, []string{"sleep nap completed"},
		},
		{
			"sleepUntil", "", `(ctx) => { ctx.step.sleepUntil("nap", ctx.step.run("when", () => new Date(Date.now() + 30).toISOString())); return "up" }`,
			"completed", `"up"`, []string{"run when completed", "sleepUntil nap completed"},
		},
		{
			"sleep until the past", "", `(ctx) => { ctx.step.sleepUntil("nap", "2020-01-01 00:00:00Z"); return ctx.execution.attempt }`,
			"completed", `1`, []string{"sleepUntil nap completed"},
		},
		{
			"finally and catch never see a park", "", `(ctx) => { let seen = 0; try { ctx.step.sleep("nap", 20) } catch (e) { ctx.fail("caught") } finally { seen++ } return seen }`,
			"completed", `1`, []string{"sleep nap completed"},
		},
		{
			"retry in place", "", `(ctx) => { let n = 0; return ctx.step.run("flaky", { retries: { limit: 3, delay: 5, backoff: "constant" } }, () => { if (++n < 3) { throw new Error("no " + n) } return n }) }`,
			"completed", `3`, []string{"run flaky completed"},
		},
		{
			"retries run out", `retries: { limit: 1, delay: 5 }`, `(ctx) => { ctx.step.run("flaky", () => { throw new Error("never") }) }`,
			"failed", `null`, []string{"run flaky failed"},
		},
		{
			"compensate", `retries: 1`, `(ctx) => { try { ctx.step.run("flaky", { retries: { limit: 1, delay: 1 } }, () => { throw new Error("never") }) } catch (e) { return ctx.step.run("undo", () => e.message) } }`,
			"completed", `"never"`, []string{"run flaky failed", "run undo completed"},
		},
		{
			"NonRetryableError", `retries: { limit: 5, delay: "1h" }`, `(ctx) => { ctx.step.run("once", () => { throw new NonRetryableError("stop") }) }`,
			"failed", `null`, []string{"run once failed"},
		},
		{
			"RetryAfterError", `retries: { limit: 1, delay: "1h" }`, `(ctx) => { let n = 0; return ctx.step.run("busy", () => { if (n++ == 0) { throw new RetryAfterError("busy", 10) } return n }) }`,
			"completed", `2`, []string{"run busy completed"},
		},
		{
			"step time-out", "", `(ctx) => { try { ctx.step.run("slow", { timeout: 30 }, () => { while (true) {} }) } catch (e) { return e.name + " " + (e instanceof TimeoutError) } }`,
			"completed", `"TimeoutError true"`, []string{"run slow failed"},
		},
		{
			"invoke", "", `(ctx) => ctx.step.invoke("call", "child", { data: { n: ctx.data.n } }).doubled`,
			"completed", `42`, []string{"invoke call completed"},
		},
		{
			"invoke that parks", "", `(ctx) => ctx.step.invoke("call", "child", { data: { n: 1, sleep: 20 } }).doubled`,
			"completed", `2`, []string{"invoke call completed"},
		},
		{
			"invoke that fails", "", `(ctx) => { try { ctx.step.invoke("call", "child", { data: { fail: true } }) } catch (e) { return e.message } }`,
			"completed", `"workflow \"child\" ended as failed: the child fails"`, []string{"invoke call failed"},
		},
		{
			"invoke an unknown key", "", `(ctx) => { ctx.step.invoke("call", "nobody") }`,
			"failed", `null`, []string{"invoke call failed"},
		},
		{
			"parallel all", "", `(ctx) => ctx.step.parallel("both", { a: () => ctx.step.run("x", () => 1), b: () => { ctx.step.sleep("nap", 20); return 2 } })`,
			"completed", `{"a":1,"b":2}`, []string{"parallel both completed", "branch both/a completed", "run both/a/x completed", "branch both/b completed", "sleep both/b/nap completed"},
		},
		{
			"parallel all, one fails", "", `(ctx) => ctx.step.parallel("both", { a: () => { throw new Error("a fails") }, b: () => { ctx.step.sleep("nap", "1h") } })`,
			"failed", `null`, nil,
		},
		{
			"parallel any", "", `(ctx) => ctx.step.parallel("first", [() => { throw new Error("no") }, () => ctx.step.run("x", () => "yes")], { mode: "any" })`,
			"completed", `"yes"`, nil,
		},
		{
			"parallel race", "", `(ctx) => ctx.step.parallel("first", { slow: () => { ctx.step.sleep("nap", "1h"); return "slow" }, fast: () => "fast" }, { mode: "race" })`,
			"completed", `"fast"`, nil,
		},
		{
			"parallel settled", "", `(ctx) => ctx.step.parallel("all", { good: () => 1, bad: () => { throw new TypeError("no") } }, { mode: "settled" })`,
			"completed", `{"bad":{"reason":{"message":"no","name":"TypeError"},"status":"rejected"},"good":{"status":"fulfilled","value":1}}`, nil,
		},
		{
			"nested parallel", "", `(ctx) => ctx.step.parallel("out", { a: () => ctx.step.parallel("in", { x: () => ctx.step.run("s", () => 1), y: () => { ctx.step.sleep("nap", 10); return ctx.step.run("s", () => 2) } }), b: () => 3 })`,
			"completed", `{"a":{"x":1,"y":2},"b":3}`, nil,
		},
		{
			"async branches", "", `async (ctx) => await ctx.step.parallel("both", { a: async () => { const v = await ctx.step.run("x", async () => { await null; return 1 }); return v + await ctx.step.run("y", () => 1) }, b: async () => 2 })`,
			"completed", `{"a":2,"b":2}`, nil,
		},
		{
			"async branches in a synchronous handler", "", `(ctx) => { const r = ctx.step.parallel("both", { a: async () => { await null; return ctx.step.run("x", () => 1) }, b: () => 2 }); return r.a + r.b }`,
			"completed", `3`, nil,
		},
		{
			"map", "", `(ctx) => ctx.step.map("each", [1, 2, 3], (item, i) => ctx.step.run("double", () => item * 2 + i), { concurrency: 2 })`,
			"completed", `[2,5,8]`, nil,
		},
		{
			"steps named like branches", "", `(ctx) => [ctx.step.run("p/a", () => "own"), ctx.step.parallel("p", { a: () => 1, "a/b": () => 2 }), ctx.step.parallel("p/a", { b: () => 3 }), ctx.step.run("p/a", () => "again")]`,
			"completed", `["own",{"a":1,"a/b":2},{"b":3},"again"]`, nil,
		},
		{
			"parallel in a loop", "", `(ctx) => { const out = []; for (let i = 0; i < 2; i++) { out.push(ctx.step.parallel("p", { a: () => ctx.step.run("s", () => i) }).a) } return out }`,
			"completed", `[0,1]`, nil,
		},
		{
			"ctx.fail in a branch ends the execution", "", `(ctx) => { ctx.step.parallel("p", { a: () => ctx.fail("stop") }); return 1 }`,
			"failed", `null`, nil,
		},
		{
			"execution time-out while parked", `timeout: 40`, `(ctx) => { ctx.step.sleep("nap", "1h") }`,
			"aborted", `null`, nil,
		},
	}
	sources := files{"child.js": `
workflow("child", { on: { type: "action", collection: "posts" } }, (ctx) => {
	if (ctx.data.fail) { ctx.fail("the child fails") }
	if (ctx.data.sleep) { ctx.step.sleep("nap", ctx.data.sleep) }
	return { doubled: ctx.data.n * 2 };
});`}
	key := func(i int) string { return fmt.Sprintf("case%02d", i) }
	for i, c := range cases {
		sources[key(i)+".js"] = fmt.Sprintf("workflow(%q, { on: { type: \"action\", collection: \"posts\" }, %s }, %s);", key(i), c.options, c.handler)
	}
	a := newApp(t, plugin.Config{}, sources)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := a.ends(a.trigger(key(i), map[string]any{"n": 21}))
			require.Equal(t, c.status, r.GetString("status"), r.GetString("error"))
			require.JSONEq(t, c.output, r.GetString("output"))
			if c.steps != nil {
				require.Equal(t, c.steps, a.steps(r.Id))
			}
		})
	}
}

// TestDurable_Losers shows what becomes of steps whose ends nobody needs.
func TestDurable_Losers(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("sleeper", { on: { type: "action", collection: "posts" } }, (ctx) => { ctx.step.sleep("nap", "1h") });
workflow("race", { on: { type: "action", collection: "posts" } }, (ctx) => {
	const first = ctx.step.parallel("first", {
		child: () => ctx.step.invoke("call", "sleeper"),
		event: () => ctx.step.waitForEvent("never"),
		quick: () => { ctx.step.sleep("nap", 50); return "quick" },
	}, { mode: "race" });
	ctx.step.sleep("later", 20); // the run that ends does not come by the branches
	return first;
});
workflow("timed", { on: { type: "action", collection: "posts" }, timeout: 2500 }, (ctx) => { ctx.step.sleep("nap", "1h") });
`))
	r := a.ends(a.trigger("race", nil))
	require.Equal(t, `"quick"`, r.GetString("output"), r.GetString("error"))
	require.Equal(t, "canceled", a.rows("sleeper")[0].GetString("status"), "children end with their parent")
	require.ElementsMatch(t, []string{
		"parallel first completed", "branch first/quick completed", "sleep later completed",
		"invoke first/child/call canceled", "waitForEvent first/event/never canceled", "sleep first/quick/nap completed",
	}, a.steps(r.Id))
	r = a.ends(a.trigger("timed", nil))
	require.Equal(t, "aborted", r.GetString("status"))
	require.Equal(t, []string{"sleep nap aborted"}, a.steps(r.Id))
}

func TestDurable_Events(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("order", { on: { type: "action", collection: "posts" } }, (ctx) => {
	const paid = ctx.step.waitForEvent("payment", { event: "paid", if: "event.amount >= 10", timeout: "1h" });
	const shipped = ctx.step.waitForEvent("shipping", { event: "shipped", timeout: 50 });
	return { paid, shipped };
});
workflow("link", { on: { type: "action", collection: "posts" } }, (ctx) => {
	const url = ctx.step.eventUrl("click", { expires: "1h" });
	ctx.step.run("tell", () => { $app.store().set("url", url) });
	return ctx.step.waitForEvent("click");
});
`))
	id := a.create("?triggerWorkflows=order", nil).id(t, "order")
	a.becomes(id, "waiting")
	post := func(who, path, body string) answer {
		return a.send(who, http.MethodPost, "/api/workflows/executions/"+id+"/events/"+path, body)
	}
	require.Equal(t, 401, post("", "paid", `{"amount":10}`).StatusCode)
	require.Equal(t, 400, post("user", "paid", `{"amount":`).StatusCode)
	require.Equal(t, 200, post("user", "paid", `{"amount":1}`).StatusCode, "the filter does not match")
	require.Equal(t, 200, post("super", "other", `{}`).StatusCode)
	require.Equal(t, "waiting", a.row(id).GetString("status"))
	require.Equal(t, 200, post("user", "paid", `{"amount":12}`).StatusCode)
	r := a.ends(id)
	require.JSONEq(t, `{"paid":{"amount":12},"shipped":null}`, r.GetString("output"))
	require.Equal(t, 409, post("user", "paid", `{"amount":12}`).StatusCode)

	early := a.create("?triggerWorkflows=order", nil)
	id = early.id(t, "order")
	require.Equal(t, 200, post("super", "shipped", `"early"`).StatusCode, "kept until somebody waits for it")
	require.NoError(t, a.plugin.Send(a.TestApp, id, "paid", map[string]any{"amount": 99}))
	require.JSONEq(t, `{"paid":{"amount":99},"shipped":"early"}`, a.ends(id).GetString("output"))

	link := a.trigger("link", nil)
	a.becomes(link, "waiting")
	url, _ := a.Store().Get("url").(string)
	path := url[strings.Index(url, "/api/"):]
	require.Equal(t, 404, a.send("", http.MethodPost, path+"x", `{}`).StatusCode)
	res := a.send("", http.MethodPost, path, `{"by":"mail"}`)
	require.Equal(t, 200, res.StatusCode, res.body)
	require.JSONEq(t, `{"by":"mail"}`, a.ends(link).GetString("output"))
	require.Equal(t, 410, a.send("", http.MethodPost, path, `{}`).StatusCode)
}

func TestDurable_CancelAndRerun(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("sleeper", { on: { type: "action", collection: "posts" } }, (ctx) => {
	ctx.step.run("one", () => 1);
	ctx.step.sleep("nap", "1h");
});
workflow("boss", { on: { type: "action", collection: "posts" } }, (ctx) => { ctx.step.invoke("call", "sleeper") });
workflow("busy", { on: { type: "action", collection: "posts" } }, (ctx) => { for (;;) {} });
workflow("flaky", { on: { type: "action", collection: "posts" } }, (ctx) => {
	const one = ctx.step.run("one", () => $security.randomString(8));
	ctx.step.run("two", () => { if (!$app.store().get("fixed")) { throw new Error("broken") } });
	return one;
});
`))
	cancel := func(who, id string) int {
		return a.send(who, http.MethodPost, "/api/workflows/executions/"+id+"/cancel", nil).StatusCode
	}
	boss := a.trigger("boss", nil)
	a.becomes(boss, "waiting")
	child := a.rows("sleeper")[0].Id
	a.becomes(child, "waiting")
	require.Equal(t, 401, cancel("", boss))
	require.Equal(t, 403, cancel("user", boss))
	require.Equal(t, 404, cancel("super", "unknown"))
	require.Equal(t, 200, cancel("super", boss))
	require.Equal(t, "canceled", a.status(boss))
	require.Equal(t, "canceled", a.status(child), "children too")
	require.Equal(t, 409, cancel("super", boss))

	busy := a.trigger("busy", nil)
	a.becomes(busy, "running")
	require.Equal(t, 200, cancel("super", busy))
	a.drain()
	require.Equal(t, "canceled", a.status(busy))

	flaky := a.ends(a.trigger("flaky", nil))
	require.Equal(t, "failed", flaky.GetString("status"))
	a.Store().Set("fixed", true)
	rerun := func(id, body string) (answer, string) {
		res := a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/rerun", body)
		if res.StatusCode != 200 {
			return res, ""
		}
		return res, res.data(t)["id"].(string)
	}
	var token string
	rows, err := a.FindRecordsByFilter("_workflowSteps", "execution = {:id} && name = 'one'", "", 1, 0, map[string]any{"id": flaky.Id})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(rows[0].GetString("result")), &token))
	res, again := rerun(flaky.Id, `{"from":"failed"}`)
	require.Equal(t, 200, res.StatusCode, res.body)
	r := a.ends(again)
	require.Equal(t, "completed", r.GetString("status"))
	require.JSONEq(t, `"`+token+`"`, r.GetString("output"), "the journal up to there is taken over")
	require.Equal(t, flaky.Id, r.GetString("rerunOf"))
	require.Equal(t, "failed", a.status(flaky.Id), "the earlier one stays")
	_, again = rerun(flaky.Id, `{"from":"start"}`)
	require.NotEqual(t, `"`+token+`"`, a.ends(again).GetString("output"))
	_, again = rerun(flaky.Id, `{"from":{"step":"two","index":0}}`)
	require.JSONEq(t, `"`+token+`"`, a.ends(again).GetString("output"))
	res, _ = rerun(flaky.Id, `{"from":{"step":"nine","index":0}}`)
	require.Equal(t, 400, res.StatusCode)
	res, _ = rerun(flaky.Id, `{"from":"nowhere"}`)
	require.Equal(t, 400, res.StatusCode)

	for range 3 {
		a.becomes(a.trigger("sleeper", nil), "waiting")
	}
	res = a.send("super", http.MethodPost, "/api/workflows/executions/cancel", `{"filter":"workflow = 'sleeper' && status = 'waiting'"}`)
	require.JSONEq(t, `{"canceled":3}`, res.body)
	res = a.send("super", http.MethodPost, "/api/workflows/executions/cancel", `{"filter":"nope = 1"}`)
	require.Equal(t, 400, res.StatusCode, res.body)
	res = a.send("super", http.MethodPost, "/api/workflows/executions/rerun", `{"filter":"workflow = 'flaky' && status = 'failed'","from":"failed"}`)
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Len(t, res.data(t)["executions"], 1)
}

func TestDurable_PauseAndConcurrency(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("one", { on: { type: "action", collection: "posts" }, concurrency: { limit: 1, key: "data.group" } }, (ctx) => {
	const now = ctx.step.run("enter", () => { const n = ($app.store().get(ctx.data.group) || 0) + 1; $app.store().set(ctx.data.group, n); return n });
	ctx.step.sleep("nap", 10);
	ctx.step.run("leave", () => { $app.store().set(ctx.data.group, $app.store().get(ctx.data.group) - 1) });
	return now;
});`))
	require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/one/pause", nil).StatusCode)
	require.Equal(t, 404, a.send("super", http.MethodPost, "/api/workflows/unknown/pause", nil).StatusCode)
	require.Equal(t, 403, a.send("user", http.MethodPost, "/api/workflows/one/pause", nil).StatusCode)
	var ids []string
	for i := range 8 {
		ids = append(ids, a.trigger("one", map[string]any{"group": string(rune('a' + i%2))}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, a.plugin.Drain(ctx))
	require.Equal(t, "queued", a.status(ids[0]))
	require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/one/resume", nil).StatusCode)
	for _, id := range ids {
		r := a.ends(id)
		require.Equal(t, "completed", r.GetString("status"), r.GetString("error"))
		require.Equal(t, "1", r.GetString("output"), "one of a group at a time, its wait included")
	}
}

func TestDurable_StartAfter(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`workflow("later", { on: { type: "action", collection: "posts" } }, () => 1);`))
	id, err := a.plugin.Trigger(a.TestApp, "later", nil, plugin.TriggerOptions{StartAfter: 2 * time.Second})
	require.NoError(t, err)
	require.Equal(t, "waiting", a.status(id))
	require.Equal(t, "completed", a.ends(id).GetString("status"))
}
