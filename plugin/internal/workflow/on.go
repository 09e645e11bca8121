package workflow

// TriggerType is what starts a workflow.
type TriggerType string

const (
	// TriggerAction starts after a REST create, update or delete.
	TriggerAction TriggerType = "action"
	// TriggerManual starts on request: a REST call, $workflows.trigger or Go code.
	TriggerManual TriggerType = "manual"
	// TriggerInvoke marks executions started by a step of another one.
	TriggerInvoke TriggerType = "invoke"
)

// Action is the kind of record write a trigger listens to.
type Action string

const (
	// ActionCreate is a record create.
	ActionCreate Action = "create"
	// ActionUpdate is a record update.
	ActionUpdate Action = "update"
	// ActionDelete is a record delete.
	ActionDelete Action = "delete"
)

// Actions lists every action.
var Actions = []Action{ActionCreate, ActionUpdate, ActionDelete}

// Trigger is the "on" option of a workflow.
type Trigger struct {
	Type       TriggerType `json:"type"`
	Collection string      `json:"collection"`
	// Global triggers run on every matching request, local ones (the default)
	// only when a request names the key.
	Global bool `json:"global,omitempty"`
	// Actions limits the writes that trigger. Empty means any for a local
	// trigger and none for a global one.
	Actions []Action `json:"actions,omitempty"`
	// Condition is a PocketBase filter that the target must satisfy.
	Condition string `json:"condition,omitempty"`
	// Fields makes an update trigger only if one of these fields changed.
	Fields []string `json:"fields,omitempty"`
	// Expand lists relation paths loaded into ctx.data.expand.
	Expand []string `json:"expand,omitempty"`

	*Manual
	*Webhook
	*RecordTrigger
	// Schedule is of TriggerSchedule only.
	*Schedule
}

// Listens reports whether the trigger's actions include action.
func (t Trigger) Listens(action Action) bool {
	if len(t.Actions) == 0 {
		return !t.Global
	}
	for _, a := range t.Actions {
		if a == action {
			return true
		}
	}
	return false
}
