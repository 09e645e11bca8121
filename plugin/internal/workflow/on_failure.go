package workflow

import "encoding/json"

// TriggerFailure marks executions that the option onFailure of another workflow
// started. No workflow has it as its own trigger: any can follow a failure.
const TriggerFailure TriggerType = "failure"

// Failed reports whether an execution ended badly by itself: canceled and
// rejected are decisions of people.
func (s Status) Failed() bool {
	return s == StatusFailed || s == StatusError || s == StatusAborted
}

// FailureReport is the data of an execution that follows a failed one.
type FailureReport struct {
	// Execution is the id of the failed one.
	Execution string `json:"execution"`
	Workflow  string `json:"workflow"`
	Version   int    `json:"version"`
	Status    Status `json:"status"`
	Reason    string `json:"reason"`
	// Error is null where the end tells none.
	Error   *Failure `json:"error"`
	Trigger Cause    `json:"trigger"`
	// Data is what the failed one had as ctx.data.
	Data json.RawMessage `json:"data"`
}

// Report is what there is to tell of a failed execution.
func (e *Execution) Report() FailureReport {
	r := FailureReport{
		Execution: e.ID, Workflow: e.Workflow, Version: e.Version, Status: e.Status, Reason: e.Reason,
		Error: e.Failure, Trigger: e.Cause, Data: e.Input.Data,
	}
	if len(r.Data) == 0 {
		r.Data = json.RawMessage("null")
	}
	return r
}
