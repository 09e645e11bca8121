package plugin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// posted is a workflow of posts.
func posted(key, options, fn string) string {
	return fmt.Sprintf("workflow(%q, { on: { type: \"action\", collection: \"posts\" }, %s },\n%s);\n", key, options, fn)
}

// dry is the answer of a dry run.
func (a *app) dry(key, body string) map[string]any {
	a.t.Helper()
	res := a.send("super", http.MethodPost, "/api/workflows/"+key+"/run", `{"dry":true`+body+`}`)
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	return res.data(a.t)
}

// everything counts the rows that a dry run could leave.
func (a *app) everything() map[string]int {
	out := map[string]int{}
	for _, name := range []string{"posts", "logs", "tags", "_workflowExecutions", "_workflowSteps", "_workflowEvents"} {
		if n, err := a.CountRecords(name); err == nil {
			out[name] = int(n)
		}
	}
	return out
}

func TestDryRun_TellsWhatItWouldDo(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(posted("all", `timeout: "7d"`, `(ctx) => {
    ctx.respond("hello " + ctx.user.name + " as " + ctx.roleName);
    ctx.log.info("begun", { n: 1 });
    const slug = ctx.step.run("slug", () => ctx.data.title.toLowerCase());
    ctx.step.transaction("save", (txApp) => {
        const post = txApp.findRecordById("posts", ctx.data.id);
        post.set("slug", slug);
        txApp.save(post);
        const log = new Record(txApp.findCollectionByNameOrId("logs"));
        log.set("message", "saved");
        txApp.save(log);
    });
    try {
        ctx.step.transaction("undone", (txApp) => {
            const log = new Record(txApp.findCollectionByNameOrId("logs"));
            txApp.save(log);
            throw new Error("no");
        });
    } catch (e) {}
    ctx.step.run("tidy", () => { $app.delete($app.findRecordById("tags", "`+goTagID+`")) });
    ctx.step.sleep("a while", "3d");
    const answer = ctx.step.waitForEvent("answer", { timeout: "1d" });
    const child = ctx.step.invoke("child", "other", { data: 1 });
    const both = ctx.step.parallel("both", { a: () => ctx.step.run("x", () => 1), b: () => { ctx.step.sleep("nap", "1h"); return 2 } });
    return { slug, answer, child, both, after: $app.findRecordById("posts", ctx.data.id).get("slug") };
}`)+posted("other", "", "() => {}")))
	client := subscriptions.NewDefaultClient()
	client.Subscribe("posts/*", "logs/*", "_workflowExecutions/*")
	superuser, err := a.FindAuthRecordByEmail(core.CollectionNameSuperusers, "test@example.com")
	require.NoError(t, err)
	client.Set("auth", superuser)
	a.SubscriptionsBroker().Register(client)
	messages := make(chan subscriptions.Message, 100)
	go func() {
		for m := range client.Channel() {
			messages <- m
		}
	}()
	t.Cleanup(client.Discard)
	succeeded := 0
	for _, h := range []func(func(*core.RecordEvent) error) string{
		a.OnRecordAfterCreateSuccess("logs").BindFunc, a.OnRecordAfterUpdateSuccess("posts").BindFunc, a.OnRecordAfterDeleteSuccess("tags").BindFunc,
	} {
		h(func(e *core.RecordEvent) error { succeeded++; return e.Next() })
	}
	before := a.everything()
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)
	user.Set("name", "Ann")
	require.NoError(t, a.Save(user))

	out := a.dry("all", fmt.Sprintf(`,"record":%q,"user":%q,"roleName":"editor"`, fullID, "users/"+user.Id))
	require.Equal(t, "completed", out["status"], out["error"])
	require.Equal(t, true, out["dry"])
	require.Nil(t, out["error"])
	require.Equal(t, map[string]any{"slug": "full", "answer": nil, "child": nil, "both": map[string]any{"a": 1.0, "b": 2.0}, "after": "full"}, out["output"])
	require.Equal(t, []any{"hello Ann as editor"}, out["messages"])
	require.Equal(t, "begun", out["logs"].([]any)[0].(map[string]any)["message"])

	steps := map[string]map[string]any{}
	for _, s := range out["steps"].([]any) {
		steps[s.(map[string]any)["name"].(string)] = s.(map[string]any)
	}
	require.Len(t, steps, 12)
	require.Equal(t, "full", steps["slug"]["result"])
	require.Equal(t, false, steps["slug"]["wouldWait"])
	require.Equal(t, "failed", steps["undone"]["status"])
	require.InDelta(t, 18, steps["undone"]["error"].(map[string]any)["line"], 0)
	for _, name := range []string{"a while", "answer", "child", "both/b/nap"} {
		require.Equal(t, true, steps[name]["wouldWait"], name)
		require.Equal(t, "completed", steps[name]["status"], name)
	}

	writes := out["writes"].([]any)
	require.Len(t, writes, 4, "that of the step that failed is undone")
	require.Equal(t, map[string]any{"action": "update", "collection": "posts", "id": fullID, "values": map[string]any{"slug": "full"}}, writes[0])
	require.Equal(t, "saved", writes[1].(map[string]any)["values"].(map[string]any)["message"])
	kinds := []any{}
	for _, w := range writes[2:] {
		kinds = append(kinds, w.(map[string]any)["action"].(string)+" "+w.(map[string]any)["collection"].(string))
	}
	require.ElementsMatch(t, []any{"delete tags", "update posts"}, kinds, "with what the deletion does to posts")
	require.Empty(t, out["calls"])

	require.Equal(t, before, a.everything())
	post, err := a.FindRecordById("posts", fullID)
	require.NoError(t, err)
	require.Empty(t, post.GetString("slug"))
	require.Len(t, post.GetStringSlice("tags"), 2)
	require.Zero(t, succeeded)

	// The first message is that of a write which stays.
	post.Set("title", "In earnest")
	require.NoError(t, a.Save(post))
	select {
	case m := <-messages:
		require.Contains(t, string(m.Data), "In earnest")
	case <-time.After(10 * time.Second):
		require.Fail(t, "nobody was told of the real write")
	}
}

