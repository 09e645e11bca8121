package workflow

import (
	"encoding/json"
	"time"
)

// MaxDepth is how many executions may cause one another before the next is
// skipped as recursion.
const MaxDepth = 10

// Cause is the "trigger" of an execution: what happened that started it.
type Cause struct {
	Type       TriggerType `json:"type"`
	Action     Action      `json:"action,omitempty"`
	Collection string      `json:"collection,omitempty"`
	Record     string      `json:"record,omitempty"`
	Path       string      `json:"path,omitempty"`
	// Request is "METHOD /path" without the query, or "".
	Request string `json:"request,omitempty"`
	// Step is the step of the parent that invoked it.
	Step string `json:"step,omitempty"`
	// Wait is true when that step waits for its end.
	Wait bool `json:"wait,omitempty"`
}

// Input is what a handler sees in ctx. It is stored once and never changes.
type Input struct {
	Data       json.RawMessage `json:"data"`
	Original   json.RawMessage `json:"original,omitempty"`
	User       json.RawMessage `json:"user,omitempty"`
	Params     json.RawMessage `json:"params,omitempty"`
	RoleName   string          `json:"roleName"`
	Action     Action          `json:"action,omitempty"`
	Collection string          `json:"collection,omitempty"`
	Path       string          `json:"path,omitempty"`
}

// Link is one execution in a chain of executions that caused one another.
type Link struct {
	Execution string `json:"execution"`
	Workflow  string `json:"workflow"`
	// Target is "collection/record", or "" without one.
	Target string `json:"target,omitempty"`
}

// Execution is one run of one version for one target.
type Execution struct {
	ID       string
	Workflow string
	// Version is the number of the pinned version.
	Version int
	Status  Status
	// Reason is a short code that explains the status, e.g. "timeout".
	Reason string
	Mode   Mode
	Cause  Cause
	Input  Input
	// Output is the handler's return value as JSON, nil until it completed.
	Output   json.RawMessage
	Failure  *Failure
	Messages []string
	Logs     []Log
	// Response is the answer to the webhook, nil where the script said nothing.
	Response *Response

	User           string
	UserCollection string
	RoleName       string

	Parent string
	Root   string
	Depth  int
	// Chain holds the ancestors, oldest first.
	Chain []Link

	// RerunOf is the execution that this one does again.
	RerunOf string
	// DedupKey keeps a second execution of the workflow from starting while this
	// one has not ended.
	DedupKey string

	// Attempt counts from 1 the times a worker took the execution up.
	Attempt int
	// WakeAt is when a waiting execution goes on at the latest.
	WakeAt     time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	Created    time.Time

	// Marked is true once the stored row shows this attempt as running. The
	// store sets it, to write that only once per attempt.
	Marked bool
	// Stored is set by the engine when an earlier run may have left a journal.
	Stored bool
	// Invoked is set when a step of the execution has started another one.
	Invoked bool
	// Open is set when the journal has steps that have not ended: a wait that is
	// given up, a branch that has lost.
	Open bool
	// Sequel is stored in the same commit as the end of this execution, or nil.
	Sequel *Execution
}

// Link returns the execution's own link, to be appended to its chain by
// whatever it causes.
func (e *Execution) Link() Link {
	l := Link{Execution: e.ID, Workflow: e.Workflow}
	if e.Cause.Record != "" {
		l.Target = e.Cause.Collection + "/" + e.Cause.Record
	}
	return l
}

// Recurs reports whether starting key for target ("collection/record" or "")
// from an execution with this chain would be recursion: depth over MaxDepth,
// or the same workflow for the same target already in the chain unless
// allowReentry.
func Recurs(chain []Link, key, target string, allowReentry bool) bool {
	if len(chain) > MaxDepth {
		return true
	}
	if allowReentry {
		return false
	}
	for _, l := range chain {
		if l.Workflow == key && l.Target == target {
			return true
		}
	}
	return false
}

// Log is one ctx.log line.
type Log struct {
	Time    time.Time       `json:"time"`
	Level   string          `json:"level"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Failure is the stored form of the error that ended an execution or a step.
type Failure struct { //nolint:errname // the contract's word
	Message string `json:"message"`
	Name    string `json:"name,omitempty"`
	// Step is the name of the step that failed, or "".
	Step string `json:"step,omitempty"`
	// Stack lists the script's own frames as file:line:column.
	Stack string `json:"stack,omitempty"`
}

// Error makes a Failure usable as a Go error.
func (f *Failure) Error() string { return f.Message }
