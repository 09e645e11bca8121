package plugin_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// gauge is what scripts do their outside effects to: $app.store().get("gauge").
type gauge struct {
	mu        sync.Mutex
	now, most int
	marks     []string
	gates     map[string]chan struct{}
}

// Enter and Leave count who is inside.
func (g *gauge) Enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.most = max(g.most, g.now)
}

func (g *gauge) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

// Mark notes that something was done.
func (g *gauge) Mark(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.marks = append(g.marks, name)
}

func (g *gauge) gate(name string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gates == nil {
		g.gates = map[string]chan struct{}{}
	}
	if g.gates[name] == nil {
		g.gates[name] = make(chan struct{})
	}
	return g.gates[name]
}

// Open lets those go on who Wait for it.
func (g *gauge) Open(name string) { close(g.gate(name)) }

func (g *gauge) Wait(name string) bool {
	select {
	case <-g.gate(name):
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

func (g *gauge) marked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string{}, g.marks...)
}

// bench is an app with a workflow and a gauge for each of some handlers.
type bench struct {
	*app
	gauges map[string]*gauge
}

// newBench makes an app with handlers by their names; a handler gets ctx and its
// gauge.
func newBench(t *testing.T, config plugin.Config, handlers map[string]string) *bench {
	t.Helper()
	source := `workflow("child", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.data);`
	b := &bench{gauges: map[string]*gauge{}}
	for name, handler := range handlers {
		async := ""
		if strings.HasPrefix(handler, "async") {
			async = "async "
		}
		source += fmt.Sprintf("\nworkflow(%q, { on: { type: \"action\", collection: \"posts\" } }, %s(ctx) => { const g = $app.store().get(%q); return (%s)(ctx, g) });",
			keyOf(name), async, keyOf(name), handler)
		b.gauges[name] = &gauge{}
	}
	b.app = newApp(t, config, one(source))
	for name, g := range b.gauges {
		b.Store().Set(keyOf(name), g)
	}
	return b
}

func keyOf(name string) string { return strings.ReplaceAll(name, " ", "-") }

// start triggers the workflow of a name.
func (b *bench) start(name string) (id string, g *gauge) {
	b.t.Helper()
	return b.trigger(keyOf(name), nil), b.gauges[name]
}

// run is start for one that ends.
func (b *bench) run(name string) (*core.Record, *gauge) {
	b.t.Helper()
	id, g := b.start(name)
	return b.ends(id), g
}

func TestParallel_LosersStopAtTheirNextStep(t *testing.T) {
	t.Parallel()
	handlers := map[string]string{}
	for _, mode := range []string{"race", "any"} {
		handlers[mode] = `(ctx, g) => {
	const first = ctx.step.parallel("first", {
		slow: () => {
			try {
				ctx.step.run("one", () => { g.open("slow runs"); g.wait("decided"); g.mark("one") });
				ctx.step.run("two", () => { g.mark("two") });
			} catch (e) { g.mark("caught") } finally { g.mark("finally") }
			g.mark("slow ends");
		},
		bad: () => { if ("` + mode + `" == "race") { g.wait("decided") } throw new Error("no") },
		quick: () => { g.wait("slow runs"); return "quick" },
	}, { mode: "` + mode + `" });
	ctx.step.run("go on", () => { g.open("decided"); g.wait("checked") });
	return first;
}`
	}
	a := newBench(t, plugin.Config{}, handlers)
	for mode := range handlers {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			id, g := a.start(mode)
			require.Eventually(t, func() bool { return strings.Contains(strings.Join(g.marked(), ","), "one") }, 10*time.Second, time.Millisecond)
			time.Sleep(50 * time.Millisecond) // it would go on now
			require.Equal(t, []string{"one"}, g.marked(), "nor does the script see it")
			g.Open("checked")
			require.JSONEq(t, `"quick"`, a.ends(id).GetString("output"))
			require.NotContains(t, strings.Join(a.steps(id), ","), "two")
		})
	}
}

