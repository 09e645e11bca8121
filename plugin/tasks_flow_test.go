package plugin_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const two = `assignees: ["anna00000000000", "berta0000000000"]`

// TestTasks_Decisions shows what becomes of the execution: each case has the
// handler's task and what people do, "name action" or "name action code".
func TestTasks_Decisions(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, handler  string
		does           []string
		status, output string
		step           string
	}{
		{
			"rejected", `(ctx) => { ctx.step.task("decide", { ` + two + `, quorum: "all" }) }`,
			[]string{"anna reject 200", "berta approve 409"}, "rejected", `null`, "rejected",
		},
		{
			"rejected and caught", `(ctx) => { try { ctx.step.task("decide", { assignees: "anna00000000000" }) } catch (e) { return [e.name, e instanceof RejectedError, e.answer.action, e.answer.by] } }`,
			[]string{"anna reject 200"}, "completed", `["RejectedError", true, "reject", "anna00000000000"]`, "rejected",
		},
		{
			"rejected, still caught after a park", `(ctx) => { try { ctx.step.task("decide", { assignees: "anna00000000000" }) } catch (e) { ctx.step.sleep("nap", 10); return e.answer.action } }`,
			[]string{"anna reject 200"}, "completed", `"reject"`, "rejected",
		},
		{
			"an action that does not reject", `(ctx) => ctx.step.task("decide", { assignees: "anna00000000000", actions: ["approve", { key: "reject", label: "No", rejects: false }] }).action`,
			[]string{"anna reject 200"}, "completed", `"reject"`, "completed",
		},
		{
			"custom actions", `(ctx) => ctx.step.task("decide", { assignees: "anna00000000000", actions: ["publish", { key: "archive", label: "Put away" }] }).action`,
			[]string{"anna approve 400", "anna archive 200"}, "completed", `"archive"`, "completed",
		},
		{
			"a custom action that rejects", `(ctx) => ctx.step.task("decide", { assignees: "anna00000000000", actions: ["publish", { key: "drop", rejects: true }] }).action`,
			[]string{"anna drop 200"}, "rejected", `null`, "rejected",
		},
		{
			"countersigned", `(ctx) => ctx.step.task("decide", { ` + two + `, quorum: "all" }).answers.map((a) => a.by)`,
			[]string{"berta approve 200", "berta approve 409", "anna approve 200"}, "completed", `["berta0000000000", "anna00000000000"]`, "completed",
		},
		{
			"by share", `(ctx) => ctx.step.task("decide", { assignees: ["anna00000000000", "berta0000000000", "carl00000000000"], quorum: "60%" }).answers.length`,
			[]string{"anna reject 200", "berta approve 200", "carl approve 200"}, "completed", `3`, "completed",
		},
		{
			"by number", `(ctx) => ctx.step.task("decide", { assignees: ["anna00000000000", "berta0000000000", "carl00000000000"], quorum: 2 }).answers.length`,
			[]string{"anna approve 200", "carl approve 200", "berta approve 409"}, "completed", `2`, "completed",
		},
		{
			"one after another", `(ctx) => ctx.step.task("decide", { ` + two + `, order: "sequential" }).by`,
			[]string{"berta approve 409", "anna approve 200", "anna approve 409", "berta approve 200"}, "completed", `"berta0000000000"`, "completed",
		},
		{
			"in a branch", `(ctx) => ctx.step.parallel("both", { a: () => ctx.step.task("decide", { assignees: "anna00000000000" }).by, b: () => { ctx.step.sleep("nap", 20); return 2 } })`,
			[]string{"anna approve 200"}, "completed", `{"a": "anna00000000000", "b": 2}`, "completed",
		},
		{
			"rejected in a branch", `(ctx) => ctx.step.parallel("both", { a: () => ctx.step.task("decide", { assignees: "anna00000000000" }), b: () => { ctx.step.sleep("nap", "1h") } })`,
			[]string{"anna reject 200"}, "rejected", `null`, "rejected",
		},
		{
			"again in a loop", `(ctx) => { const out = []; for (const who of ["anna00000000000", "berta0000000000"]) { out.push(ctx.step.task("decide", { assignees: who }).by) } return out }`,
			[]string{"anna approve 200", "berta approve 200"}, "completed", `["anna00000000000", "berta0000000000"]`, "completed",
		},
		{
			"by an async handler", `async (ctx) => (await ctx.step.task("decide", { assignees: $app.findRecordById("users", "anna00000000000") })).by`,
			[]string{"anna approve 200"}, "completed", `"anna00000000000"`, "completed",
		},
		{
			"by everyone of a role", `(ctx) => ctx.step.task("decide", { assignees: { role: "editor" }, quorum: "all" }).answers.length`,
			[]string{"user approve 200"}, "completed", `1`, "completed",
		},
		{
			"by a superuser", `(ctx) => { const a = ctx.step.task("decide", { assignees: "anna00000000000" }); return [a.byCollection, a.answers[0].for] }`,
			[]string{"super approve 200"}, "completed", `["_superusers", "users/anna00000000000"]`, "completed",
		},
	}
	sources := files{}
	key := func(i int) string { return fmt.Sprintf("case%02d", i) }
	for i, c := range cases {
		sources[key(i)+".js"] = fmt.Sprintf("workflow(%q, { on: { type: \"action\", collection: \"posts\" } }, %s);", key(i), c.handler)
	}
	a := newApp(t, plugin.Config{}, sources)
	p := people(a, "anna", "berta", "carl")
	p["user"], _ = a.FindAuthRecordByEmail("users", "test@example.com")
	p["super"], _ = a.FindAuthRecordByEmail(core.CollectionNameSuperusers, "test@example.com")
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			id := a.trigger(key(i), nil)
			task := a.opens(id)
			for _, does := range c.does {
				var name, action string
				var code int
				_, err := fmt.Sscan(does, &name, &action, &code)
				require.NoError(t, err)
				if c.name == "again in a loop" {
					task = a.opens(id)
				}
				res := a.decides(p[name], task.Id, action)
				require.Equal(t, code, res.StatusCode, "%s: %s", does, res.body)
				if c.name == "again in a loop" && name == "anna" {
					require.Eventually(t, func() bool {
						n, err := a.CountRecords("_workflowTasks")
						return err == nil && a.task(task.Id).GetString("status") == "completed" && n > int64(i)+1
					}, soon, glance)
				}
			}
			row := a.ends(id)
			require.Equal(t, c.status, row.GetString("status"), row.GetString("error"))
			require.JSONEq(t, c.output, row.GetString("output"))
			steps, err := a.FindRecordsByFilter("_workflowSteps", "execution = {:id} && kind = 'task'", "seq", 1, 0, map[string]any{"id": id})
			require.NoError(t, err)
			require.Equal(t, c.step, steps[0].GetString("status"))
			require.Equal(t, c.step, a.task(task.Id).GetString("status"))
		})
	}
}

