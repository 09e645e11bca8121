package workflow

import "time"

// ActivityHours is how many hours an Activity covers, the present one included.
const ActivityHours = 24

// Activities are what the executions of all workflows did lately.
type Activities struct {
	// Since is the beginning of the first hour.
	Since time.Time `json:"since"`
	// Complete is false while executions of the earlier hours are still being
	// counted: ask again.
	Complete  bool       `json:"complete"`
	Workflows []Activity `json:"workflows"`
}

// Activity is what the executions of one workflow did lately, by the time they
// were created.
type Activity struct {
	Workflow string `json:"workflow"`
	Total    int    `json:"total"`
	// Hours holds ActivityHours counts by status, oldest first.
	Hours []map[Status]int `json:"hours"`
	// FailureRate is the part of the ended executions that failed: from 0 to 1,
	// nil when none has ended. Canceled ones do not count.
	FailureRate *float64 `json:"failureRate"`
	// P95 is how long 95 of 100 ended executions took at most, from their start to
	// their end, in milliseconds and within 3 percent; nil when none has ended.
	P95 *float64 `json:"p95"`
	// Last is the newest execution, however old, or nil.
	Last *LastExecution `json:"last"`
}

// LastExecution is the newest execution of a workflow.
type LastExecution struct {
	ID      string    `json:"id"`
	Status  Status    `json:"status"`
	Created time.Time `json:"created"`
}