func TestDryRun_ReachesNothingOutside(t *testing.T) {
	t.Parallel()
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "written")
	a := newApp(t, plugin.Config{}, one(posted("out", "retries: { limit: 3, delay: \"1h\" }", `(ctx) => {
    const said = [];
    const attempt = (fn) => { try { fn(); said.push("done") } catch (e) { said.push(e.message) } };
    attempt(() => ctx.step.run("call", () => $http.send({ method: "POST", url: ctx.data.url + "?token=secret" })));
    attempt(() => $app.newMailClient().send(new MailerMessage({ to: [{ address: "a@example.com" }], subject: "Hi" })));
    attempt(() => $os.writeFile(ctx.data.file, "x", 0o644));
    attempt(() => $filesystem.fileFromURL(ctx.data.url));
    attempt(() => $app.newFilesystem());
    attempt(() => $app.createBackup(new Context(), "x.zip"));
    attempt(() => ctx.step.transaction("in a step", (txApp) => txApp.auxSave(null)));
    attempt(() => $app.runInTransaction((txApp) => txApp.newBackupsFilesystem()));
    attempt(() => ctx.step.http("ask", { url: ctx.data.url }));
    attempt(() => $workflows.mail({ to: "a@example.com", subject: "Hi", text: "Hello" }));
    attempt(() => $workflows.notify("USER", "notices", {}));
    const id = $workflows.trigger("broker", { a: 1 });
    said.push($workflows.find ? typeof id : "");
    sleep(60000);
    return said;
}`)+posted("broker", "", `() => $app.subscriptionsBroker().clients()`)))
	before := a.everything()
	mails := a.TestMailer.TotalSend()
	out := a.dry("out", fmt.Sprintf(`,"data":{"url":%q,"file":%q}`, server.URL, file))
	require.Equal(t, "completed", out["status"], out["error"])
	said := out["output"].([]any)
	require.Len(t, said, 12)
	for _, s := range said[:11] {
		require.Contains(t, s, "a dry run does nothing that can't be undone")
	}
	require.Equal(t, "string", said[11])
	calls := out["calls"].([]any)
	require.Len(t, calls, 12)
	require.Equal(t, map[string]any{"call": "$http.send", "target": "POST " + server.URL, "refused": true}, calls[0])
	require.Equal(t, map[string]any{"call": "$app.newMailClient().send", "target": "a@example.com: Hi", "refused": true}, calls[1])
	require.Equal(t, map[string]any{"call": "$workflows.trigger", "target": "broker", "refused": false}, calls[11])
	require.Zero(t, requests)
	require.Equal(t, mails, a.TestMailer.TotalSend())
	_, err := os.Stat(file)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Equal(t, before, a.everything())

	out = a.dry("broker", "")
	require.Equal(t, "error", out["status"])
	require.Contains(t, out["error"].(map[string]any)["message"], "$app.subscriptionsBroker")

	require.Equal(t, "completed", a.ends(a.trigger("broker", nil)).GetString("status"), "in earnest all of it is there again")
}