func TestParallel_BranchesOverlap(t *testing.T) {
	t.Parallel()
	const barrier = `() => { g.open(%q); return g.wait(%q) }`
	a, b := fmt.Sprintf(barrier, "a", "b"), fmt.Sprintf(barrier, "b", "a")
	handlers := map[string]string{
		"in their bodies":       `(ctx, g) => ctx.step.parallel("p", { a: ` + a + `, b: ` + b + ` })`,
		"in their steps":        `(ctx, g) => ctx.step.parallel("p", { a: () => ctx.step.run("s", ` + a + `), b: () => ctx.step.run("s", ` + b + `) })`,
		"in branches":           `(ctx, g) => ({ a: true, b: ctx.step.parallel("o", { x: () => ctx.step.parallel("p", { a: ` + a + `, b: ` + b + ` }) }).x.b })`,
		"when they are async":   `(ctx, g) => ctx.step.parallel("p", { a: async () => ctx.step.run("s", ` + a + `), b: async () => { await null; return ctx.step.run("s", ` + b + `) } })`,
		"after one that parked": `(ctx, g) => ctx.step.parallel("p", { a: () => { ctx.step.sleep("nap", 5); return (` + a + `)() }, b: () => { ctx.step.sleep("nap", 5); return (` + b + `)() } })`,
	}
	bench := newBench(t, plugin.Config{Workers: 1}, handlers)
	for name := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := bench.run(name)
			require.JSONEq(t, `{"a":true,"b":true}`, r.GetString("output"), r.GetString("error"))
		})
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	const item = `(n, i) => ctx.step.run("work", () => { g.enter(); sleep(20); g.leave(); return n + i })`
	const many = `(ctx, g) => ctx.step.map("each", [...Array(12).keys()], ` + item
	bounds := map[string]int{"ten at a time": 10, "three at a time": 3, "one at a time": 1}
	handlers := map[string]string{
		"ten at a time": many + `)`, "three at a time": many + `, { concurrency: 3 })`, "one at a time": many + `, { concurrency: 1 })`,
		"tells which item failed": `(ctx) => { ctx.step.map("each", [1, 2], (n) => ctx.step.run("s", () => { if (n == 2) { throw new Error("no") } })) }`,
	}
	cases := map[string]struct{ handler, status, output string }{
		"of nothing":      {`(ctx) => ctx.step.map("each", [], () => 1)`, "completed", `[]`},
		"of records":      {`(ctx) => ctx.step.map("each", $app.findAllRecords("tags"), (r) => ctx.step.run("title", () => r.get("title"))).toSorted()`, "completed", `["Go","JS"]`},
		"of null results": {`(ctx) => ctx.step.map("each", [1, 2], () => {})`, "completed", `[null,null]`},
		"that throws":     {`(ctx) => { ctx.step.map("each", [1, 2, 3], (n) => { if (n == 2) { throw new RangeError("not " + n) } return n }) }`, "failed", `null`},
		"that throws in a step": {
			`(ctx) => { try { ctx.step.map("each", [1, 2, 3], (n) => ctx.step.run("s", () => { if (n == 2) { throw new RangeError("not " + n) } return n })) } catch (e) { return e.name + ": " + e.message } }`,
			"completed", `"RangeError: not 2"`,
		},
		"that can not be stored": {`(ctx) => { try { ctx.step.map("each", [1], () => NaN) } catch (e) { return e.message } }`, "completed", `"branch \"each/0\": result is NaN"`},
	}
	for name, c := range cases {
		handlers[name] = c.handler
	}
	a := newBench(t, plugin.Config{Workers: 4}, handlers)
	for name, most := range bounds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, g := a.run(name)
			require.JSONEq(t, `[0,2,4,6,8,10,12,14,16,18,20,22]`, r.GetString("output"), r.GetString("error"))
			require.LessOrEqual(t, g.most, most)
			if most > 1 {
				require.Greater(t, g.most, 1)
			}
		})
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := a.run(name)
			assert.Equal(t, c.status, r.GetString("status"), r.GetString("error"))
			assert.JSONEq(t, c.output, r.GetString("output"))
		})
	}

	t.Run("tells which item failed", func(t *testing.T) {
		t.Parallel()
		r, _ := a.run("tells which item failed")
		require.JSONEq(t, `{"message":"no","name":"Error","step":"each/1/s"}`, r.GetString("error"))
		require.Contains(t, a.steps(r.Id), "map each failed")
		require.Contains(t, a.steps(r.Id), "branch each/1 failed")
		require.Contains(t, a.steps(r.Id), "run each/1/s failed")
	})
}

