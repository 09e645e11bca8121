package store

import (
	"fmt"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// guardPriority is before everything else that looks at a record request.
const guardPriority = -10000

// BindGuards keeps superusers, the only ones whom the rules let write, from
// breaking a journal through the records API or the dashboard: of a workflow
// they may change the switches "enabled" and "paused", and delete it when its file is gone;
// executions they may delete once these have ended; all else is refused with
// 400. What the app itself writes does not pass here.
func BindGuards(app core.App) {
	names := []string{workflowsName, versionsName, executionsName, stepsName, tasksName, peopleName, eventsName, requestsName, datesName}
	guard(app.OnRecordCreateRequest(names...), guardCreate)
	guard(app.OnRecordUpdateRequest(names...), guardUpdate)
	guard(app.OnRecordDeleteRequest(names...), guardDelete)
}

// guard binds one handler per event: handlers of one id replace each other,
// whatever their tags.
func guard(h *hook.TaggedHook[*core.RecordRequestEvent], fn func(*core.RecordRequestEvent) error) {
	h.Bind(&hook.Handler[*core.RecordRequestEvent]{Id: hookID, Priority: guardPriority, Func: fn})
}

// nouns are what the collections hold.
var nouns = map[string]string{
	versionsName:   "Workflow versions",
	executionsName: "Executions",
	stepsName:      "Steps",
	tasksName:      "Tasks",
	peopleName:     "Participants of tasks",
	eventsName:     "Events",
	requestsName:   "Remembered requests",
	datesName:      "Dates of records",
}

func guardCreate(e *core.RecordRequestEvent) error {
	switch e.Collection.Name {
	case workflowsName:
		return e.BadRequestError("Workflows are created by their files, not over the API.", nil)
	case executionsName:
		return e.BadRequestError("Executions can't be created over the API. Trigger the workflow instead.", nil)
	default:
		return e.BadRequestError(nouns[e.Collection.Name]+" can't be created over the API.", nil)
	}
}

func guardUpdate(e *core.RecordRequestEvent) error {
	if e.Collection.Name == workflowsName {
		return guardWorkflowUpdate(e)
	}
	return e.BadRequestError(nouns[e.Collection.Name]+" can't be changed over the API.", nil)
}

func guardDelete(e *core.RecordRequestEvent) error {
	switch e.Collection.Name {
	case workflowsName:
		if !e.Record.GetBool("missing") {
			return e.BadRequestError("A workflow can be deleted only when its file is gone. Switch it off, or delete the file first.", nil)
		}
		return e.Next()
	case executionsName:
		if status := workflow.Status(e.Record.GetString("status")); !status.Final() {
			return e.BadRequestError(fmt.Sprintf("An execution can be deleted only when it has ended; this one is %s.", status), nil)
		}
		return e.Next()
	case versionsName:
		return e.BadRequestError("Workflow versions can't be deleted: executions are pinned to them.", nil)
	case datesName:
		return e.BadRequestError("Dates of records can't be deleted over the API: their workflow would run again.", nil)
	case requestsName:
		return e.BadRequestError("Remembered requests can't be deleted over the API: they expire after 24 hours.", nil)
	default:
		return e.BadRequestError("Steps, tasks and events are deleted with their execution.", nil)
	}
}

// guardWorkflowUpdate compares values, so that a form that sends the whole
// record back passes. Counters go on meanwhile, and are never saved from a record.
func guardWorkflowUpdate(e *core.RecordRequestEvent) error {
	original := e.Record.Original()
	errs := validation.Errors{}
	for _, field := range e.Record.Collection().Fields {
		name := field.GetName()
		if name == "enabled" || name == "paused" || name == "counters" || name == "schedule" || name == "nextRun" || field.Type() == core.FieldTypeAutodate || sameField(field, e.Record, original) {
			continue
		}
		errs[name] = validation.NewError("validation_read_only", fmt.Sprintf("The field %q comes from the workflow's file; only \"enabled\" and \"paused\" can be changed.", name))
	}
	if len(errs) > 0 {
		return e.BadRequestError("Only the switches \"enabled\" and \"paused\" of a workflow can be changed.", errs)
	}
	return e.Next()
}

func sameField(field core.Field, a, b *core.Record) bool {
	name := field.GetName()
	if field.Type() == core.FieldTypeJSON {
		return sameJSON([]byte(a.GetString(name)), []byte(b.GetString(name)))
	}
	return a.GetString(name) == b.GetString(name)
}
