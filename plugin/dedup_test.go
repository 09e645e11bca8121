package plugin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestDedup: while an execution of a key has not ended, another is skipped, or
// replaces it, or is answered with it.
func TestDedup(t *testing.T) {
	t.Parallel()
	for _, hooked := range []bool{false, true} {
		a := newApp(t, plugin.Config{}, one(`
const on = { type: "action", collection: "posts" };
const wait = (ctx) => { ctx.step.sleep("nap", "1h") };
workflow("skip", { on, dedup: "data.title" }, wait);
workflow("replace", { on, dedup: { key: "data.title + ':' + user.id", policy: "replace" } }, wait);
workflow("return", { on, dedup: { key: "data.title", policy: "return" } }, wait);
workflow("ended", { on, dedup: "data.title" }, () => 1);
workflow("none", { on, dedup: "data.missing" }, wait);
`))
		if hooked {
			a.OnRecordCreate("posts").BindFunc(noHook)
		}
		post := func(key, title string) answer {
			return a.create("?triggerWorkflows="+key, map[string]any{"title": title})
		}

		first := post("skip", "A").id(t, "skip")
		second := post("skip", "A")
		require.Equal(t, 200, second.StatusCode)
		require.Equal(t, "skip=duplicate", second.skipped())
		post("skip", "B").id(t, "skip")
		_, err := a.plugin.Cancel(t.Context(), first)
		require.NoError(t, err)
		post("skip", "A").id(t, "skip")

		first = post("replace", "A").id(t, "replace")
		a.becomes(first, "waiting")
		next := post("replace", "A").id(t, "replace")
		require.Equal(t, "canceled", a.row(first).GetString("status"))
		require.Equal(t, "replaced", a.row(first).GetString("reason"))
		a.becomes(next, "waiting")

		first = post("return", "A").id(t, "return")
		require.Equal(t, first, post("return", "A").id(t, "return"))
		require.Len(t, a.rows("return"), 1)
		again, err := a.plugin.Trigger(a.TestApp, "return", map[string]any{"title": "A"}, plugin.TriggerOptions{})
		require.NoError(t, err)
		require.Equal(t, first, again)

		a.row(post("ended", "A").id(t, "ended"))
		post("ended", "A").id(t, "ended")
		post("none", "A").id(t, "none")
		post("none", "A").id(t, "none")
	}
}
