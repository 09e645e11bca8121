package nodes

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// waitingLoops park in every round, so that the handler runs again from its begin.
const waitingLoops = `
const on = { type: "action", collection: "posts" };
const log = (txApp, message) => txApp.save(new Record(txApp.findCollectionByNameOrId("logs"), { message }));
const work = (ctx, i) => {
    ctx.step.transaction("work", (txApp) => log(txApp, "work " + i));
    ctx.step.sleep("wait", 1);
    ctx.step.run("check", () => { if (i % 2 === 1) { throw new Error("odd " + i) } });
};

workflow("continue", { on }, (ctx) => {
    const odd = [];
    for (const i of [0, 1, 2, 3]) {
        try { work(ctx, i) } catch (e) { odd.push(e.message); continue }
        ctx.step.transaction("even", (txApp) => log(txApp, "even " + i));
    }
    return { odd, attempts: ctx.execution.attempt };
});
workflow("break", { on }, (ctx) => {
    let last;
    for (const i of [0, 1, 2]) {
        try { work(ctx, i) } catch (e) { break } finally { last = i }
    }
    ctx.step.sleep("after", 1);
    return last;
});
workflow("exit", { on }, (ctx) => { for (const i of [0, 1, 2]) { work(ctx, i) } });
workflow("nested", { on }, (ctx) => {
    const seen = [];
    for (const list of [[1, 2], [3]]) {
        for (const i of list) {
            seen.push(ctx.step.run("item", () => i));
            ctx.step.sleep("wait", 1);
        }
    }
    return seen;
});
workflow("many", { on }, (ctx) => {
    let n = 0;
    do {
        n = ctx.step.run("count", () => n + 1);
        if (n % 100 === 0) { ctx.step.sleep("rest", 1) }
    } while (n < 500);
    return n;
});
workflow("endless", { on, timeout: "200ms" }, (ctx) => { while (true) { ctx.step.sleep("wait", 5) } });
`

// TestLoops_Replayed: a loop that waits in every round runs each step of each round
// once, and its errors take the same way on every replay.
func TestLoops_Replayed(t *testing.T) {
	t.Parallel()
	d := newDemo(t, waitingLoops)
	t.Run("continue", func(t *testing.T) {
		out := d.output("continue", object{}).(object)
		require.Equal(t, list{"odd 1", "odd 3"}, out["odd"])
		require.Equal(t, 5.0, out["attempts"], "it has been replayed four times")
		require.Equal(t, []string{"work 0", "even 0", "work 1", "work 2", "even 2", "work 3"}, d.logs())
	})
	t.Run("break", func(t *testing.T) {
		require.Equal(t, 1.0, d.output("break", object{}))
		require.Equal(t, []string{"work 0", "work 1"}, d.logs())
	})
	t.Run("exit", func(t *testing.T) {
		status, message := d.failure("exit", object{})
		require.Equal(t, "failed odd 1", status+" "+message)
		require.Equal(t, []string{"work 0", "work 1"}, d.logs())
	})
	t.Run("one in another", func(t *testing.T) {
		require.Equal(t, list{1.0, 2.0, 3.0}, d.output("nested", object{}))
	})
	t.Run("many rounds", func(t *testing.T) {
		id := d.trigger("many", object{})
		require.Equal(t, 500.0, d.outputOf(id))
		require.Len(t, d.steps(id), 505)
		rows, err := d.FindRecordsByFilter("_workflowSteps", "execution = {:id} && name = 'count'", "index", 0, 0, map[string]any{"id": id})
		require.NoError(t, err)
		for i, row := range rows {
			require.Equal(t, fmt.Sprint(i, " ", i+1), fmt.Sprint(row.GetInt("index"), " ", row.GetString("result")))
		}
	})
	t.Run("without an end", func(t *testing.T) {
		require.Equal(t, "aborted", d.ends(d.trigger("endless", object{})).GetString("status"), "the workflow's time-out ends it")
	})
}
