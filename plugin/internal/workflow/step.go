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
	// StepSleep waits for a duration.
	StepSleep StepKind = "sleep"
	// StepSleepUntil waits for a point in time.
	StepSleepUntil StepKind = "sleepUntil"
	// StepWaitForEvent waits for something that is sent to the execution.
	StepWaitForEvent StepKind = "waitForEvent"
	// StepEventURL makes a URL by which an event can be sent once.
	StepEventURL StepKind = "eventUrl"
	// StepTask asks people for a decision and waits for it.
	StepTask StepKind = "task"
	// StepInvoke starts another workflow and may wait for its end.
	StepInvoke StepKind = "invoke"
	// StepParallel runs named functions side by side.
	StepParallel StepKind = "parallel"
	// StepMap runs a function for every item of a list, side by side.
	StepMap StepKind = "map"
	// StepBranch is one function of a parallel or map step.
	StepBranch StepKind = "branch"
)

// StepKinds lists every kind.
var StepKinds = []StepKind{
	StepRun, StepTransaction, StepSleep, StepSleepUntil, StepWaitForEvent, StepEventURL, StepTask, StepInvoke, StepParallel, StepMap, StepBranch,
}

// Step is one journal entry of an execution.
type Step struct {
	ID        string
	Execution string
	Name      string
	// Index is the n-th use of Name in the execution, from 0.
	Index int
	// Branch is the branch the step stands in, "" outside of any: hops
	// "seq:key" from the outermost parallel step inwards, joined with "/".
	Branch string
	// Seq is the position among the steps of its branch, from 0; the entry of the
	// branch itself stands in it at -1.
	Seq     int
	Kind    StepKind
	Status  Status
	Attempt int
	Result  json.RawMessage
	Failure *Failure
	Logs    []Log
	// Messages are what its body said with ctx.respond.
	Messages []string
	// Options are what the script asked for, as JSON.
	Options json.RawMessage
	// Attempts are the failed attempts before the present one.
	Attempts []Attempt
	// Ref is what a waiting step waits for: the name of an event, or the id of a
	// child.
	Ref string
	// WakeAt is when a waiting step goes on at the latest.
	WakeAt     time.Time
	StartedAt  time.Time
	FinishedAt time.Time
}

// Attempt is one failed attempt of a step.
type Attempt struct {
	Number     int       `json:"number"`
	Failure    *Failure  `json:"error"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt"`
}