// TestTasks_Delegate and adding signers go through the assignee's own place.
func TestTasks_Delegate(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: "anna00000000000", quorum: "all" }`)+asking("row", `{ `+two+`, order: "sequential" }`)))
	p := people(a, "anna", "berta", "carl")
	url := func(task, verb string) string { return "/api/workflows/tasks/" + task + "/" + verb }
	t.Run("a place goes to another", func(t *testing.T) {
		id := a.trigger("ask", nil)
		task := a.opens(id).Id
		for _, bad := range []any{map[string]any{}, map[string]any{"to": "nobody"}, map[string]any{"to": "posts/" + fullID}, map[string]any{"to": "anna00000000000"}, map[string]any{"whom": "x"}, `[]`} {
			require.Equal(t, 400, a.as(p["anna"], http.MethodPost, url(task, "delegate"), bad).StatusCode, "%v", bad)
		}
		require.Equal(t, 200, a.as(p["anna"], http.MethodPost, url(task, "delegate"), map[string]any{"to": "berta0000000000"}).StatusCode)
		require.Equal(t, 404, a.decides(p["anna"], task, "approve").StatusCode, "it is not hers any more")
		require.Contains(t, a.task(task).GetString("assignees"), `"delegatedBy":"users/anna00000000000"`)
		require.Equal(t, 200, a.decides(p["berta"], task, "approve").StatusCode)
		require.Equal(t, 409, a.as(p["berta"], http.MethodPost, url(task, "delegate"), map[string]any{"to": "carl00000000000"}).StatusCode)
		require.Equal(t, "completed", a.ends(id).GetString("status"))
	})
	t.Run("not before one's turn", func(t *testing.T) {
		task := a.opens(a.trigger("row", nil)).Id
		require.Equal(t, 409, a.as(p["berta"], http.MethodPost, url(task, "delegate"), map[string]any{"to": "carl00000000000"}).StatusCode)
		require.Equal(t, 409, a.as(p["berta"], http.MethodPost, url(task, "signers"), map[string]any{"user": "carl00000000000"}).StatusCode)
	})
	t.Run("a signer before", func(t *testing.T) {
		id := a.trigger("row", nil)
		task := a.opens(id).Id
		for _, bad := range []map[string]any{{}, {"user": "berta0000000000"}, {"user": "carl00000000000", "order": "first"}} {
			require.Equal(t, 400, a.as(p["anna"], http.MethodPost, url(task, "signers"), bad).StatusCode, "%v", bad)
		}
		require.Equal(t, 200, a.as(p["anna"], http.MethodPost, url(task, "signers"), map[string]any{"user": "carl00000000000", "order": "before"}).StatusCode)
		require.Equal(t, 409, a.decides(p["anna"], task, "approve").StatusCode)
		for _, name := range []string{"carl", "anna", "berta"} {
			require.Equal(t, 200, a.decides(p[name], task, "approve").StatusCode, name)
		}
		require.Equal(t, "completed", a.ends(id).GetString("status"))
	})
	t.Run("a signer after", func(t *testing.T) {
		id := a.trigger("ask", nil)
		task := a.opens(id).Id
		require.Equal(t, 200, a.as(p["anna"], http.MethodPost, url(task, "signers"), map[string]any{"user": "carl00000000000"}).StatusCode)
		require.Equal(t, 409, a.decides(p["carl"], task, "approve").StatusCode)
		require.Equal(t, 200, a.decides(p["anna"], task, "approve").StatusCode)
		require.Equal(t, "waiting", a.task(task).GetString("status"))
		require.Equal(t, 200, a.decides(p["carl"], task, "reject").StatusCode)
		require.Equal(t, "rejected", a.ends(id).GetString("status"))
	})
}

// TestTasks_Withdraw: who caused the execution takes it back.
func TestTasks_Withdraw(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: "anna00000000000", cc: "berta0000000000" }`)+
		`workflow("caught", { on: { type: "action", collection: "posts" } }, (ctx) => { try { ctx.step.task("decide", { assignees: "anna00000000000" }) } catch (e) { return e.name + " " + (e instanceof WithdrawnError) } });`))
	p := people(a, "anna", "berta", "carl")
	start := func(key string) (id, task string) {
		id = a.create("?triggerWorkflows="+key, nil).id(t, key)
		return id, a.opens(id).Id
	}
	id, task := start("ask")
	url := "/api/workflows/tasks/" + task
	require.Equal(t, 404, a.send("user", http.MethodGet, url, nil).StatusCode, "the starter is no assignee")
	require.Equal(t, 403, a.as(p["anna"], http.MethodPost, url+"/withdraw", nil).StatusCode)
	require.Equal(t, 404, a.as(p["carl"], http.MethodPost, url+"/withdraw", nil).StatusCode)
	require.Equal(t, 404, a.as(p["carl"], http.MethodPost, "/api/workflows/executions/"+id+"/withdraw", nil).StatusCode)
	require.Equal(t, 404, a.send("user", http.MethodPost, "/api/workflows/executions/nobody/withdraw", nil).StatusCode)
	res := a.send("user", http.MethodPost, url+"/withdraw", nil)
	require.Equal(t, 200, res.StatusCode, res.body)
	row := a.ends(id)
	require.Equal(t, "canceled withdrawn", row.GetString("status")+" "+row.GetString("reason"))
	require.Equal(t, []string{"task decide canceled"}, a.steps(id))
	require.Equal(t, 409, a.decides(p["anna"], task, "approve").StatusCode)
	require.Equal(t, 409, a.send("user", http.MethodPost, url+"/withdraw", nil).StatusCode)

	id, task = start("caught")
	res = a.send("user", http.MethodPost, "/api/workflows/executions/"+id+"/withdraw", nil)
	require.Equal(t, 200, res.StatusCode, res.body)
	require.Equal(t, []any{task}, res.data(t)["withdrawn"])
	require.Equal(t, "WithdrawnError true", output(t, a.ends(id)))
	require.Equal(t, 409, a.send("user", http.MethodPost, "/api/workflows/executions/"+id+"/withdraw", nil).StatusCode)
}

