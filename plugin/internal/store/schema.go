package store

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The names of the system collections.
const (
	workflowsName  = "_workflows"
	versionsName   = "_workflowVersions"
	executionsName = "_workflowExecutions"
	stepsName      = "_workflowSteps"
	tasksName      = "_workflowTasks"
	peopleName     = "_workflowTaskPeople"
	eventsName     = "_workflowEvents"
	requestsName   = "_workflowRequests"
	datesName      = "_workflowDates"
)

// The largest values that PocketBase's own validation lets through. Scripts
// and results have their own, smaller limits where they come in.
const (
	maxText = 16 << 20
	maxJSON = 64 << 20
)

// activeStatuses is the SQL list of the statuses that are not final.
const activeStatuses = `'queued','running','waiting'`

// activeWhere says the same for an index: PocketBase can't parse parentheses
// there, and SQLite sees that status = 'queued' implies it.
const activeWhere = "`status` = 'queued' OR `status` = 'running' OR `status` = 'waiting'"

// unwellWhere are the final statuses other than completed.
const unwellWhere = "`status` = 'failed' OR `status` = 'error' OR `status` = 'aborted' OR `status` = 'canceled' OR `status` = 'rejected'"

// ownerRule lets users see the executions that they caused.
const ownerRule = `@request.auth.id != "" && user = @request.auth.id && userCollection = @request.auth.collectionName`

// collectionSpec is what a collection must have. It may have more.
type collectionSpec struct {
	name string
	// rule is the list and view rule; nil is superusers only. Nobody else may
	// ever write.
	rule *string
	// ruledLater is true when the rule names a collection that comes after.
	ruledLater bool
	// ofExecution adds the relation "execution": the records live and die with
	// their execution.
	ofExecution bool
	// ofTask adds the relation "task".
	ofTask  bool
	fields  []core.Field
	indexes []indexSpec
}

type indexSpec struct {
	name, columns, where string
	unique               bool
}

func text(name string) *core.TextField {
	return &core.TextField{Name: name, System: true, Max: maxText}
}

func hiddenText(name string) *core.TextField {
	f := text(name)
	f.Hidden = true
	return f
}

func required(name string) *core.TextField {
	f := text(name)
	f.Required = true
	return f
}

func jsonField(name string) *core.JSONField {
	return &core.JSONField{Name: name, System: true, MaxSize: maxJSON}
}

func hiddenJSON(name string) *core.JSONField {
	f := jsonField(name)
	f.Hidden = true
	return f
}

func number(name string) *core.NumberField {
	return &core.NumberField{Name: name, System: true, OnlyInt: true}
}

func boolean(name string) *core.BoolField { return &core.BoolField{Name: name, System: true} }

func date(name string) *core.DateField { return &core.DateField{Name: name, System: true} }

func oneOf(name string, values ...string) *core.SelectField {
	return &core.SelectField{Name: name, System: true, Values: values, MaxSelect: 1}
}

func created() *core.AutodateField {
	return &core.AutodateField{Name: "created", System: true, OnCreate: true}
}

func updated() *core.AutodateField {
	return &core.AutodateField{Name: "updated", System: true, OnCreate: true, OnUpdate: true}
}

func statuses() []string {
	names := make([]string, len(workflow.Statuses))
	for i, s := range workflow.Statuses {
		names[i] = string(s)
	}
	return names
}

func modes() []string {
	names := make([]string, len(workflow.Modes))
	for i, m := range workflow.Modes {
		names[i] = string(m)
	}
	return names
}

func stepKinds() []string {
	names := make([]string, len(workflow.StepKinds))
	for i, k := range workflow.StepKinds {
		names[i] = string(k)
	}
	return names
}
