package workflow

// Context is what a manual workflow is started with.
type Context string

const (
	// ContextNone is no record: the submitted values are the data (the default).
	ContextNone Context = "none"
	// ContextRecord is one record, an execution for each.
	ContextRecord Context = "record"
	// ContextRecords is a list of records, one execution for all.
	ContextRecords Context = "records"
)

// Contexts lists every context.
var Contexts = []Context{ContextNone, ContextRecord, ContextRecords}

// ActionTrigger is the action of executions that a REST call started by hand.
const ActionTrigger Action = "trigger"

// Manual is the part of a trigger that only manual workflows have.
type Manual struct {
	Context Context `json:"context"`
}

// StartsWith is the context of a manual workflow, "" of others.
func (t Trigger) StartsWith() Context {
	switch {
	case t.Type != TriggerManual:
		return ""
	case t.Manual == nil:
		return ContextNone
	default:
		return t.Context
	}
}
