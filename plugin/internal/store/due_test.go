package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStore_DuePlan keeps the timers from reading all that is parked.
func TestStore_DuePlan(t *testing.T) {
	t.Parallel()
	app, _ := newStarted(t)
	for _, sql := range []string{dueSQL, nextWakeSQL} {
		var plan []struct {
			Detail string `db:"detail"`
		}
		require.NoError(t, app.DB().NewQuery("EXPLAIN QUERY PLAN "+sql).Bind(map[string]any{"now": "2020", "limit": 10}).All(&plan))
		text := fmt.Sprint(plan)
		require.Contains(t, text, wakeIndex)
		require.NotContains(t, text, "ORDER BY", "the index is in that order already")
		require.NotContains(t, text, "_active")
	}
}
