package e2e

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/stretchr/testify/require"
)

const sleeperWorkflow = `
workflow("sleeper", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const first = ctx.step.run("first", () => $security.randomString(12));
    ctx.step.sleep("nap", "1h");
    ctx.step.transaction("wake", (txApp) => {
        const log = new Record(txApp.findCollectionByNameOrId("logs"));
        log.set("message", ctx.execution.id + " " + first);
        txApp.save(log);
    });
    return first;
});
workflow("napper", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const first = ctx.step.run("first", () => $security.randomString(12));
    ctx.step.sleep("nap", "1h");
    return ctx.step.run("last", () => first);
});
`

// pbDate is a time as the database has it, counted from now: an SQLite modifier
// follows.
const pbDate = "strftime('%Y-%m-%d %H:%M:%fZ', 'now', "

// sleep parks one execution of a workflow of sleeperWorkflow.
func (s *server) sleep(in *instance, key string) string {
	s.t.Helper()
	id := s.start(in, key)
	s.becomes(in, id, "waiting", 10*time.Second)
	return id
}

// wake sets when executions are due: an SQLite modifier says how long from now.
// No server may run.
func (in *instance) wake(executions, when string) {
	in.t.Helper()
	in.exec("UPDATE _workflowSteps SET wakeAt = "+pbDate+"{:when}) WHERE status = 'waiting' AND execution IN ("+executions+")", dbx.Params{"when": when})
	in.exec("UPDATE _workflowExecutions SET wakeAt = "+pbDate+"{:when}) WHERE id IN ("+executions+")", dbx.Params{"when": when})
}

// TestTimers_Down lets sleepers fall due while no server runs.
func TestTimers_Down(t *testing.T) {
	in := newInstance(t, map[string]string{"sleeper.js": sleeperWorkflow})
	s := in.serve()
	killed, sleeps := s.sleep(in, "sleeper"), s.sleep(in, "sleeper")
	s.kill()
	in.wake("'"+killed+"'", "-1 minutes")
	s = in.serve()
	began := time.Now()
	row := s.becomes(in, killed, "completed", 5*time.Second)
	t.Logf("ended %s after the start", time.Since(began))
	require.Equal(t, 2.0, row["attempt"])
	s.stop()

	// Once more: nothing is left that could fire again.
	s = in.serve()
	time.Sleep(300 * time.Millisecond)
	logs := s.list(in, "logs", "fields=message")
	require.Len(t, logs, 1)
	require.Equal(t, fmt.Sprintf("%s %s", killed, row["output"]), logs[0]["message"])
	require.Equal(t, "waiting", s.becomes(in, sleeps, "waiting", time.Second)["status"])
	s.stop()
	in.wake("'"+sleeps+"'", "+1 seconds")
	s = in.serve()
	s.becomes(in, sleeps, "completed", 5*time.Second)
	require.Len(t, s.list(in, "logs", "fields=message"), 2)
}

// park copies a parked execution, with its steps, so that there are n more, each
// with an id that begins with prefix. No server may run.
func (in *instance) park(id, prefix string, n int) {
	in.t.Helper()
	db := in.database()
	defer db.Close()
	copied := func(table, owner, condition string) string {
		var columns []string
		require.NoError(in.t, db.NewQuery("SELECT name FROM pragma_table_info({:table})").Bind(dbx.Params{"table": table}).Column(&columns))
		names, values := "", ""
		for _, c := range columns {
			names += ", `" + c + "`"
			switch c {
			case "id":
				// A step's id only has to be one of its own.
				values += ", {:prefix} || printf('%0*d', 15 - length({:prefix}), n.n * 10" + map[bool]string{true: ")", false: " + (row_number() OVER (PARTITION BY n.n)))"}[table == "_workflowExecutions"]
			case owner, "root":
				values += ", {:prefix} || printf('%0*d', 15 - length({:prefix}), n.n * 10)"
			default:
				values += ", t.`" + c + "`"
			}
		}
		return "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {:count})" +
			" INSERT INTO " + table + " (" + names[2:] + ") SELECT " + values[2:] + " FROM n, " + table + " t WHERE " + condition
	}
	params := dbx.Params{"prefix": prefix, "count": n, "id": id}
	require.NoError(in.t, db.Transactional(func(tx *dbx.Tx) error {
		if _, err := tx.NewQuery(copied("_workflowExecutions", "", "t.id = {:id}")).Bind(params).Execute(); err != nil {
			return err
		}
		_, err := tx.NewQuery(copied("_workflowSteps", "execution", "t.execution = {:id}")).Bind(params).Execute()
		return err
	}))
}

// TestTimers_Many parks very many executions, which is to cost the server next to
// nothing, and lets 1,000 of them fall due at once.
func TestTimers_Many(t *testing.T) {
	const parked, due = manyParked, 1000
	in := newInstance(t, map[string]string{"sleeper.js": sleeperWorkflow})
	s := in.serve()
	id := s.sleep(in, "napper")
	s.stop()
	s = in.serve()
	s.becomes(in, id, "waiting", time.Second)
	before := s.settledMemory()
	s.stop()

	began := time.Now()
	in.park(id, "far", parked)
	t.Logf("%d executions inserted in %s", parked, time.Since(began))
	began = time.Now()
	s = in.serve()
	s.becomes(in, id, "waiting", time.Second)
	t.Logf("started in %s", time.Since(began))
	after := s.settledMemory()
	logSize(t, "without parked executions", before)
	logSize(t, fmt.Sprintf("with %d", parked), after)
	require.Less(t, after-before, int64(50*megabyte))
	s.stop()

	in.park(id, "due", due)
	in.countEnds()
	wakeAt := time.Now().Add(2 * time.Second)
	in.wake("SELECT id FROM _workflowExecutions WHERE id LIKE 'due%'", "+2 seconds")
	s = in.serve()
	db := in.database() // to look on: counting them over REST costs the server more than running them
	ended := func() (n int) {
		require.NoError(t, db.NewQuery("SELECT COUNT(*) FROM ends").Row(&n))
		return n
	}
	time.Sleep(time.Until(wakeAt.Add(-100 * time.Millisecond)))
	require.Zero(t, ended(), "not before their time")
	used := s.cpu()
	began = time.Now()
	require.Eventually(t, func() bool { return ended() == due }, 20*time.Second, 10*time.Millisecond)
	took := time.Since(began)
	t.Logf("%d executions that are due together have ended within %s, with %s of CPU time", due, took, s.cpu()-used)
	require.Less(t, took, 5*time.Second)
	logSize(t, "then", s.memory())
	time.Sleep(200 * time.Millisecond)
	require.Equal(t, due, ended(), "each once")
	require.Equal(t, parked+1, s.count(in, "_workflowExecutions", `status="waiting"`))
}

// count counts the records that satisfy a filter.
func (s *server) count(in *instance, collection, filter string) int {
	s.t.Helper()
	var result struct{ TotalItems int }
	s.call("GET", "/api/collections/"+collection+"/records?perPage=1&filter="+url.QueryEscape(filter), in.token, nil, &result)
	return result.TotalItems
}
