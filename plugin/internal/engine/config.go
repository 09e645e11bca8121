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

// ErrCanceled is the cause with which an execution is interrupted that was
// canceled from outside.
var ErrCanceled = errors.New("the execution was canceled")

// Store is where executions wait and end. Every method is one statement or one
// transaction and has committed when it returns.
type Store interface {
	// Active lists queued and running executions with an id after the given
	// one, by id.
	Active(ctx context.Context, after string, limit int) ([]workflow.Waiter, error)
	// Load reads executions, those that exist.
	Load(ctx context.Context, ids []string) ([]*workflow.Execution, error)
	// Begun reads the executions of a workflow that have begun and not ended, parked
	// ones included.
	Begun(ctx context.Context, key string) ([]*workflow.Execution, error)
	// MarkRunning stores that executions run, with StartedAt and Attempt.
	MarkRunning(ctx context.Context, executions []*workflow.Execution) error
	// Finish stores the end of an execution; workflow.ErrGone when its row is
	// gone or has ended already.
	Finish(ctx context.Context, e *workflow.Execution) (workflow.Ended, error)
	// Due queues parked executions whose time has come.
	Due(ctx context.Context, now time.Time, limit int) ([]*workflow.Execution, error)
	// NextWake is when the first parked execution is due, zero for never.
	NextWake(ctx context.Context) (time.Time, error)
	// Cancel ends executions and the children that they wait for.
	Cancel(ctx context.Context, ids []string, reason string) (workflow.Canceled, error)
}

// Journal is where steps are kept.
type Journal interface {
	// Steps lists the journal of an execution.
	Steps(ctx context.Context, execution string) ([]*workflow.Step, error)
	// SaveStep stores a step, and that its execution runs.
	SaveStep(ctx context.Context, e *workflow.Execution, step *workflow.Step) error
	// Transaction commits what fn writes through tx together with the step.
	Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error
}

// Waits is what an execution can wait for.
type Waits interface {
	// Park stores that e waits; true when what it waits for has come already and
	// it is queued again.
	Park(ctx context.Context, e *workflow.Execution, p workflow.Park) (ready bool, err error)
	// Events lists the events of a name that no wait has taken.
	Events(ctx context.Context, execution, name string) ([]*workflow.Event, error)
	// TakeEvent stores the end of a wait with the event that ended it;
	// workflow.ErrStepConflict when another one has it.
	TakeEvent(ctx context.Context, e *workflow.Execution, step *workflow.Step, event string) error
	// NewChild makes an execution of the workflow key that step of e invokes. The
	// error is for the script.
	NewChild(e *workflow.Execution, step *workflow.Step, key string, data []byte, wait bool) (*workflow.Execution, error)
	// StartChild stores a child with the step that invoked it.
	StartChild(ctx context.Context, e *workflow.Execution, step *workflow.Step, child *workflow.Execution) error
	// Find reads one execution.
	Find(ctx context.Context, id string) (*workflow.Execution, error)
}

// Policy is what the options of an execution's version say of how it is run.
type Policy struct {
	// Timeout is how long the execution may take in all; 0 is no limit.
	Timeout time.Duration
	// Limit is how many executions of the same Group may be in progress; 0 is no
	// limit.
	Limit int
	Group string
}

// Runner runs the handler of an execution, asking the session for every step.
// The outcome's status is final, waiting when the run has parked, or queued when
// ctx ended with ErrStopping.
type Runner interface {
	Run(ctx context.Context, e *workflow.Execution, s *Session) workflow.Outcome
}

// Config sets up an Engine.
type Config struct {
	// Store, Journal, Waits and Runner are required.
	Store   Store
	Journal Journal
	Waits   Waits
	Runner  Runner
	// Tasks is what people can be asked by. Nil refuses tasks.
	Tasks Tasks

	// Buffer is how many executions wait in memory. Defaults to 4096.
	Buffer int
	// Logger returns where failures go. Defaults to slog.Default.
	Logger func() *slog.Logger
	// Limited lists the workflows whose Policy has a limit. Defaults to none.
	Limited func() []string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// OnFinish is called after the end of an execution is stored. Defaults to
	// nothing.
	OnFinish func(e *workflow.Execution)
	// Sequel makes the execution that is to be stored together with the end of x
	// and started then, or nil. Defaults to none.
	Sequel func(x *workflow.Execution) *workflow.Execution
	// ShutdownTimeout is how long Stop lets running executions go on before it
	// interrupts them. Defaults to 10 seconds.
	ShutdownTimeout time.Duration
	// Paused tells whether a workflow's executions have to wait. Defaults to no.
	Paused func(key string) bool
	// Policy tells how an execution is run. Defaults to no limits.
	Policy func(e *workflow.Execution) Policy
	// Priority of a workflow: higher ones run first. Defaults to 0.
	Priority func(key string) int
	// Workers is how many scripts run at a time, not counted those that wait for
	// something. Defaults to 2 per CPU.
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
		c.Now = time.Now //nolint:forbidigo // the clock that everything else asks
	}
	if c.OnFinish == nil {
		c.OnFinish = func(*workflow.Execution) {}
	}
	if c.Sequel == nil {
		c.Sequel = func(*workflow.Execution) *workflow.Execution { return nil }
	}
	if c.ShutdownTimeout <= 0 {
		c.ShutdownTimeout = 10 * time.Second
	}
	if c.Limited == nil {
		c.Limited = func() []string { return nil }
	}
	if c.Paused == nil {
		c.Paused = func(string) bool { return false }
	}
	if c.Policy == nil {
		c.Policy = func(*workflow.Execution) Policy { return Policy{} }
	}
	if c.Priority == nil {
		c.Priority = func(string) int { return 0 }
	}
	if c.Workers <= 0 {
		c.Workers = 2 * runtime.NumCPU()
	}
	return c
}
