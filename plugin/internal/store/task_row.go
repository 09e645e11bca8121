package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The parts that people have in a task.
const (
	partAssignee = "assignee"
	partCC       = "cc"
)

// taskRule lets those see a task who have a part in it. Both conditions are about
// the same row of the people: ids are unique within one collection only.
const taskRule = `@request.auth.id != "" && ` + peopleName + `_via_task.user ?= @request.auth.id && ` +
	peopleName + `_via_task.userCollection ?= @request.auth.collectionName`

// tasksSpec and peopleSpec are the collections of tasks.
func tasksSpec() collectionSpec {
	rule := taskRule
	return collectionSpec{
		name:        tasksName,
		rule:        &rule,
		ruledLater:  true,
		ofExecution: true,
		fields: []core.Field{
			text("workflow"), text("step"), text("branch"), number("index"), jsonField("assignees"), jsonField("cc"),
			text("title"), text("description"), jsonField("fields"), jsonField("actions"),
			text("quorum"), oneOf("order", string(workflow.OrderParallel), string(workflow.OrderSequential)),
			oneOf("status", statuses()...), text("reason"), jsonField("answers"), jsonField("reads"),
			date("dueAt"), text("onDue"), boolean("notify"), text("user"), text("userCollection"), created(), updated(),
		},
		indexes: []indexSpec{
			{name: "idx_workflowTasks_execution", columns: "`execution`"},
			{name: "idx_workflowTasks_entry", columns: "`execution`, `branch`, `step`, `index`", unique: true},
		},
	}
}

func peopleSpec() collectionSpec {
	return collectionSpec{
		name:        peopleName,
		ofExecution: true,
		ofTask:      true,
		fields:      []core.Field{required("user"), required("userCollection"), oneOf("part", partAssignee, partCC), created()},
		indexes: []indexSpec{
			{name: "idx_workflowTaskPeople_task", columns: "`task`, `userCollection`, `user`, `part`", unique: true},
			{name: "idx_workflowTaskPeople_user", columns: "`user`, `userCollection`, `task`"},
			{name: "idx_workflowTaskPeople_execution", columns: "`execution`"},
		},
	}
}

// taskRelation is the field by which people belong to a task.
func taskRelation(app core.App) (core.Field, error) {
	tasks, err := app.FindCollectionByNameOrId(tasksName)
	if err != nil {
		return nil, err
	}
	return &core.RelationField{Name: "task", System: true, Required: true, CollectionId: tasks.Id, MaxSelect: 1, CascadeDelete: true}, nil
}

// ruleTasks gives the tasks their rule, which names the people's collection and
// so can't be there before it. Validation is left out: it keeps the rules of
// system collections as they were made.
func ruleTasks(app core.App) error {
	tasks, err := app.FindCollectionByNameOrId(tasksName)
	if err != nil || tasks.ListRule != nil || tasks.ViewRule != nil {
		return err
	}
	rule := taskRule
	tasks.ListRule, tasks.ViewRule = &rule, &rule
	return app.SaveNoValidate(tasks)
}

// loadTask sets the record's fields.
func loadTask(record *core.Record, t *workflow.Task) error {
	for name, value := range map[string]any{
		"assignees": orEmpty(t.Places), "cc": orEmpty(t.CC), "fields": orEmptyRaw(t.Fields), "actions": t.Actions,
		"answers": orEmpty(t.Answers), "reads": orNoReads(t.Reads),
	} {
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		record.Set(name, string(raw))
	}
	for name, value := range map[string]any{
		"execution": t.Execution, "workflow": t.Workflow, "step": t.Step, "branch": t.Branch, "index": t.Index,
		"title": t.Title, "description": t.Description, "quorum": string(t.Quorum), "order": string(t.Order),
		"status": string(t.Status), "reason": t.Reason, "dueAt": formatDate(t.DueAt), "onDue": t.OnDue, "notify": t.Notify,
		"user": t.User, "userCollection": t.UserCollection,
	} {
		record.Set(name, value)
	}
	return nil
}

// TaskOf reads a record of the tasks.
func (s *Store) TaskOf(record *core.Record) (*workflow.Task, error) {
	t := &workflow.Task{
		ID: record.Id, Execution: record.GetString("execution"), Workflow: record.GetString("workflow"),
		Step: record.GetString("step"), Branch: record.GetString("branch"), Index: record.GetInt("index"),
		Status: workflow.Status(record.GetString("status")), Reason: record.GetString("reason"),
		Title: record.GetString("title"), Description: record.GetString("description"),
		Quorum: workflow.Quorum(record.GetString("quorum")), Order: workflow.TaskOrder(record.GetString("order")),
		DueAt: record.GetDateTime("dueAt").Time(), OnDue: record.GetString("onDue"), Notify: record.GetBool("notify"),
		User: record.GetString("user"), UserCollection: record.GetString("userCollection"),
	}
	for name, into := range map[string]any{
		"assignees": &t.Places, "cc": &t.CC, "fields": &t.Fields, "actions": &t.Actions, "answers": &t.Answers, "reads": &t.Reads,
	} {
		raw := record.GetString(name)
		if raw == "" || raw == "null" {
			continue
		}
		if err := json.Unmarshal([]byte(raw), into); err != nil {
			return nil, fmt.Errorf("read %s of task %s: %w", name, record.Id, err)
		}
	}
	return t, nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func orEmptyRaw(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("[]")
	}
	return raw
}

func orNoReads(reads map[string]time.Time) map[string]time.Time {
	if reads == nil {
		return map[string]time.Time{}
	}
	return reads
}
