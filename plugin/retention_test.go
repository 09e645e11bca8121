package plugin_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// often is a config with which a test needs not wait for the janitor.
func often(config plugin.Config) plugin.Config {
	config.RetentionInterval = 20 * time.Millisecond
	return config
}

// stepping is a workflow with two steps that fails when the title says so; more
// are further options.
func stepping(key, more string) string {
	return `workflow("` + key + `", { on: { type: "action", collection: "posts" }, ` + more + ` }, (ctx) => {
    ctx.step.run("one", () => 1);
    ctx.step.run("two", () => 2);
    if (ctx.data.title === "fail") ctx.fail("as asked");
});
`
}

// run triggers a workflow n times and returns the ids, in order.
func (a *app) run(key string, n int, title string) []string {
	a.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = a.create("?triggerWorkflows="+key, map[string]any{"title": title}).id(a.t, key)
	}
	a.drain()
	return ids
}

func (a *app) counts(key string) map[string]int {
	a.t.Helper()
	counts, err := a.plugin.Counts(context.Background(), key)
	require.NoError(a.t, err)
	return counts
}

// left waits until these executions of a workflow are left, and looks a while
// whether they stay.
func (a *app) left(key string, want ...string) {
	a.t.Helper()
	look := func() []string {
		ids := []string{}
		for _, r := range a.rows(key) {
			ids = append(ids, r.Id)
		}
		return ids
	}
	require.EventuallyWithT(a.t, func(c *assert.CollectT) { assert.Equal(c, want, look()) }, soon, glance)
	time.Sleep(100 * time.Millisecond)
	require.Equal(a.t, want, look())
}

// TestRetention_Count: a workflow keeps its newest executions, and what it did is
// still counted.
func TestRetention_Count(t *testing.T) {
	t.Parallel()
	a := newApp(t, often(plugin.Config{}), one(stepping("few", `retention: { count: 3 }`)+stepping("all", "")))
	kept := a.run("all", 4, "fine")
	a.run("few", 4, "fail")
	ids := a.run("few", 4, "fine")
	a.left("few", ids[1:]...)
	a.left("all", kept...)
	require.Equal(t, 2*(3+4), a.count("_workflowSteps"), "steps go with their execution")
	require.Equal(t, map[string]int{"completed": 4, "failed": 4}, a.counts("few"))
	require.Equal(t, map[string]int{"completed": 4}, a.counts("all"))
	require.Empty(t, a.counts("unknown"))
	require.Equal(t, map[string]any{"completed": 1.0, "failed": 4.0}, workflowRow(a, "few")["counters"])

	url := "/api/collections/_workflowExecutions/records/"
	require.Equal(t, http.StatusNoContent, a.send("super", http.MethodDelete, url+ids[3], nil).StatusCode)
	a.left("few", ids[1:3]...)
	require.Equal(t, map[string]int{"completed": 4, "failed": 4}, a.counts("few"), "whoever deletes one")
	_, err := a.plugin.Find(context.Background(), ids[0])
	require.ErrorIs(t, err, plugin.ErrNotFound)
}

// TestRetention_Statuses: a status has its own limits.
func TestRetention_Statuses(t *testing.T) {
	t.Parallel()
	a := newApp(t, often(plugin.Config{}), one(stepping("short", `retention: { count: 1, statuses: { failed: { age: "90d", count: 2 } } }`)))
	failed := a.run("short", 3, "fail")
	done := a.run("short", 3, "fine")
	a.left("short", append(failed[1:], done[2])...)
}

// TestRetention_NewestOptions: what the file says now holds for all that ever ran,
// and what it said last for a workflow that is gone.
func TestRetention_NewestOptions(t *testing.T) {
	t.Parallel()
	a := newApp(t, often(plugin.Config{}), files{"a.js": stepping("a", ""), "gone.js": stepping("gone", "")})
	ids := a.run("a", 3, "fine")
	a.left("a", ids...)
	a.write("a.js", stepping("a", `retention: { count: 2 }`))
	a.left("a", ids[1:]...)
	a.write("a.js", stepping("a", `retention: { count: 0 }`))
	reloaded(a)
	require.Contains(t, workflowRow(a, "a")["error"], `a.js:1: option "retention.count": expected a whole number over 0, got 0`)
	ids = append(ids[1:], a.run("a", 1, "fine")...)
	a.left("a", ids[1:]...)

	a.run("gone", 2, "fine")
	a.write("gone.js", stepping("gone", `retention: "1ms"`))
	a.left("gone", []string{}...)
	a.write("gone.js", stepping("gone", `retention: { count: 1 }`))
	reloaded(a)
	require.NoError(t, os.Remove(filepath.Join(a.dir, "gone.js")))
	comesToSay(a, "gone", "gone=unknown")
	var last string
	for range 3 {
		last = record(t, a, "_workflowExecutions", map[string]any{"workflow": "gone", "status": "completed"}).Id
		time.Sleep(2 * time.Millisecond) // which is created last is told by the clock
	}
	a.left("gone", last)
}

// TestRetention_Config: the app's limits hold where a file has none, and the total
// over everything.
func TestRetention_Config(t *testing.T) {
	t.Parallel()
	statuses := map[string]plugin.RetentionLimit{"failed": {}}
	a := newApp(t, often(plugin.Config{Retention: plugin.Retention{Age: 30 * 24 * time.Hour, Count: 1, Statuses: statuses}}),
		one(stepping("own", `retention: "30d"`)+stepping("default", "")))
	statuses["failed"] = plugin.RetentionLimit{Count: 1} // the plugin has its own copy
	own := a.run("own", 3, "fine")
	failed := a.run("default", 3, "fail")
	done := a.run("default", 3, "fine")
	a.left("default", append(failed, done[2])...)
	a.left("own", own...)

	total := newApp(t, often(plugin.Config{MaxExecutions: 3}), one(stepping("one", "")+stepping("two", "")))
	first := total.run("one", 2, "fine")
	second := total.run("two", 2, "fine")
	total.left("one", first[1:]...)
	total.left("two", second...)
}

// TestRetention_Default: without limits everything stays.
func TestRetention_Default(t *testing.T) {
	t.Parallel()
	a := newApp(t, often(plugin.Config{}), one(stepping("a", "")))
	ids := a.run("a", 3, "fine")
	a.left("a", ids...)
}
