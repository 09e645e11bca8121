package store

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"
)

func TestEnsureCollections_Idempotent(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	app.ResetEventCalls()
	require.NoError(t, EnsureCollections(app))
	require.Zero(t, app.EventCalls["OnCollectionUpdate"], "nothing is saved when all is there")
	for _, spec := range specs() {
		c, err := app.FindCollectionByNameOrId(spec.name)
		require.NoError(t, err)
		require.True(t, c.System)
		require.Nil(t, c.CreateRule)
		require.Nil(t, c.UpdateRule)
		require.Nil(t, c.DeleteRule)
		require.Equal(t, spec.rule, c.ViewRule)
		require.Len(t, c.Indexes, len(spec.indexes))
	}
}

func TestEnsureCollections_Upgrade(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	old := core.NewBaseCollection(workflowsName)
	old.System = true
	old.Fields.Add(text("key"), text("extra"), oneOf("mode", "async"))
	require.NoError(t, app.Save(old))

	require.NoError(t, EnsureCollections(app))
	c, err := app.FindCollectionByNameOrId(workflowsName)
	require.NoError(t, err)
	require.Equal(t, old.Id, c.Id)
	require.NotNil(t, c.Fields.GetByName("extra"), "nothing is dropped")
	require.NotNil(t, c.Fields.GetByName("rule"))
	require.Equal(t, modes(), c.Fields.GetByName("mode").(*core.SelectField).Values)
	require.NotEmpty(t, c.GetIndex("idx_workflows_key"))
}

func TestEnsureCollections_ForeignCollection(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	foreign := core.NewBaseCollection(stepsName)
	require.NoError(t, app.Save(foreign))
	require.ErrorContains(t, EnsureCollections(app), stepsName)
	_, err = app.FindCollectionByNameOrId(workflowsName)
	require.Error(t, err, "all or nothing")
}
