package workflow_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestCatalog_Records(t *testing.T) {
	t.Parallel()
	entry := func(key, collection string, events ...workflow.Action) *workflow.Entry {
		on := workflow.Trigger{Type: workflow.TriggerRecord, Collection: collection, RecordTrigger: &workflow.RecordTrigger{Events: events}}
		return &workflow.Entry{Enabled: true, Version: workflow.Version{Workflow: key, Definition: workflow.Definition{Key: key, On: on}}}
	}
	off, broken := entry("off", "posts", workflow.ActionCreate), entry("broken", "posts", workflow.ActionCreate)
	off.Enabled, broken.Problem = false, &workflow.Problem{}
	c := workflow.NewCatalog([]*workflow.Entry{
		entry("a", "Posts", workflow.ActionCreate, workflow.ActionDelete), entry("b", "pbc_1", workflow.ActionCreate), off, broken,
	})
	keys := func(entries []*workflow.Entry) (out []string) {
		for _, e := range entries {
			out = append(out, e.Version.Workflow)
		}
		return out
	}
	require.True(t, c.ListensToRecords())
	require.Equal(t, []string{"a", "b"}, keys(c.Records("posts", "pbc_1", workflow.ActionCreate)))
	require.Equal(t, []string{"a"}, keys(c.Records("posts", "pbc_1", workflow.ActionDelete)))
	require.Empty(t, c.Records("posts", "pbc_1", workflow.ActionUpdate))
	require.Empty(t, c.Records("tags", "pbc_2", workflow.ActionCreate))

	var none *workflow.Catalog
	require.False(t, none.ListensToRecords())
	require.Empty(t, none.Records("posts", "pbc_1", workflow.ActionCreate))
	require.False(t, workflow.NewCatalog([]*workflow.Entry{off, broken}).ListensToRecords())
}

func TestRunning(t *testing.T) {
	t.Parallel()
	e := &workflow.Execution{ID: "x"}
	require.Same(t, e, workflow.Running(workflow.WithRunning(t.Context(), e)))
	require.Nil(t, workflow.Running(context.Background()))
}
