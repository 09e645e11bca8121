package store

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestEnsureCollections_UpgradesTasks: the tasks of an app that had the plugin
// before there were any get their fields and their rule.
func TestEnsureCollections_UpgradesTasks(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	tasks, err := app.FindCollectionByNameOrId(tasksName)
	require.NoError(t, err)
	require.Equal(t, taskRule, *tasks.ListRule)
	tasks.ListRule, tasks.ViewRule = nil, nil
	for _, name := range []string{"cc", "quorum", "reason"} {
		tasks.Fields.RemoveByName(name)
	}
	tasks.RemoveIndex("idx_workflowTasks_entry")
	require.NoError(t, app.SaveNoValidate(tasks))

	require.NoError(t, EnsureCollections(app))
	tasks, err = app.FindCollectionByNameOrId(tasksName)
	require.NoError(t, err)
	require.Equal(t, taskRule, *tasks.ViewRule)
	require.NotNil(t, tasks.Fields.GetByName("cc"))
	require.NotEmpty(t, tasks.GetIndex("idx_workflowTasks_entry"))
}

func TestStore_Task(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	e := newExecution("a")
	require.NoError(t, s.Insert(app, e))
	step := &workflow.Step{Name: "decide", Kind: workflow.StepTask, Status: workflow.StatusWaiting, Branch: "1:a", Attempt: 1}
	task := &workflow.Task{
		Execution: e.ID, Workflow: "a", Step: "decide", Branch: "1:a", Status: workflow.StatusWaiting, Title: "It",
		Actions: []workflow.TaskAction{{Key: "approve", Label: "Yes"}}, Quorum: workflow.QuorumAny, Order: workflow.OrderParallel,
		Places: []workflow.Place{{Person: workflow.Person{ID: "u", Collection: "users"}}}, CC: []workflow.Person{{ID: "v", Collection: "users"}}, Notify: true,
	}
	require.NoError(t, s.OpenTask(ctx, e, step, task))
	require.Equal(t, workflow.TaskEvent(task.ID), step.Ref)
	found, err := s.Task(ctx, task.ID)
	require.NoError(t, err)
	require.Equal(t, task.Places, found.Places)
	require.Equal(t, task.CC, found.CC)
	require.Equal(t, task.Actions, found.Actions)
	require.True(t, found.Notify)
	_, err = s.Task(ctx, "nobody")
	require.ErrorIs(t, err, sql.ErrNoRows)

	broken := errors.New("broken")
	_, err = s.ChangeTask(ctx, task.ID, func(_ core.App, t *workflow.Task) error {
		t.Title = "changed"
		return broken
	})
	require.ErrorIs(t, err, broken)
	found, err = s.Task(ctx, task.ID)
	require.NoError(t, err)
	require.Equal(t, "It", found.Title, "nothing of it is stored")

	open := func() []string {
		ids, err := s.OpenTasks(ctx, e.ID)
		require.NoError(t, err)
		return ids
	}
	require.NoError(t, s.CloseTasks(ctx, e.ID, "10:", workflow.TaskLost))
	require.Equal(t, []string{task.ID}, open(), "another branch's stay")
	require.NoError(t, s.CloseTasks(ctx, e.ID, "1:", workflow.TaskLost))
	require.Empty(t, open())

	e.Status = workflow.StatusCompleted
	_, err = s.Finish(ctx, e)
	require.NoError(t, err)
	late := &workflow.Step{Name: "late", Kind: workflow.StepTask, Status: workflow.StatusWaiting, Attempt: 1}
	require.ErrorIs(t, s.OpenTask(ctx, e, late, &workflow.Task{Execution: e.ID, Step: "late"}), workflow.ErrGone, "an execution that has ended asks nobody")
	require.Equal(t, 1, countRows(t, app, tasksName, e.ID))
}