// logsOf are the messages that a step's row has.
func (a *app) logsOf(id, step string) []string {
	a.t.Helper()
	rows, err := a.FindRecordsByFilter("_workflowSteps", "execution = {:id} && name = {:step}", "", 0, 0, map[string]any{"id": id, "step": step})
	require.NoError(a.t, err)
	require.Len(a.t, rows, 1, step)
	var lines []struct{ Message string }
	if raw := rows[0].GetString("logs"); raw != "" {
		require.NoError(a.t, json.Unmarshal([]byte(raw), &lines))
	}
	list := []string{}
	for _, l := range lines {
		list = append(list, l.Message)
	}
	return list
}

func messagesOf(t *testing.T, r *core.Record) (list []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.GetString("messages")), &list))
	return list
}

func TestParallel_LogsAndMessages(t *testing.T) {
	t.Parallel()
	const say = `(what) => { ctx.log.info(what); ctx.respond(what) }`
	handlers := map[string]string{}
	for name, c := range map[string]struct {
		wait  string // in a branch, and after the parallel step
		steps string
	}{
		"at once": {"", ""}, "over waits": {`ctx.step.sleep("nap", 5);`, `ctx.step.sleep("later", 5);`},
	} {
		handlers[name] = `(ctx) => {
	const say = ` + say + `;
	say("before");
	ctx.step.parallel("p", {
		a: () => { say("a begins"); ctx.step.run("s", () => { say("in a step") }); ` + c.wait + ` say("a ends") },
		b: () => { say("b") },
	});
	` + c.steps + `
	say("after");
}`
	}
	a := newBench(t, plugin.Config{}, handlers)
	for name := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := a.run(name)
			require.Equal(t, "completed", r.GetString("status"), r.GetString("error"))
			got := messagesOf(t, r)
			assert.ElementsMatch(t, []string{"before", "a begins", "in a step", "a ends", "b", "after"}, got, "each once")
			assert.Equal(t, "before", got[0])
			assert.Equal(t, "after", got[len(got)-1])
			assert.Equal(t, []string{"a begins", "a ends"}, a.logsOf(r.Id, "p/a"))
			assert.Equal(t, []string{"b"}, a.logsOf(r.Id, "p/b"))
			assert.Equal(t, []string{"in a step"}, a.logsOf(r.Id, "p/a/s"))
			var lines []struct{ Message string }
			require.NoError(t, json.Unmarshal([]byte(r.GetString("logs")), &lines))
			assert.Equal(t, []struct{ Message string }{{"before"}, {"after"}}, lines)
		})
	}
}

func TestParallel_EndOfTheExecutionInABranch(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ end, status, output, error string }{
		"end":               {`ctx.end({ by: "a" })`, "completed", `{"by":"a"}`, ""},
		"end in a step":     {`ctx.step.run("s", () => ctx.end({ by: "a" }))`, "completed", `{"by":"a"}`, ""},
		"end after a park":  {`ctx.step.sleep("short", 5); ctx.end({ by: "a" })`, "completed", `{"by":"a"}`, ""},
		"end deeper":        {`ctx.step.parallel("in", [() => ctx.end({ by: "a" })])`, "completed", `{"by":"a"}`, ""},
		"fail":              {`ctx.fail("no", { why: 1 })`, "failed", `{"why":1}`, `{"message":"no","name":"Failure"}`},
		"an endless script": {`for (;;) {}`, "aborted", `null`, `{"name":"TimeoutError","message":"the script ran longer than 2s and was interrupted"}`},
	}
	handlers := map[string]string{}
	for name, c := range cases {
		handlers[name] = `(ctx, g) => {
	ctx.respond("main");
	try {
		ctx.step.parallel("p", {
			a: () => { ctx.respond("a"); ` + c.end + ` },
			b: () => { ctx.step.sleep("nap", "1h"); g.mark("b goes on") },
		});
	} catch (e) { g.mark("caught") } finally { g.mark("finally") }
	g.mark("after");
}`
	}
	a := newBench(t, plugin.Config{ScriptTimeout: 2 * time.Second}, handlers)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, g := a.run(name)
			assert.Equal(t, c.status, r.GetString("status"), r.GetString("error"))
			assert.JSONEq(t, c.output, r.GetString("output"))
			if c.error != "" {
				assert.JSONEq(t, c.error, r.GetString("error"))
			}
			assert.Equal(t, []string{"main", "a"}, messagesOf(t, r))
			assert.Empty(t, g.marked(), "the script sees nothing of it")
			for _, step := range a.steps(r.Id) {
				assert.NotContains(t, step, "waiting")
			}
		})
	}
}

