package compare

import (
	"context"
	"database/sql"
	"testing"
)

// work is the input of an execution.
type work struct {
	Title string `json:"title"`
	Steps int    `json:"steps"`
}

// newWork is an execution with that many steps.
func newWork(steps int) work { return work{Title: "A benchmark post", Steps: steps} }

// stepResult is what every step returns.
const stepResult = "result of a step"

// engine is a durable engine under test.
type engine interface {
	// start stores the request to execute w and returns the execution's id. Many
	// goroutines may call it at a time.
	start(ctx context.Context, w work) (string, error)
	// drain waits until the end of everything that was started is stored.
	drain(ctx context.Context) error
	// database is where the engine keeps its executions.
	database() *sql.DB
	// completedSQL counts the executions that have completed.
	completedSQL() string
	// rows are the tables that hold the rows of a finished execution.
	rows() []table
}

// contestant is an engine of the comparison.
type contestant struct {
	name string
	// steps are the lengths of execution that the engine is measured with.
	steps []int
	open  func(b *testing.B) engine
}

func contestants() []contestant {
	return []contestant{
		{name: "ours", steps: []int{1, 5}, open: func(b *testing.B) engine { return openOurs(b) }},
		{name: "dbos", steps: []int{1, 5}, open: func(b *testing.B) engine { return openDBOS(b) }},
		{name: "dbos-queue", steps: []int{1, 5}, open: func(b *testing.B) engine { return openDBOSQueue(b) }},
		// River has no five: a job is one row, however much it does. Its
		// resumable steps keep no results, and are stored with the end of an
		// attempt: a crash repeats them.
		{name: "river", steps: []int{1}, open: func(b *testing.B) engine { return openRiver(b) }},
	}
}
