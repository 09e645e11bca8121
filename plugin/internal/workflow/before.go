package workflow

// TriggerBefore starts before a REST create, update or delete, inside the
// request.
const TriggerBefore TriggerType = "before"

// OfWrites reports whether a REST write starts workflows of this type: such a
// trigger is local or global and has actions.
func (t TriggerType) OfWrites() bool { return t == TriggerAction || t == TriggerBefore }

// Kept is an execution that has ended before anything of it was stored, with its
// steps.
type Kept struct {
	Execution *Execution
	Steps     []*Step
	// Ended is true when the script called ctx.end().
	Ended bool
}
