package workflow

import "encoding/json"

// DryRun is what a run of a handler would have done; nothing of it has stayed.
type DryRun struct {
	Dry      bool   `json:"dry"` // always true
	Workflow string `json:"workflow"`
	Version  int    `json:"version"`
	// Status, Reason, Output, Error, Messages and Logs are those that the execution
	// would have had.
	Status   Status          `json:"status"`
	Reason   string          `json:"reason"`
	Output   json.RawMessage `json:"output"`
	Error    *DryError       `json:"error"`
	Messages []string        `json:"messages"`
	Logs     []Log           `json:"logs"`
	Steps    []DryStep       `json:"steps"`
	// Writes are the records that would have been written, in order. Those of raw
	// SQL are not listed.
	Writes []DryWrite `json:"writes"`
	// Calls are those to the outside, which were refused, and of $workflows, which
	// were undone.
	Calls []DryCall `json:"calls"`
	// Duration is how long it took, in milliseconds.
	Duration int64 `json:"duration"`
}

// DryError is a Failure with the place in the script where it happened.
type DryError struct {
	Failure
	// File is as in stacks, "workflows/x.js"; Line and Column count from 1, 0 for not
	// known.
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// DryStep is one journal entry.
type DryStep struct {
	Name    string          `json:"name"`
	Index   int             `json:"index"`
	Kind    StepKind        `json:"kind"`
	Status  Status          `json:"status"`
	Attempt int             `json:"attempt"`
	Options json.RawMessage `json:"options,omitempty"`
	Result  json.RawMessage `json:"result"`
	Error   *DryError       `json:"error"`
	Logs    []Log           `json:"logs"`
	// WouldWait is true for a wait that was over at once: an event, a task and a
	// child were answered with null.
	WouldWait bool `json:"wouldWait"`
}

// DryWrite is a record that would have been written.
type DryWrite struct {
	Action     Action `json:"action"`
	Collection string `json:"collection"`
	ID         string `json:"id"`
	// Values are all of a new record, and those that an update changes.
	Values map[string]any `json:"values,omitempty"`
}

// DryCall is a call to something that no rollback could undo, or of $workflows.
type DryCall struct {
	Call   string `json:"call"`
	Target string `json:"target"`
	// Refused is true when it was not made; the script got an error.
	Refused bool `json:"refused"`
}

// RunRequest is how a superuser starts a workflow, for real or dry.
type RunRequest struct {
	// Record is the id of a record of the workflow's collection, Data a value in its
	// place.
	Record string          `json:"record"`
	Data   json.RawMessage `json:"data"`
	// User is the id of an auth record, or "collection/id"; "" for none.
	User     string `json:"user"`
	RoleName string `json:"roleName"`
	Dry      bool   `json:"dry"`
}
