package conformance

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// kinds are steps of every kind, as an expression whose value is known. Counted
// are the bodies that they have; a body runs once unless the process dies before
// its commit.
var kinds = []struct {
	name    string
	kind    workflow.StepKind
	script  string
	value   string
	counted []string
	// event is one that is sent while the execution waits.
	event string
	// answer is one that is given to its task while the execution waits.
	answer string
	// early is one that is sent before the execution begins.
	early    string
	children int
	// records is how many a transaction has saved.
	records int
	retries workflow.Retries
}{
	{name: "run", kind: workflow.StepRun, script: `ctx.step.run("it", () => { count("it"); return "ran" })`, value: `"ran"`, counted: []string{"it"}},
	{
		name: "run that is async", kind: workflow.StepRun, script: `await ctx.step.run("it", async () => { count("it"); await null; return "ran" })`,
		value: `"ran"`, counted: []string{"it"},
	},
	{
		name: "run that fails", kind: workflow.StepRun, value: `"no"`, counted: []string{"it"},
		script: `(() => { try { ctx.step.run("it", () => { count("it"); throw new Error("no") }) } catch (e) { return e.message } })()`,
	},
	{
		name: "run that is tried again in place", kind: workflow.StepRun, value: `"at last"`, counted: []string{"it"}, retries: workflow.Retries{Limit: 5, Delay: 1},
		script: `ctx.step.run("it", () => { if (!$app.store().get(ctx.execution.id)) { $app.store().set(ctx.execution.id, 1); throw new Error("no") } count("it"); return "at last" })`,
	},
	{
		name: "run that is tried again after a park", kind: workflow.StepRun, value: `"at last"`, counted: []string{"it"},
		script: `ctx.step.run("it", { retries: { limit: 5, delay: "1h" } }, () => { if (!$app.store().get(ctx.execution.id)) { $app.store().set(ctx.execution.id, 1); throw new Error("no") } count("it"); return "at last" })`,
	},
	{
		name: "transaction", kind: workflow.StepTransaction, value: `"saved"`, counted: []string{"it"}, records: 1,
		script: `ctx.step.transaction("it", (tx) => { count("it"); save(tx); return "saved" })`,
	},
	{name: "sleep", kind: workflow.StepSleep, script: `ctx.step.sleep("it", "1h") ?? "slept"`, value: `"slept"`},
	{name: "sleepUntil", kind: workflow.StepSleepUntil, script: `ctx.step.sleepUntil("it", new Date(new Date(ctx.execution.startedAt).getTime() + 3600000)) ?? "slept"`, value: `"slept"`},
	{name: "sleepUntil the past", kind: workflow.StepSleepUntil, script: `ctx.step.sleepUntil("it", 1000) ?? "slept"`, value: `"slept"`},
	{name: "waitForEvent", kind: workflow.StepWaitForEvent, script: `ctx.step.waitForEvent("it", { event: "go" })`, event: "go", value: `{"by":"go"}`},
	{name: "waitForEvent that came early", kind: workflow.StepWaitForEvent, script: `ctx.step.waitForEvent("it", { event: "go", if: "event.by = 'go'" })`, early: "go", value: `{"by":"go"}`},
	{name: "waitForEvent until it is too late", kind: workflow.StepWaitForEvent, script: `ctx.step.waitForEvent("it", { timeout: "1h" })`, value: `null`},
	{name: "task", kind: workflow.StepTask, script: `ctx.step.task("it", { assignees: "` + assignee + `", notify: false }).action`, answer: "approve", value: `"approve"`},
	{name: "task until it is due", kind: workflow.StepTask, script: `ctx.step.task("it", { assignees: "` + assignee + `", notify: false, dueIn: "1h" })`, value: `null`},
	{
		name: "task that is turned down", kind: workflow.StepTask, answer: "reject", value: `"RejectedError"`,
		script: `(() => { try { ctx.step.task("it", { assignees: "` + assignee + `", notify: false }) } catch (e) { return e.name } })()`,
	},
	{name: "eventUrl", kind: workflow.StepEventURL, script: `ctx.step.eventUrl("it").split("/").slice(0, 2).join() === ctx.execution.id + ",it"`, value: `true`},
	{name: "eventUrl that expires", kind: workflow.StepEventURL, script: `ctx.step.eventUrl("it", { expires: "1h" }) !== ""`, value: `true`},
	{name: "invoke", kind: workflow.StepInvoke, script: `ctx.step.invoke("it", "child", { data: { n: ctx.data.n } }).doubled`, value: `42`, counted: []string{"child"}, children: 1},
	{name: "invoke of one that parks", kind: workflow.StepInvoke, script: `ctx.step.invoke("it", "sleeper")`, value: `"slept"`, children: 1},
	{name: "invoke without waiting", kind: workflow.StepInvoke, script: `ctx.step.invoke("it", "child", { wait: false }).length`, value: `15`, counted: []string{"child"}, children: 1},
	{
		name: "parallel", kind: workflow.StepParallel, value: `{"a":1,"b":2}`, counted: []string{"a", "b"},
		script: `ctx.step.parallel("it", { a: () => ctx.step.run("x", () => { count("a"); return 1 }), b: () => { ctx.step.sleep("nap", "1h"); return ctx.step.run("y", () => { count("b"); return 2 }) } })`,
	},
	{
		name: "parallel race", kind: workflow.StepParallel, value: `"quick"`, counted: []string{"quick"},
		script: `ctx.step.parallel("it", { slow: () => ctx.step.waitForEvent("never"), quick: () => { ctx.step.sleep("nap", "1h"); return ctx.step.run("x", () => { count("quick"); return "quick" }) } }, { mode: "race" })`,
	},
	{
		name: "parallel in parallel", kind: workflow.StepParallel, value: `{"a":{"x":1,"y":{"by":"go"}},"b":{"doubled":42}}`, counted: []string{"x"}, event: "go", children: 1,
		script: `ctx.step.parallel("it", {
			a: () => ctx.step.parallel("in", { x: () => ctx.step.run("s", () => { count("x"); return 1 }), y: () => ctx.step.waitForEvent("go") }),
			b: () => ctx.step.invoke("call", "child", { data: ctx.data }) })`,
	},
	{
		name: "map", kind: workflow.StepMap, value: `[2,4,6]`, counted: []string{"1", "2", "3"}, records: 3,
		script: `ctx.step.map("it", [1, 2, 3], (n) => { ctx.step.transaction("save", (tx) => { save(tx) }); ctx.step.sleep("nap", "1h"); return ctx.step.run("double", () => { count("" + n); return 2 * n }) }, { concurrency: 2 })`,
	},
}