func TestDryRun_ListsWhatHooksWrite(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(posted("one", "", `(ctx) => {
    const log = new Record($app.findCollectionByNameOrId("logs"));
    log.set("message", "mine");
    $app.save(log);
    const user = new Record($app.findCollectionByNameOrId("users"));
    user.setEmail("new@example.com"); user.setPassword("1234567890");
    $app.save(user);
}`)))
	a.OnRecordCreate("logs").BindFunc(func(e *core.RecordEvent) error {
		e.Record.Set("message", e.Record.GetString("message")+", changed")
		if err := e.Next(); err != nil || e.Record.GetString("message") == "by a hook, changed" {
			return err
		}
		_, err := newRecord(e.App, "logs", map[string]any{"message": "by a hook"})
		return err
	})
	out := a.dry("one", "")
	require.Equal(t, "completed", out["status"], out["error"])
	writes := out["writes"].([]any)
	require.Len(t, writes, 3)
	for i, message := range []string{"mine, changed", "by a hook, changed"} {
		require.Equal(t, message, writes[i].(map[string]any)["values"].(map[string]any)["message"])
	}
	user := writes[2].(map[string]any)["values"].(map[string]any)
	require.Equal(t, "new@example.com", user["email"])
	require.Equal(t, "(secret)", user["password"])
	require.Equal(t, "(secret)", user["tokenKey"])
	require.Zero(t, a.count("logs"))
}

func TestDryRun_Ends(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(
		posted("fails", "", "(ctx) => { ctx.step.run('a', () => 1);\n ctx.fail('not today', { a: 1 }) }")+
			posted("throws", "", "(ctx) => {\n\n  null.x }")+
			posted("retries", `retries: { limit: 5, delay: "2h" }`, `(ctx) => ctx.step.run("flaky", () => { throw new Error("once") })`)+
			posted("endless", "", "(ctx) => { while (true) {} }")+
			posted("held", `mode: "transaction"`, "(ctx) => { ctx.step.sleep('a', 1) }")+
			posted("off", "enabled: false", "(ctx) => ctx.data")+
			`workflow("first", { on: { type: "before", collection: "posts" } }, (ctx) => { ctx.record.set("slug", "set"); return [ctx.record.isNew(), ctx.record.get("title"), ctx.record.get("slug")] });`,
	))
	end := func(key, body string) (status any, err map[string]any) {
		out := a.dry(key, body)
		err, _ = out["error"].(map[string]any)
		return out["status"], err
	}
	status, err := end("fails", "")
	require.Equal(t, "failed", status)
	require.Equal(t, "not today", err["message"])
	status, err = end("throws", "")
	require.Equal(t, "error", status)
	require.InDelta(t, 7, err["line"], 0)
	require.Contains(t, err["file"], "/all.js")
	status, err = end("retries", "")
	require.Equal(t, "failed", status)
	require.Equal(t, "once", err["message"])
	require.InDelta(t, 1, a.dry("retries", "")["steps"].([]any)[0].(map[string]any)["attempt"], 0, "steps are not tried again")
	status, err = end("held", "")
	require.Equal(t, "error", status)
	require.Contains(t, err["message"], `can't be used in mode "transaction"`)
	require.Nil(t, a.dry("off", "")["output"])
	require.Equal(t, []any{true, "New", "set"}, a.dry("first", `,"data":{"title":"New"}`)["output"])
	require.Equal(t, []any{false, "Full", "set"}, a.dry("first", `,"record":"`+fullID+`"`)["output"])
	began := time.Now()
	status, err = end("endless", "")
	require.Equal(t, "aborted", status)
	require.Contains(t, err["message"], "timeout")
	require.Less(t, time.Since(began), 10*time.Second)
	require.Zero(t, a.count("_workflowExecutions"))
}

