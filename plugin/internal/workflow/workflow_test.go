package workflow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestStatus_FinalHasNoWayOut(t *testing.T) {
	t.Parallel()
	for _, from := range workflow.Statuses {
		for _, to := range workflow.Statuses {
			if from.Final() || from == to {
				require.Falsef(t, from.CanBecome(to), "%s to %s", from, to)
			}
			if !from.Final() && to.Final() && (from != workflow.StatusWaiting || to != workflow.StatusCompleted) {
				require.Truef(t, from.CanBecome(to), "%s to %s", from, to)
			}
		}
	}
	require.True(t, workflow.StatusRunning.CanBecome(workflow.StatusQueued), "recovery")
	require.False(t, workflow.Status("odd").Final())
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   any
		want time.Duration
	}{
		{1500, 1500 * time.Millisecond},
		{int64(2), 2 * time.Millisecond},
		{1.5, 1500 * time.Microsecond},
		{0, 0},
		{"1500ms", 1500 * time.Millisecond},
		{"30s", 30 * time.Second},
		{"0.5s", 500 * time.Millisecond},
		{"5m", 5 * time.Minute},
		{"2h", 2 * time.Hour},
		{"3d", 72 * time.Hour},
		{"1w", 168 * time.Hour},
	} {
		got, err := workflow.ParseDuration(c.in)
		require.NoErrorf(t, err, "%v", c.in)
		require.Equalf(t, c.want, got, "%v", c.in)
	}
	for _, bad := range []any{"", "s", "5", "5 s", "-5s", "1e3s", "1.2.3s", "5y", "1h30m", -1, nil, true, []string{"1s"}, "99999999w"} {
		_, err := workflow.ParseDuration(bad)
		require.ErrorContainsf(t, err, "expected a duration", "%v", bad)
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"1s", "1500ms", "0.1w", "x", ".s", "1m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := workflow.ParseDuration(s); err == nil {
			require.GreaterOrEqual(t, d, time.Duration(0))
		}
	})
}

func TestValidKey(t *testing.T) {
	t.Parallel()
	require.True(t, workflow.ValidKey("publish-post_2"))
	for _, bad := range []string{"", "-a", "_a", "a b", "a!b", "ä", string(make([]byte, 65))} {
		require.Falsef(t, workflow.ValidKey(bad), "%q", bad)
	}
}

func TestTrigger_Listens(t *testing.T) {
	t.Parallel()
	require.True(t, workflow.Trigger{}.Listens(workflow.ActionDelete), "a local trigger without actions takes any")
	require.False(t, workflow.Trigger{Global: true}.Listens(workflow.ActionCreate), "a global trigger without actions never runs")
	only := workflow.Trigger{Actions: []workflow.Action{workflow.ActionUpdate}}
	require.True(t, only.Listens(workflow.ActionUpdate))
	require.False(t, only.Listens(workflow.ActionCreate))
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	entry := func(key string, on workflow.Trigger) *workflow.Entry {
		return &workflow.Entry{Enabled: true, Version: workflow.Version{Workflow: key, Definition: workflow.Definition{Key: key, On: on}}}
	}
	create := []workflow.Action{workflow.ActionCreate, workflow.ActionCreate}
	global := workflow.Trigger{Type: workflow.TriggerAction, Collection: "posts", Global: true, Actions: create}
	local := global
	local.Global = false
	disabled, broken := entry("c", global), entry("d", global)
	disabled.Enabled = false
	broken.Problem = &workflow.Problem{Message: "broken"}
	c := workflow.NewCatalog([]*workflow.Entry{entry("a", global), entry("b", local), disabled, broken})

	require.Equal(t, 4, c.Len())
	require.Equal(t, "b", c.Find("b").Version.Workflow)
	require.Nil(t, c.Find("x"))
	got := c.Globals("posts", workflow.ActionCreate)
	require.Len(t, got, 1, "once, though the action is named twice; never disabled or broken ones")
	require.Equal(t, "a", got[0].Version.Workflow)
	require.Empty(t, c.Globals("posts", workflow.ActionUpdate))

	var none *workflow.Catalog
	require.Nil(t, none.Find("a"))
	require.Nil(t, none.Globals("posts", workflow.ActionCreate))
	require.Zero(t, none.Len())
}

func TestRecurs(t *testing.T) {
	t.Parallel()
	chain := []workflow.Link{{Workflow: "a", Target: "posts/1"}}
	require.True(t, workflow.Recurs(chain, "a", "posts/1", false))
	require.False(t, workflow.Recurs(chain, "a", "posts/1", true))
	require.False(t, workflow.Recurs(chain, "a", "posts/2", false))
	require.False(t, workflow.Recurs(chain, "b", "posts/1", false))
	require.False(t, workflow.Recurs(make([]workflow.Link, workflow.MaxDepth), "b", "posts/1", true), "depth 10 still runs")
	require.True(t, workflow.Recurs(make([]workflow.Link, workflow.MaxDepth+1), "b", "posts/1", true), "even with re-entry")
}

func TestProblem_Error(t *testing.T) {
	t.Parallel()
	require.Equal(t, `a.js:3: option "on.type": expected a string`,
		(&workflow.Problem{File: "a.js", Line: 3, Option: "on.type", Message: "expected a string"}).Error())
	require.Equal(t, "a.js: no", (&workflow.Problem{File: "a.js", Message: "no"}).Error())
	require.Equal(t, "no", (&workflow.Problem{Message: "no"}).Error())
}