func TestParallel_Restart(t *testing.T) {
	t.Parallel()
	a := newBench(t, plugin.Config{}, map[string]string{"main": `(ctx, g) => ctx.step.parallel("p", {
	ran: () => ctx.step.run("s", () => { g.mark("ran"); return 1 }),
	waits: () => { ctx.step.run("s", () => { g.mark("waits") }); const v = ctx.step.waitForEvent("go"); ctx.step.run("t", () => { g.mark("waited") }); return v },
	sleeps: () => { ctx.step.sleep("nap", 300); ctx.step.run("t", () => { g.mark("slept") }); return 3 },
	calls: () => ctx.step.invoke("call", "child", { data: 4 }),
	deeper: () => ctx.step.map("each", [5, 6], (n) => { ctx.step.run("s", () => { g.mark("item " + n) }); ctx.step.sleep("nap", 200); return n }),
})`})
	id, g := a.start("main")
	a.becomes(id, "waiting")
	require.NoError(t, a.OnTerminate().Trigger(&core.TerminateEvent{App: a.TestApp}))
	require.NotContains(t, g.marked(), "waited")
	time.Sleep(350 * time.Millisecond) // the sleeps are over
	router, err := apis.NewRouter(a.TestApp)
	require.NoError(t, err)
	require.NoError(t, a.OnServe().Trigger(&core.ServeEvent{App: a.TestApp, Router: router}, func(*core.ServeEvent) error { return nil }))
	require.NoError(t, a.plugin.Send(a.TestApp, id, "go", 2))
	r := a.ends(id)
	require.JSONEq(t, `{"ran":1,"waits":2,"sleeps":3,"calls":4,"deeper":[5,6]}`, r.GetString("output"), r.GetString("error"))
	require.ElementsMatch(t, []string{"ran", "waits", "item 5", "item 6", "waited", "slept"}, g.marked(), "nothing is done twice")
}

// What two branches wait for comes while one of them still runs.
func TestParallel_EventsMeanwhile(t *testing.T) {
	t.Parallel()
	a := newBench(t, plugin.Config{}, map[string]string{"main": `(ctx, g) => ctx.step.parallel("p", {
	a: () => { ctx.step.run("s", () => { g.open("a") }); return ctx.step.waitForEvent("a") },
	b: () => { ctx.step.run("s", () => { g.wait("sent") }); return ctx.step.waitForEvent("b", { if: "event > 1" }) },
})`})
	id, g := a.start("main")
	require.True(t, g.Wait("a"))
	time.Sleep(50 * time.Millisecond) // a has looked and waits
	require.NoError(t, a.plugin.Send(a.TestApp, id, "a", "first"))
	require.NoError(t, a.plugin.Send(a.TestApp, id, "b", 1))
	g.Open("sent")
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(a.steps(id), ","), "waitForEvent p/a/a completed") }, 10*time.Second, 2*time.Millisecond)
	require.NoError(t, a.plugin.Send(a.TestApp, id, "b", 2))
	r := a.ends(id)
	require.JSONEq(t, `{"a":"first","b":2}`, r.GetString("output"), r.GetString("error"))
}

