package script

import (
	"context"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Journal is what a running script asks of the engine.
type Journal interface {
	// Begin returns the next step: final when an earlier run recorded it, waiting
	// when it was parked, running when it is to be executed.
	Begin(name string, kind workflow.StepKind, options []byte) (*workflow.Step, error)
	// Save stores a step; it is durable when Save returns.
	Save(ctx context.Context, step *workflow.Step) error
	// Transaction commits what fn writes through tx, a core.App, with the step.
	Transaction(ctx context.Context, step *workflow.Step, fn func(tx any) error) error
	// Replaying reports whether recorded steps lie ahead.
	Replaying() bool
	// Waiting runs fn, which waits for something else than the CPU.
	Waiting(ctx context.Context, fn func() error) error
	// Now is the time that waits go by.
	Now() time.Time

	waits
	tasks
	branches
}

// waits is what a script may wait for besides the time.
type waits interface {
	// Waits is false where nothing may wait: in a write's own transaction.
	Waits() bool
	// Event ends a wait with the first event for which match is true; last is the
	// last event that was looked at.
	Event(ctx context.Context, step *workflow.Step, name string, match func(payload []byte) (bool, error)) (found bool, last string, err error)
	// Invoke stores the step together with a new execution of the workflow key.
	// Refused is an error for the script.
	Invoke(ctx context.Context, step *workflow.Step, key string, data []byte, wait bool) (refused, err error)
	// Child reads the execution that a step has started.
	Child(ctx context.Context, step *workflow.Step) (*workflow.Execution, error)
}

// branches is how the functions of a parallel step get scripts of their own.
type branches interface {
	// Fork lets the scripts of branches find the step that they belong to.
	Fork(parallel *workflow.Step)
	// BranchStep is the entry of one branch.
	BranchStep(parallel *workflow.Step, key string) *workflow.Step
	// Branch calls fn, on a goroutine of its own, with the journal of a script that
	// follows the main one up to its branch, until lost says that this has become
	// useless.
	Branch(ctx context.Context, lost func() bool, fn func(Journal))
	// Enter goes into a branch that the script has reached; in the last one on its
	// way steps are executed.
	Enter(parallel *workflow.Step, key string, last bool)
}
