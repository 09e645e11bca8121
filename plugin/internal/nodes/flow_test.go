package nodes

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// flowNodes run workflows/nodes-flow.js.
var flowNodes = cases{
	"node-condition": func(t *testing.T, d *demo) {
		d.output("node-condition", d.post(object{"title": "Short"}))
		d.output("node-condition", d.post(object{"title": "A title of more than sixty letters, which is a lot for a title"}))
		require.Equal(t, []string{"a short title", "a long title"}, d.logs())
	},
	"node-multi-conditions": func(t *testing.T, d *demo) {
		for views, want := range map[int]string{0: "new", 1: "found", 10: "read", 1000: "hit"} {
			require.Equal(t, want, d.output("node-multi-conditions", d.post(object{"title": "t", "views": views})))
		}
	},
	"node-loop-list": func(t *testing.T, d *demo) {
		id := d.trigger("node-loop-list", d.post(object{"title": "one two three"}))
		d.outputOf(id)
		require.Equal(t, []string{"one", "two", "three"}, d.logs())
		require.Equal(t, []string{"log a word", "log a word", "log a word"}, d.steps(id))
	},
	"node-loop-number": func(t *testing.T, d *demo) {
		id := d.trigger("node-loop-number", d.post(object{"title": "t"}))
		sum := d.outputOf(id).(object)["sum"].(float64)
		require.GreaterOrEqual(t, sum, 3.0)
		require.LessOrEqual(t, sum, 18.0)
		require.Len(t, d.steps(id), 3)
	},
	"node-loop-while": func(t *testing.T, d *demo) {
		post := d.post(object{"title": "t"})
		id := d.trigger("node-loop-while", post)
		require.Eventually(t, func() bool { return len(d.steps(id)) >= 6 }, soon, glance, "three looks, three waits")
		d.save("comments", object{"content": "c", "post": post.Id})
		looks := d.outputOf(id).(object)["looks"].(float64)
		require.GreaterOrEqual(t, looks, 4.0)
		require.Len(t, d.steps(id), int(looks)*2-1, "each look is kept once, though the handler ran again after every wait")
	},
	"node-loop-errors": func(t *testing.T, d *demo) {
		require.Equal(t, object{"fine": list{"all", "good"}, "first": list{"all", "good"}}, d.output("node-loop-errors", d.post(object{"title": "all good"})))
		id := d.trigger("node-loop-errors", d.post(object{"title": "a bad day"}))
		row := d.ends(id)
		require.Equal(t, "failed", row.GetString("status"))
		require.Contains(t, row.GetString("error"), "a bad word")
		require.Equal(t, []string{
			"check and continue", "check and continue", "check and continue",
			"check and break", "check and break",
			"check and exit", "check and exit",
		}, d.steps(id))
	},
	"node-parallel": func(t *testing.T, d *demo) {
		require.Equal(t, object{"all": object{"quick": "quick", "slow": "slow"}, "any": "slow", "race": "quick"},
			d.output("node-parallel", d.post(object{"title": "t"})))
	},
	"node-variable": func(t *testing.T, d *demo) {
		d.post(object{"title": "one two"})
		require.Equal(t, object{"words": 5.0}, d.output("node-variable", d.post(object{"title": "three four five"})))
	},
	"node-invoke": func(t *testing.T, d *demo) {
		require.Equal(t, object{"slug": "hello-world"}, d.output("node-invoke", d.post(object{"title": "Hello, World"})))
		require.Eventually(t, func() bool { return len(d.logs()) == 1 }, soon, glance, "the other one runs by itself")
	},
	"node-output": func(t *testing.T, d *demo) {
		require.Equal(t, "a-b", d.output("node-output", object{"title": "A b"}))
	},
	"node-delay": func(t *testing.T, d *demo) {
		id := d.trigger("node-delay", d.post(object{"title": "t"}))
		require.Equal(t, "waited", d.outputOf(id))
		row := d.ends(id)
		took := row.GetDateTime("finishedAt").Sub(row.GetDateTime("created"))
		require.GreaterOrEqual(t, took.Milliseconds(), int64(90))
		require.Equal(t, []string{"wait a moment", "until a date"}, d.steps(id))
	},
	"node-end": func(t *testing.T, d *demo) {
		require.Equal(t, object{"read": true}, d.output("node-end", d.post(object{"title": "t", "views": 1})))
		status, message := d.failure("node-end", d.post(object{"title": "t"}))
		require.Equal(t, "failed", status)
		require.Equal(t, "nobody read it", message)
	},
}