// TestTasks_Due: what happens when nobody decides in time.
func TestTasks_Due(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(
		asking("null", `{ assignees: "anna00000000000", dueIn: 300 }`)+
			asking("approve", `{ assignees: "anna00000000000", dueIn: 30, onDue: "approve" }`)+
			asking("reject", `{ assignees: "anna00000000000", dueIn: 30, onDue: "reject" }`)+
			asking("fail", `{ assignees: "anna00000000000", dueIn: 30, onDue: "fail" }`)+
			`workflow("caught", { on: { type: "action", collection: "posts" } }, (ctx) => { try { ctx.step.task("decide", { assignees: "anna00000000000", dueIn: 30, onDue: "fail" }) } catch (e) { return e.name } });`))
	p := people(a, "anna")
	id := a.trigger("null", nil)
	task := a.opens(id)
	require.False(t, task.GetDateTime("dueAt").IsZero())
	row := a.ends(id)
	require.Equal(t, "completed null", row.GetString("status")+" "+row.GetString("output"))
	require.Equal(t, "aborted due", a.task(task.Id).GetString("status")+" "+a.task(task.Id).GetString("reason"))
	require.Equal(t, http.StatusGone, a.decides(p["anna"], task.Id, "approve").StatusCode)

	row = a.ends(a.trigger("approve", nil))
	require.Equal(t, map[string]any{"action": "approve", "values": map[string]any{}, "by": "", "byCollection": "", "answers": []any{}}, output(t, row))
	require.Equal(t, "rejected", a.ends(a.trigger("reject", nil)).GetString("status"))
	row = a.ends(a.trigger("fail", nil))
	require.Equal(t, "failed", row.GetString("status"))
	require.Contains(t, row.GetString("error"), "TimeoutError")
	require.Equal(t, "TimeoutError", output(t, a.ends(a.trigger("caught", nil))))
}