func TestParallel_Async(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ handler, output string }{
		"a park after an await": {
			`async (ctx) => await ctx.step.parallel("p", { a: async () => { await null; ctx.step.sleep("nap", 5); await null; return ctx.step.run("s", () => 1) }, b: async () => { ctx.step.sleep("nap", 10); return 2 } })`,
			`{"a":1,"b":2}`,
		},
		"branches in a branch after an await": {
			`async (ctx) => await ctx.step.parallel("p", { a: async () => { const x = await ctx.step.run("x", async () => { await null; return 1 }); const r = ctx.step.parallel("in", { c: async () => { await null; return ctx.step.run("y", () => x + 1) } }); return r.c + 1 } })`,
			`{"a":3}`,
		},
		"branches in an awaited branch": {
			`async (ctx) => await ctx.step.parallel("p", { a: async () => { await null; const r = await ctx.step.parallel("in", { c: async () => { await null; return ctx.step.run("y", () => 1) }, d: () => { ctx.step.sleep("nap", 5); return 2 } }); return r.c + r.d } })`,
			`{"a":3}`,
		},
		"branches three deep": {
			`(ctx) => ctx.step.parallel("p", [async () => { await null; return (await ctx.step.parallel("q", [async () => { await null; return (await ctx.step.map("r", [1, 2], async (n) => { await null; ctx.step.sleep("nap", 5); return n }))[1] }]))[0] + 1 }])`,
			`[3]`,
		},
		"a handler that does not await": {
			`async (ctx) => { const r = ctx.step.parallel("p", { a: async () => { await null; return ctx.step.run("s", () => 1) } }); if (!r.a) { ctx.fail("went on") } return r.a }`,
			`1`,
		},
		"a handler that catches and fails": {
			`(ctx) => { try { return ctx.step.parallel("p", { a: async () => { await null; return ctx.step.run("s", () => 1) } }).a } catch (e) { ctx.fail("caught " + e.message) } finally { ctx.respond("finally") } }`,
			`1`,
		},
		"a handler that ends after it": {
			`async (ctx) => { ctx.step.parallel("p", { a: async () => { await null; ctx.step.run("s", () => 1) } }); ctx.end("end") }`,
			`"end"`,
		},
		"two after one another": {
			`async (ctx) => { const a = await ctx.step.map("a", [1, 2], async (n) => { await null; ctx.step.sleep("nap", 5); return n }); const b = await ctx.step.map("b", a, async (n) => { await null; return ctx.step.run("s", () => n * 2) }); return b }`,
			`[2,4]`,
		},
		"a rejected one that is caught": {
			`async (ctx) => { try { await ctx.step.parallel("p", { a: async () => { await null; throw new TypeError("no") } }) } catch (e) { return e.name + " " + e.message } }`,
			`"TypeError no"`,
		},
		"a synchronous handler that catches": {
			`(ctx) => { try { return ctx.step.parallel("p", { a: async () => { await null; return ctx.step.run("s", () => 1) }, b: () => { ctx.step.sleep("nap", 5); return 2 } }) } catch (e) { return "caught " + e.message } finally { ctx.step.run("finally", () => 1) } }`,
			`{"a":1,"b":2}`,
		},
	}
	handlers := map[string]string{}
	for name, c := range cases {
		handlers[name] = c.handler
	}
	a := newBench(t, plugin.Config{}, handlers)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := a.run(name)
			require.Equal(t, "completed", r.GetString("status"), r.GetString("error"))
			require.JSONEq(t, c.output, r.GetString("output"))
			if name == "a handler that catches and fails" {
				require.Equal(t, []string{"finally"}, messagesOf(t, r), "once")
			}
		})
	}
}

func TestTransactionMode_RefusesWaits(t *testing.T) {
	t.Parallel()
	calls := map[string]string{
		"sleep": `"x", 5`, "sleepUntil": `"x", Date.now()`, "waitForEvent": `"x"`, "eventUrl": `"x"`, "invoke": `"x", "child"`,
		"parallel": `"x", { a: () => 1 }`, "map": `"x", [1], () => 1`,
	}
	source := `workflow("child", { on: { type: "action", collection: "posts" } }, () => 1);`
	for method, args := range calls {
		source += fmt.Sprintf("\nworkflow(%q, { on: { type: \"action\", collection: \"posts\" }, mode: \"transaction\" }, (ctx) => { ctx.step.%s(%s) });", "uses-"+method, method, args)
	}
	a := newApp(t, plugin.Config{}, one(source))
	before := a.count("posts")
	for method := range calls {
		res := a.create("?triggerWorkflows=uses-"+method, nil)
		require.Equal(t, 500, res.StatusCode, "%s: %s", method, res.body)
		rows := a.rows("uses-" + method)
		require.Len(t, rows, 1)
		require.Equal(t, "error", rows[0].GetString("status"))
		require.Contains(t, rows[0].GetString("error"), fmt.Sprintf(`ctx.step.%s(\"x\") can't be used in mode \"transaction\"`, method))
	}
	require.Equal(t, before, a.count("posts"), "each write was rolled back")
	require.Empty(t, a.rows("child"))
}
