package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestShutdown_Long stops the server while executions are under way that do not
// end in time, and others that are parked.
func TestShutdown_Long(t *testing.T) {
	in := newInstance(t, map[string]string{"long.js": `
		const on = { type: "action", collection: "posts" };
		// once is true for the first call with an execution's id.
		const once = (id) => {
			if ($app.countRecords("logs", $dbx.hashExp({ message: id })) > 0) { return false; }
			const log = new Record($app.findCollectionByNameOrId("logs"));
			log.set("message", id);
			$app.save(log);
			return true;
		};
		workflow("long", { on }, (ctx) => {
			const first = ctx.step.run("first", () => $security.randomString(12));
			const id = ctx.execution.id;
			const again = ctx.step.run("long", () => { if (once(id)) { sleep(60000); return "interrupted"; } return "again"; });
			return { first, again, attempt: ctx.execution.attempt };
		});
		workflow("busy", { on }, (ctx) => {
			const id = ctx.execution.id;
			return ctx.step.run("busy", () => { if (once(id)) { for (;;) {} } return "again"; });
		});
		workflow("retry", { on }, (ctx) => {
			const id = ctx.execution.id;
			return ctx.step.run("flaky", { retries: { limit: 3, delay: "12s", backoff: "constant", jitter: false } }, () => {
				if (once(id)) { throw new Error("not yet"); }
				return "again";
			});
		});
		workflow("sleeper", { on }, (ctx) => {
			ctx.step.sleep("nap", "12s");
			return "up";
		});
		workflow("event", { on }, (ctx) => ctx.step.waitForEvent("go"));
		workflow("parent", { on }, (ctx) => ctx.step.invoke("call", "sleeper"));
	`})
	s := in.serve()
	long, busy := s.start(in, "long"), s.start(in, "busy")
	parked := map[string]string{}
	for _, key := range []string{"retry", "sleeper", "event", "parent"} {
		parked[key] = s.start(in, key)
	}
	for _, id := range []string{long, busy} {
		s.becomes(in, id, "running", 10*time.Second)
	}
	for _, id := range parked {
		s.becomes(in, id, "waiting", 10*time.Second)
	}
	began := time.Now()
	s.stop()
	took := time.Since(began)
	t.Logf("stopped in %s", took)
	require.Greater(t, took, 9*time.Second, "running steps may end")
	require.Less(t, took, 15*time.Second, "but not for ever")

	db := in.database()
	for _, id := range []string{long, busy} {
		var status string
		require.NoError(t, db.NewQuery("SELECT status FROM _workflowExecutions WHERE id = {:id}").Bind(map[string]any{"id": id}).Row(&status))
		require.Equal(t, "running", status, "left to the next start")
	}
	require.NoError(t, db.Close())

	s = in.serve()
	row := s.becomes(in, long, "completed", 10*time.Second)
	output := row["output"].(map[string]any)
	require.Equal(t, "again", output["again"])
	require.Equal(t, 2.0, output["attempt"])
	steps := s.list(in, "_workflowSteps", "filter="+`execution="`+long+`"`+"%26%26name='first'")
	require.Equal(t, steps[0]["result"], output["first"])
	require.Equal(t, "again", s.becomes(in, busy, "completed", 10*time.Second)["output"])

	require.Equal(t, "again", s.becomes(in, parked["retry"], "completed", 10*time.Second)["output"])
	require.Equal(t, "up", s.becomes(in, parked["sleeper"], "completed", 10*time.Second)["output"])
	require.Equal(t, "up", s.becomes(in, parked["parent"], "completed", 10*time.Second)["output"])
	s.becomes(in, parked["event"], "waiting", time.Second)
	s.call("POST", "/api/workflows/executions/"+parked["event"]+"/events/go", in.token, 1, nil)
	require.Equal(t, 1.0, s.becomes(in, parked["event"], "completed", 10*time.Second)["output"])
}