// surrounding are the writes of the steps around the one of a kind.
var surrounding = regexp.MustCompile(`^(save (before|after|later) .*|park later|due|finish .*)$`)

// handler is a script with a step between two others, all of which are replayed
// once more after a wait.
func handler(step string) string {
	return `async (ctx) => {
		const save = (tx) => { const r = new Record(tx.findCollectionByNameOrId("demo2")); r.set("title", ctx.execution.id + $security.randomString(8)); tx.save(r) };
		const before = ctx.step.run("before", () => { count("before"); return Date.now() });
		const value = ` + step + `;
		ctx.step.sleep("later", "1h");
		ctx.step.run("after", () => { count("after") });
		return value ?? null;
	}`
}

func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[workflow.StepKind]bool{workflow.StepBranch: true}
	for _, c := range kinds {
		seen[c.kind] = true
	}
	for _, kind := range workflow.StepKinds {
		require.Truef(t, seen[kind], "the table has no %s", kind)
	}
	w := newWorld(t)
	for i, c := range kinds {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			key := fmt.Sprintf("kind-%d", i)
			w.define(key, workflow.Definition{Retries: c.retries}, handler(c.script))

			// check runs it with a process that dies at a point, and what comes after.
			check := func(at crash) (writes, journal []string) {
				defer w.bury()
				w.boot(at)
				first := w.process
				x := w.submit(key)
				if c.early != "" {
					w.send(x, c.early, `{"by":"`+c.early+`"}`)
				}
				sent := false
				w.wait("the end", func() bool {
					select {
					case <-first.crashed:
						if w.process == first {
							w.boot(never)
						}
					default:
					}
					now := w.find(x.ID)
					if c.event != "" && !sent && now.Status == workflow.StatusWaiting && now.WakeAt.IsZero() {
						sent = true
						w.send(x, c.event, `{"by":"`+c.event+`"}`)
					}
					if c.answer != "" && !sent && now.Status == workflow.StatusWaiting && now.WakeAt.IsZero() {
						sent = true
						w.answers(x, c.answer)
					}
					if now.Status == workflow.StatusWaiting {
						w.pass()
					}
					return now.Status.Final()
				})
				writes = first.committed()
				lost := ""
				if at.write >= 0 && at.write < len(writes) {
					lost = writes[at.write]
				}
				msg := fmt.Sprintf("crash %+v at %q", at, lost)
				end := w.find(x.ID)
				require.Equal(t, workflow.StatusCompleted, end.Status, "%s: %+v", msg, end.Failure)
				if c.value == "null" {
					require.Empty(t, end.Output, msg)
				} else {
					require.JSONEq(t, c.value, string(end.Output), msg)
				}
				for _, name := range append([]string{"before", "after"}, c.counted...) {
					n := w.counted(x.ID, name)
					if lost == "" || at.after {
						require.LessOrEqual(t, 1, n, "%s: %s ran %d times", msg, name, n)
					}
					if lost == "" {
						require.Equal(t, 1, n, "%s: %s ran %d times", msg, name, n)
					}
					require.LessOrEqual(t, n, 2, "%s: %s ran %d times", msg, name, n)
					if (name == "before" || name == "after") && n == 2 {
						require.Equal(t, "save "+name+" completed", lost, msg)
						require.False(t, at.after, msg)
					}
					if name == "it" && n == 2 {
						require.Contains(t, []string{"save it completed", "save it failed", "transaction it"}, lost, msg)
						require.False(t, at.after, msg)
					}
				}
				require.Len(t, w.children(x.ID), c.children, msg)
				records, err := w.app.FindRecordsByFilter("demo2", "title ~ {:id}", "", 0, 0, map[string]any{"id": x.ID})
				require.NoError(t, err)
				require.Len(t, records, c.records, msg)
				kept, err := w.store.Events(t.Context(), x.ID, "go")
				require.NoError(t, err)
				require.Empty(t, kept, "%s: an event is left over", msg)
				return writes, w.journal(x.ID)
			}

			writes, journal := check(never)
			for at, write := range writes {
				if i > 0 && surrounding.MatchString(write) {
					continue // the first kind has shown it
				}
				for _, after := range []bool{false, true} {
					if after && (c.kind == workflow.StepParallel || c.kind == workflow.StepMap) {
						continue // there are many, and the next write comes soon
					}
					_, again := check(crash{at, after})
					require.Equal(t, journal, again, "crash at write %d %q, after: %v", at, write, after)
				}
			}
		})
	}
}