func TestRun_ForReal(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(
		posted("real", "", "(ctx) => [ctx.data.title ?? ctx.data, ctx.user?.id ?? null, ctx.roleName]")+
			`workflow("list", { on: { type: "manual", context: "records", collection: "posts" } }, (ctx) => ctx.data.length);`,
	))
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)
	run := func(key, body string) any {
		t.Helper()
		res := a.send("super", http.MethodPost, "/api/workflows/"+key+"/run", body)
		require.Equal(t, http.StatusAccepted, res.StatusCode, res.body)
		require.Equal(t, key, res.data(t)["workflow"])
		return output(t, a.row(res.data(t)["id"].(string)))
	}
	require.Equal(t, []any{"Full", user.Id, "boss"}, run("real", `{"record":"`+fullID+`","user":"`+user.Id+`","roleName":"boss"}`))
	require.Equal(t, []any{"text", nil, ""}, run("real", `{"data":"text","dry":false}`))
	require.InDelta(t, 1, run("list", `{"record":"`+fullID+`"}`), 0)
}

func TestRun_Refused(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"all.js": posted("flow", "", "() => {}") + posted("off", "enabled: false", "() => {}") +
			`workflow("bare", { on: { type: "manual", context: "none" } }, () => {});
			 workflow("first", { on: { type: "before", collection: "posts" } }, () => {});`,
		"wrong.js": `workflow("wrong", { on: { type: "action" } }, () => {})`,
	})
	for name, c := range map[string]struct {
		who, key, body string
		status         int
		message        string
	}{
		"a guest":                  {"", "flow", `{}`, 401, ""},
		"a user":                   {"user", "flow", `{}`, 403, ""},
		"an unknown workflow":      {"super", "nobody", `{}`, 404, ""},
		"an unknown workflow, dry": {"super", "nobody", `{"dry":true}`, 404, ""},
		"an invalid one":           {"super", "wrong", `{"dry":true}`, 400, "on.collection"},
		"a disabled one":           {"super", "off", `{}`, 400, "is disabled"},
		"before a write":           {"super", "first", `{}`, 400, "runs before a write only"},
		"no object":                {"super", "flow", `[]`, 400, "must be a JSON object"},
		"an unknown field":         {"super", "flow", `{"records":[]}`, 400, "records"},
		"a record and data":        {"super", "flow", `{"record":"x","data":1}`, 400, "not for both"},
		"an unknown record":        {"super", "flow", `{"record":"x"}`, 400, `no record \"x\" in \"posts\"`},
		"a record of nothing":      {"super", "bare", `{"record":"x","dry":true}`, 400, "not for records"},
		"an unknown user":          {"super", "flow", `{"user":"x","dry":true}`, 400, `no user \"x\"`},
		"a user of posts":          {"super", "flow", `{"user":"posts/` + fullID + `"}`, 400, "no user"},
		"dry before, no values":    {"super", "first", `{"dry":true,"data":[1]}`, 400, "must be an object"},
	} {
		res := a.send(c.who, http.MethodPost, "/api/workflows/"+c.key+"/run", c.body)
		require.Equal(t, c.status, res.StatusCode, "%s: %s", name, res.body)
		require.Contains(t, res.body, c.message, name)
	}
	require.Equal(t, http.StatusMethodNotAllowed, a.send("super", http.MethodGet, "/api/workflows/flow/run", nil).StatusCode)
	require.Zero(t, a.count("_workflowExecutions"))
}
