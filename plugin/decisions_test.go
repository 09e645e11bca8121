package plugin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// decisions are what is remembered of a workflow, newest first.
func (a *app) decisions(key string) []map[string]any {
	a.t.Helper()
	res := a.send("super", http.MethodGet, "/api/workflows/"+key+"/decisions", nil)
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	var out []map[string]any
	for _, item := range res.data(a.t)["items"].([]any) {
		out = append(out, item.(map[string]any))
	}
	return out
}

// inShort are decisions in a line each.
func inShort(list []map[string]any) []string {
	out := []string{}
	for _, d := range list {
		named := "named"
		if d["named"] != true {
			named = "global"
		}
		out = append(out, strings.TrimSpace(fmt.Sprint(d["entry"], " ", named, " ", d["verdict"], " ", d["skipped"])))
	}
	return out
}

func TestDecisions_OfWrites(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(
		posted("local", "", "() => {}")+posted("off", "enabled: false", "() => {}")+
			posted("private", "rule: null", "() => {}")+
			posted("held", `mode: "transaction"`, `(ctx) => ctx.fail("never")`)+
			posted("once", `dedup: { key: "collection", policy: "return" }`, `(ctx) => ctx.step.waitForEvent("x")`)+
			`workflow("category", { on: { type: "action", collection: "categories" } }, () => {});
			 workflow("all", { on: { type: "action", collection: "posts", global: true, actions: ["create"], condition: "title != 'quiet'" } }, () => {});
			 workflow("first", { on: { type: "before", collection: "posts" } }, (ctx) => { if (ctx.data.title === "bad") ctx.fail("no") });`,
	))
	user, err := a.FindAuthRecordByEmail("users", "test@example.com")
	require.NoError(t, err)

	id := a.create("?triggerWorkflows=local,local,nobody&token=secret", nil).id(t, "local")
	found := a.decisions("local")
	require.Equal(t, []string{"local named skipped duplicate", "local named started"}, inShort(found))
	require.Equal(t, id, found[1]["execution"])
	require.Equal(t, "users/"+user.Id, found[1]["user"])
	require.Equal(t, "POST /api/collections/posts/records", found[1]["request"])
	require.Equal(t, "the request named it", found[1]["why"])
	require.NotEmpty(t, found[1]["time"])
	require.Equal(t, []string{"nobody named skipped unknown"}, inShort(a.decisions("nobody")))
	require.Equal(t, []string{"all global started"}, inShort(a.decisions("all")))

	a.create("", map[string]any{"title": "quiet"})
	require.Equal(t, []string{"all global skipped condition_false", "all global started"}, inShort(a.decisions("all")))
	require.Contains(t, a.decisions("all")[0]["why"], "condition is false")
	require.Len(t, a.decisions("local"), 2, "it was not named")

	a.create("?triggerWorkflows=off,category!category,all", nil)
	require.Equal(t, []string{"off named skipped disabled"}, inShort(a.decisions("off")))
	require.Equal(t, []string{"category!category named skipped no_related_record"}, inShort(a.decisions("category")))
	require.ElementsMatch(t, []string{"all named skipped not_local", "all global started"}, inShort(a.decisions("all"))[:2])

	require.Equal(t, http.StatusForbidden, a.create("?triggerWorkflows=private", nil).StatusCode)
	require.Equal(t, []string{"private named refused"}, inShort(a.decisions("private")))
	require.Contains(t, a.decisions("private")[0]["why"], "not allowed to trigger")

	require.Equal(t, http.StatusBadRequest, a.create("?triggerWorkflows=held", nil).StatusCode)
	require.Equal(t, []string{"held named refused"}, inShort(a.decisions("held")))
	require.Contains(t, a.decisions("held")[0]["why"], "nothing was written")

	before := len(a.decisions("local"))
	a.send("user", http.MethodPost, "/api/collections/posts/records?triggerWorkflows=local", map[string]any{"title": ""})
	require.Equal(t, "local named refused", inShort(a.decisions("local"))[0], "the record was invalid")
	require.Len(t, a.decisions("local"), before+1)

	a.create("?triggerWorkflows=first,local", map[string]any{"title": "bad"})
	require.Equal(t, []string{"first named started"}, inShort(a.decisions("first")))
	require.Equal(t, "local named refused", inShort(a.decisions("local"))[0])

	one := a.create("?triggerWorkflows=once", nil).id(t, "once")
	require.Equal(t, one, a.create("?triggerWorkflows=once", nil).id(t, "once"))
	require.Equal(t, []string{"once named started", "once named started"}, inShort(a.decisions("once")))
	require.Contains(t, a.decisions("once")[0]["why"], "same dedup key")

	batch := map[string]any{"requests": []any{
		map[string]any{"method": "POST", "url": "/api/collections/posts/records?triggerWorkflows=category!category", "body": map[string]any{"title": "ok", "category": newsID}},
		map[string]any{"method": "POST", "url": "/api/collections/posts/records", "body": map[string]any{"title": ""}},
	}}
	require.Equal(t, http.StatusBadRequest, a.send("user", http.MethodPost, "/api/batch", batch).StatusCode)
	require.Equal(t, "category!category named refused", inShort(a.decisions("category"))[0], "rolled back with its batch")
}

