package workflow

import (
	"encoding/json"
	"time"
)

// MaxResultSize is the largest JSON result of a step, in bytes (1 MiB).
const MaxResultSize = 1 << 20

// StepKind is what a step does.
type StepKind string

const (
	// StepRun runs a function at least once and journals its result.
	StepRun StepKind = "run"
	// StepTransaction commits a function's writes with its result: exactly once.
	StepTransaction StepKind = "transaction"
)

// Step is one journal entry of an execution.
type Step struct {
	ID        string
	Execution string
	Name      string
	// Index is the n-th use of Name in the execution, from 0.
	Index int
	// Seq is the position among all steps of the execution, from 0.
	Seq        int
	Kind       StepKind
	Status     Status
	Attempt    int
	Result     json.RawMessage
	Failure    *Failure
	Logs       []Log
	StartedAt  time.Time
	FinishedAt time.Time
}