// TestTasks_End: an execution that ends takes its open tasks with it, and a rerun
// asks anew.
func TestTasks_End(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: "anna00000000000" }`)+
		`workflow("timed", { on: { type: "action", collection: "posts" }, timeout: 300 }, (ctx) => ctx.step.task("decide", { assignees: "anna00000000000" }));
		workflow("race", { on: { type: "action", collection: "posts" } }, (ctx) => {
			ctx.step.parallel("first", { ask: () => ctx.step.task("decide", { assignees: "anna00000000000" }), nap: () => { ctx.step.sleep("nap", 100) } }, { mode: "race" });
			ctx.step.sleep("later", "1h");
		});`))
	p := people(a, "anna")
	reason := "execution_ended"
	closed := func(task string, by string) {
		require.Eventually(t, func() bool { return a.task(task).GetString("status") == "canceled" }, soon, glance, by)
		require.Equal(t, reason, a.task(task).GetString("reason"))
		require.Equal(t, 409, a.decides(p["anna"], task, "approve").StatusCode, by)
	}
	id := a.trigger("timed", nil)
	task := a.opens(id).Id
	require.Equal(t, "aborted", a.ends(id).GetString("status"))
	closed(task, "the time-out")

	id = a.trigger("ask", nil)
	task = a.opens(id).Id
	require.Equal(t, 200, a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/cancel", nil).StatusCode)
	closed(task, "the cancel")

	res := a.send("super", http.MethodPost, "/api/workflows/executions/"+id+"/rerun", map[string]any{"from": "failed"})
	require.Equal(t, 200, res.StatusCode, res.body)
	again := res.data(t)["id"].(string)
	second := a.opens(again)
	require.NotEqual(t, task, second.Id)
	require.Equal(t, 200, a.decides(p["anna"], second.Id, "approve").StatusCode)
	require.Equal(t, "completed", a.ends(again).GetString("status"))

	require.Equal(t, 204, a.send("super", http.MethodDelete, "/api/collections/_workflowExecutions/records/"+id, nil).StatusCode)
	require.Equal(t, 404, a.as(p["anna"], http.MethodGet, "/api/workflows/tasks/"+task, nil).StatusCode, "deleted with its execution")

	id = a.trigger("race", nil)
	require.Eventually(t, func() bool {
		_, err := a.FindFirstRecordByFilter("_workflowSteps", "execution = {:id} && name = 'later'", map[string]any{"id": id})
		return err == nil
	}, soon, glance)
	r, err := a.FindFirstRecordByData("_workflowTasks", "execution", id)
	require.NoError(t, err)
	reason = "branch_lost"
	closed(r.Id, "the branch has lost")
}

// TestTasks_Together: of many answers at the same moment one decides.
func TestTasks_Together(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ `+two+` }`)))
	p := people(a, "anna", "berta")
	for range 5 {
		id := a.trigger("ask", nil)
		task := a.opens(id).Id
		var mu sync.Mutex
		codes := map[int]int{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				res := a.decides(p[[]string{"anna", "berta"}[i%2]], task, "approve")
				mu.Lock()
				defer mu.Unlock()
				codes[res.StatusCode]++
			}()
		}
		wg.Wait()
		require.Equal(t, map[int]int{200: 1, 409: 7}, codes)
		row := a.ends(id)
		require.Equal(t, "completed", row.GetString("status"))
		require.Len(t, output(t, row).(map[string]any)["answers"], 1)
	}
}