func TestDecisions_OfOtherTriggers(t *testing.T) {
	t.Setenv("WEBHOOK_DECIDED", "right")
	a := newApp(t, plugin.Config{}, one(
		`workflow("hand", { on: { type: "manual", context: "none" } }, () => {});
		 workflow("record", { on: { type: "manual", context: "record", collection: "posts" } }, () => {});
		 workflow("hook", { on: { type: "webhook", auth: { type: "bearer", secretEnv: "WEBHOOK_DECIDED" } } }, () => {});`,
	))
	require.Equal(t, http.StatusUnauthorized, a.send("", http.MethodPost, "/api/workflows/hand/trigger", `{}`).StatusCode)
	a.send("user", http.MethodPost, "/api/workflows/hand/trigger", `{}`)
	require.Equal(t, []string{"hand named started", "hand named refused"}, inShort(a.decisions("hand")))
	a.send("user", http.MethodPost, "/api/workflows/record/trigger", `{}`)
	a.send("user", http.MethodPost, "/api/collections/posts/records/"+fullID+"/trigger?triggerWorkflows=record", `{}`)
	require.Equal(t, []string{"record named started", "record named skipped wrong_trigger"}, inShort(a.decisions("record")))
	a.send("", http.MethodPost, "/api/workflows/hooks/hook?x=secret", `{}`)
	a.send("", http.MethodPost, "/api/workflows/hooks/hook", `{}`, "Authorization", "Bearer right")
	found := a.decisions("hook")
	require.Equal(t, []string{"hook named started", "hook named refused"}, inShort(found))
	require.Equal(t, "POST /api/workflows/hooks/hook", found[1]["request"])
}

func TestDecisions_AreBounded(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(posted("rare", "", "() => {}")+posted("often", "enabled: false", "() => {}")))
	a.create("?triggerWorkflows=rare", nil)
	names := make([]string, 50)
	for i := range 12 { // 600 keys that nobody has
		for j := range names {
			names[j] = fmt.Sprintf("n%d-%d", i, j)
		}
		require.Equal(t, http.StatusOK, a.create("?triggerWorkflows="+strings.Join(names, ","), nil).StatusCode)
	}
	require.Equal(t, []string{"rare named started"}, inShort(a.decisions("rare")), "others do not drive it out")
	require.Equal(t, http.StatusNotFound, a.send("super", http.MethodGet, "/api/workflows/n0-0/decisions", nil).StatusCode)
	require.Len(t, a.decisions("n11-49"), 1)
	for range 60 {
		a.create("?triggerWorkflows=often", nil)
	}
	require.Len(t, a.decisions("often"), 60, "of all there are 500")
	for i := range 12 {
		for j := range names {
			names[j] = fmt.Sprintf("m%d-%d", i, j)
		}
		a.create("?triggerWorkflows="+strings.Join(names, ","), nil)
	}
	require.Len(t, a.decisions("often"), 50, "and of each 50")

	for who, status := range map[string]int{"": 401, "user": 403} {
		require.Equal(t, status, a.send(who, http.MethodGet, "/api/workflows/rare/decisions", nil).StatusCode)
	}
	require.Empty(t, a.decisions("rare")[1:])
	require.Equal(t, http.StatusMethodNotAllowed, a.send("super", http.MethodPost, "/api/workflows/rare/decisions", nil).StatusCode)
}
