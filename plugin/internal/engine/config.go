package engine

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// ErrStopping is the cause with which running executions are interrupted when
// the engine stops; their rows stay as they are and the next start takes them
// up again.
var ErrStopping = errors.New("the engine is stopping")

// ErrTimeout is the cause with which an execution is interrupted when its own
// timeout is over.
var ErrTimeout = errors.New("the execution timed out")

// Store is what the engine needs of storage. Every method is one statement or
// one transaction and has committed when it returns.
type Store interface {
	// Active lists queued and running executions with an id after the given
	// one, by id.
	Active(ctx context.Context, after string, limit int) ([]*workflow.Execution, error)
	// Steps lists the journal of an execution by Seq.
	Steps(ctx context.Context, execution string) ([]*workflow.Step, error)
	// MarkRunning stores that executions run, with StartedAt and Attempt.
	MarkRunning(ctx context.Context, executions []*workflow.Execution) error
	// SaveStep stores a step, and that its execution runs.
	SaveStep(ctx context.Context, e *workflow.Execution, step *workflow.Step) error
	// Transaction commits what fn writes through tx together with the step.
	Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error
	// Finish stores the end of an execution; workflow.ErrGone when its row is
	// gone or has ended already.
	Finish(ctx context.Context, e *workflow.Execution) error
}

// Runner runs the handler of an execution, asking the session for every step.
// The outcome's status is final, or queued when ctx ended with ErrStopping.
type Runner interface {
	Run(ctx context.Context, e *workflow.Execution, s *Session) workflow.Outcome
}

// Config sets up an Engine.
type Config struct {
	// Store and Runner are required.
	Store  Store
	Runner Runner

	// Buffer is how many executions wait in memory. Defaults to 4096.
	Buffer int
	// Logger returns where failures go. Defaults to slog.Default.
	Logger func() *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// OnFinish is called after the end of an execution is stored. Defaults to
	// nothing.
	OnFinish func(e *workflow.Execution)
	// ShutdownTimeout is how long Stop lets running executions go on before it
	// interrupts them. Defaults to 10 seconds.
	ShutdownTimeout time.Duration
	// Timeout tells how long an execution may take in all; 0 is no limit.
	// Defaults to no limits.
	Timeout func(e *workflow.Execution) time.Duration
	// Workers is how many executions run at a time. Defaults to 2 per CPU.
	Workers int
}

func (c Config) withDefaults() Config {
	if c.Buffer <= 0 {
		c.Buffer = 4096
	}
	if c.Logger == nil {
		c.Logger = slog.Default
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnFinish == nil {
		c.OnFinish = func(*workflow.Execution) {}
	}
	if c.ShutdownTimeout <= 0 {
		c.ShutdownTimeout = 10 * time.Second
	}
	if c.Timeout == nil {
		c.Timeout = func(*workflow.Execution) time.Duration { return 0 }
	}
	if c.Workers <= 0 {
		c.Workers = 2 * runtime.NumCPU()
	}
	return c
}