// TestTasks_Superuser acts for an assignee, and says for whom where it could be
// several.
func TestTasks_Superuser(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(asking("ask", `{ `+two+`, quorum: "all" }`)))
	people(a, "anna", "berta")
	id := a.trigger("ask", nil)
	url := "/api/workflows/tasks/" + a.opens(id).Id
	for _, bad := range []map[string]any{{"action": "approve"}, {"action": "approve", "as": "users/nobody"}, {"action": "approve", "as": "anna00000000000"}} {
		res := a.send("super", http.MethodPost, url, bad)
		require.Equal(t, 400, res.StatusCode, res.body)
		require.Contains(t, res.data(t)["data"], "as")
	}
	require.Equal(t, 200, a.send("super", http.MethodPost, url, map[string]any{"action": "approve", "as": "users/berta0000000000"}).StatusCode)
	require.Equal(t, 409, a.send("super", http.MethodPost, url, map[string]any{"action": "approve", "as": "users/berta0000000000"}).StatusCode)
	require.Equal(t, 200, a.send("super", http.MethodPost, url, map[string]any{"action": "approve"}).StatusCode, "only anna is left")
	answers := output(t, a.ends(id)).(map[string]any)["answers"].([]any)
	require.Equal(t, "users/berta0000000000", answers[0].(map[string]any)["for"])
	require.Equal(t, "_superusers", answers[1].(map[string]any)["byCollection"])
}

// TestTasks_Sync: a response does not wait for people longer than for anything
// else, and tells when they said no in time.
func TestTasks_Sync(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: 3 * time.Second}, one(`
workflow("sync", { on: { type: "action", collection: "posts" }, mode: "sync" }, (ctx) => ctx.step.task("decide", { assignees: "anna00000000000", title: "Really?" }));`))
	p := people(a, "anna")
	rejected := make(chan answer, 1)
	go func() { rejected <- a.create("?triggerWorkflows=sync", nil) }()
	var task *core.Record
	require.Eventually(t, func() bool {
		var err error
		task, err = a.FindFirstRecordByData("_workflowTasks", "status", "waiting")
		return err == nil
	}, soon, glance)
	require.Equal(t, 200, a.as(p["anna"], http.MethodPost, "/api/workflows/tasks/"+task.Id, map[string]any{"action": "reject", "comment": "too dear"}).StatusCode)
	res := <-rejected
	require.Equal(t, 400, res.StatusCode, res.body)
	require.Contains(t, res.body, "too dear")

	res = a.create("?triggerWorkflows=sync", nil)
	require.Equal(t, http.StatusAccepted, res.StatusCode, res.body)
	id := res.id(t, "sync")
	require.Equal(t, 200, a.decides(p["anna"], a.opens(id).Id, "approve").StatusCode)
	require.Equal(t, "completed", a.ends(id).GetString("status"))
}
