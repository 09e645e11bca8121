package workflow_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestRetention_Rules(t *testing.T) {
	t.Parallel()
	type (
		limit    = workflow.RetentionLimit
		limits   = map[workflow.Status]limit
		rule     = workflow.RetentionRule
		statuses = []workflow.Status
	)
	day := limit{Age: 24 * time.Hour}
	for name, c := range map[string]struct {
		in   *workflow.Retention
		want []rule
	}{
		"none":          {nil, nil},
		"empty":         {&workflow.Retention{}, nil},
		"general":       {&workflow.Retention{RetentionLimit: limit{Count: 3}}, []rule{{workflow.FinalStatuses(), limit{Count: 3}}}},
		"one status":    {&workflow.Retention{Statuses: limits{"failed": day}}, []rule{{statuses{"failed"}, day}}},
		"kept for good": {&workflow.Retention{Statuses: limits{"failed": {}}}, nil},
		"both": {
			&workflow.Retention{RetentionLimit: limit{Age: time.Hour, Count: 9}, Statuses: limits{"failed": day, "completed": {Count: 1}, "error": {}}},
			[]rule{
				{statuses{"aborted", "canceled", "rejected"}, limit{Age: time.Hour, Count: 9}},
				{statuses{"completed"}, limit{Count: 1}},
				{statuses{"failed"}, day},
			},
		},
		"all by themselves": {
			&workflow.Retention{RetentionLimit: day, Statuses: limits{"completed": day, "failed": {}, "error": {}, "aborted": {}, "canceled": {}, "rejected": {}}},
			[]rule{{statuses{"completed"}, day}},
		},
		"never an active one": {&workflow.Retention{Statuses: limits{"running": day, "odd": day}}, nil},
	} {
		require.Equal(t, c.want, c.in.Rules(), name)
	}
}

// TestRetention_JSON: it is stored with the definition, and left out where a
// workflow says nothing.
func TestRetention_JSON(t *testing.T) {
	t.Parallel()
	def := workflow.Definition{Key: "a", Retention: &workflow.Retention{
		RetentionLimit: workflow.RetentionLimit{Age: time.Second, Count: 2},
		Statuses:       map[workflow.Status]workflow.RetentionLimit{"failed": {Count: 5}},
	}}
	raw, err := json.Marshal(def)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"retention":{"age":1000000000,"count":2,"statuses":{"failed":{"count":5}}}`)
	var back workflow.Definition
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, def, back)
	raw, err = json.Marshal(workflow.Definition{Key: "a"})
	require.NoError(t, err)
	require.NotContains(t, string(raw), "retention")
}

func TestCatalog_Retention(t *testing.T) {
	t.Parallel()
	entry := func(key string, r *workflow.Retention) *workflow.Entry {
		return &workflow.Entry{Version: workflow.Version{Workflow: key, Definition: workflow.Definition{Key: key, Retention: r}}}
	}
	limited := &workflow.Retention{RetentionLimit: workflow.RetentionLimit{Count: 1}}
	gone := entry("gone", limited)
	gone.Missing, gone.Problem = true, &workflow.Problem{Message: "broken"}
	c := workflow.NewCatalog([]*workflow.Entry{entry("says nothing", nil), gone})
	require.Nil(t, c.Retention("says nothing"))
	require.Nil(t, c.Retention("unknown"))
	require.Same(t, limited, c.Retention("gone"), "its last definition")
	require.True(t, c.Retains())
	require.False(t, workflow.NewCatalog([]*workflow.Entry{entry("a", nil), entry("b", &workflow.Retention{})}).Retains())

	var none *workflow.Catalog
	require.Nil(t, none.Retention("a"))
	require.False(t, none.Retains())
}
