package nodes

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// calculateNodes run workflows/nodes-calculate.js.
var calculateNodes = cases{
	"node-calculation": func(t *testing.T, d *demo) {
		require.Equal(t, object{"words": 3.0, "perWord": 3.33, "label": "3 WORDS"},
			d.output("node-calculation", d.post(object{"title": "one two three", "views": 10})))
	},
	"node-dates": func(t *testing.T, d *demo) {
		require.Equal(t, object{
			"inAMonth":     "2026-04-28 22:30:00.000Z",
			"aDayEarlier":  "2026-03-27 22:30:00.000Z",
			"in36Hours":    "2026-03-30 10:30:00.000Z",
			"daysToEaster": 8.0,
			"isPast":       true,
			"text":         "28.03.2026 22:30",
			"inBerlin":     "Sat 23:30",
			"fromBerlin":   "2026-03-29 10:00:00.000Z",
			"parts":        list{2026.0, 3.0, 28.0, 6.0},
			"monthStart":   "2026-03-01 00:00:00.000Z",
			"monthEnd":     "2026-03-31 23:59:59.999Z",
			"isLeapYear":   false,
			"seconds":      1774737000.0,
		}, d.output("node-dates", d.post(object{"title": "t"})))
	},
	"node-json-query": func(t *testing.T, d *demo) {
		require.Equal(t, object{"expensive": list{"desk", "tree"}, "city": "London", "total": 292.0, "tags": list{"office", "wood"}},
			d.output("node-json-query", d.post(object{"title": "t"})))
	},
	"node-json-mapping": func(t *testing.T, d *demo) {
		require.Equal(t, object{"name": "Ada", "phone": "none", "firstItem": "pen", "prices": object{"pen": 2.0, "desk": 250.0, "tree": 40.0}},
			d.output("node-json-mapping", d.post(object{"title": "t"})))
	},
	"node-javascript": func(t *testing.T, d *demo) {
		require.Equal(t, object{"score": 4.0, "hash": "185f8db3"}, d.output("node-javascript", d.post(object{"title": "Hello"})))
		out := d.output("node-javascript", object{"title": nil})
		require.Equal(t, 0.0, out.(object)["score"])
		require.NotEmpty(t, out.(object)["why"])
	},
}
