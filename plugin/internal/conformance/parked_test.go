package conformance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// parks are steps that wait, with how many executions wait with them.
var parks = []struct {
	name, script string
	children     int
}{
	{"run that is to be tried again", `ctx.step.run("it", { retries: { limit: 5, delay: "1d", backoff: "constant" } }, () => { throw new Error("no") })`, 0},
	{"sleep", `ctx.step.sleep("it", "1d")`, 0},
	{"sleepUntil", `ctx.step.sleepUntil("it", new Date(new Date(ctx.execution.startedAt).getTime() + 86400000))`, 0},
	{"waitForEvent", `ctx.step.waitForEvent("it")`, 0},
	{"waitForEvent with a time-out", `ctx.step.waitForEvent("it", { timeout: "1d" })`, 0},
	{"invoke", `ctx.step.invoke("it", "waiter")`, 1},
	{"invoke of one that invokes", `ctx.step.invoke("it", "boss")`, 2},
	{"parallel", `ctx.step.parallel("it", { a: () => ctx.step.sleep("nap", "1d"), b: () => ctx.step.waitForEvent("go"), c: () => ctx.step.invoke("call", "waiter"), d: () => 1 })`, 1},
	{"parallel in parallel", `ctx.step.parallel("it", { a: () => ctx.step.parallel("in", [() => ctx.step.invoke("call", "waiter"), () => ctx.step.sleep("nap", "1d")]) })`, 1},
	{"map", `ctx.step.map("it", [1, 2, 3], () => ctx.step.invoke("call", "waiter"))`, 3},
	{"a wait after a race", `(() => { ctx.step.parallel("race", [() => ctx.step.invoke("call", "waiter"), () => { ctx.step.sleep("soon", 1); return 1 }], { mode: "race" }); ctx.step.sleep("it", "1d") })()`, 1},
}

// family are an execution and all that it has caused.
func (w *world) family(id string) []string {
	list := []string{id}
	for i := 0; i < len(list); i++ {
		for _, r := range w.children(list[i]) {
			list = append(list, r.Id)
		}
	}
	return list
}

// ended requires that nothing of an execution waits any more.
func (w *world) ended(id string, status workflow.Status, reason string) {
	t := w.t
	t.Helper()
	x := w.find(id)
	require.Equal(t, status, x.Status)
	require.Equal(t, reason, x.Reason)
	require.Zero(t, x.WakeAt)
	require.NotZero(t, x.FinishedAt)
	for _, child := range w.family(id)[1:] {
		require.Equal(t, workflow.StatusCanceled, w.find(child).Status, "a child")
	}
	for _, member := range w.family(id) {
		for _, step := range w.journal(member) {
			require.False(t, strings.HasSuffix(step, "waiting") || strings.HasSuffix(step, "running"), "%s: %s", w.find(member).Workflow, step)
		}
	}
	at, err := w.store.NextWake(context.Background())
	require.NoError(t, err)
	require.Zero(t, at, "nothing is to be woken")
}

func TestParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.define("waiter", workflow.Definition{}, `(ctx) => { ctx.step.sleep("nap", "2d") }`)
	w.define("boss", workflow.Definition{}, `(ctx) => { ctx.step.invoke("call", "waiter") }`)
	for i, c := range parks {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			key, timed := fmt.Sprintf("parks-%d", i), fmt.Sprintf("timed-%d", i)
			body := fmt.Sprintf(`(ctx) => { const before = ctx.step.run("before", () => Date.now()); try { %s } catch (e) { count("caught") } finally { count("finally") } count("after") }`, c.script)
			w.define(key, workflow.Definition{}, body)
			w.define(timed, workflow.Definition{Timeout: time.Hour}, body)

			t.Run("cancel", func(t *testing.T) {
				w.t = t
				defer w.bury()
				w.boot(never)
				x := w.submit(key)
				w.parks(x.ID)
				require.Len(t, w.family(x.ID), 1+c.children)
				canceled, err := w.engine.Cancel(t.Context(), []string{x.ID}, "canceled")
				require.NoError(t, err)
				require.ElementsMatch(t, w.family(x.ID), canceled)
				w.ended(x.ID, workflow.StatusCanceled, "canceled")
				attempt := w.find(x.ID).Attempt
				w.ahead.Add(int64(72 * time.Hour))
				w.engine.Look()
				require.NoError(t, w.engine.Drain(t.Context()))
				require.Equal(t, attempt, w.find(x.ID).Attempt)
				for _, name := range []string{"caught", "finally", "after"} {
					require.Zero(t, w.counted(x.ID, name), "the script sees nothing of it")
				}
			})

			t.Run("time-out", func(t *testing.T) {
				w.t = t
				defer w.bury()
				w.boot(never)
				x := w.submit(timed)
				w.parks(x.ID)
				w.ahead.Add(int64(2 * time.Hour))
				w.engine.Look()
				w.wait("the end", func() bool { return w.find(x.ID).Status.Final() })
				require.NoError(t, w.engine.Drain(t.Context()))
				w.ended(x.ID, workflow.StatusAborted, "timeout")
				for _, name := range []string{"caught", "finally", "after"} {
					require.Zero(t, w.counted(x.ID, name), "the script sees nothing of it")
				}
			})

			t.Run("time-out while no process runs", func(t *testing.T) {
				w.t = t
				defer w.bury()
				w.boot(never)
				x := w.submit(timed)
				w.parks(x.ID)
				w.bury()
				w.ahead.Add(int64(2 * time.Hour))
				w.boot(never)
				w.wait("the end", func() bool { return w.find(x.ID).Status.Final() })
				require.NoError(t, w.engine.Drain(t.Context()))
				w.ended(x.ID, workflow.StatusAborted, "timeout")
			})
		})
	}
}
