package trigger

import (
	"context"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Executions is what triggers need of storage and engine.
type Executions interface {
	// Atomic runs fn in a transaction that others may share; when it returns, that
	// has committed or what fn wrote is undone.
	Atomic(ctx context.Context, fn func(tx core.App) error) error
	// Whole is Atomic for an fn that writes nothing when it returns an error, unless
	// that is a workflow.ErrTorn. It costs less.
	Whole(ctx context.Context, fn func(tx core.App) error) error
	// Insert stores executions through app, the app of the write's transaction.
	Insert(app core.App, execs ...*workflow.Execution) error
	// Start hands committed asynchronous executions to the engine.
	Start(execs ...*workflow.Execution)
	// Reserve keeps executions that are about to commit for calls of Run. Free
	// ends that for those that are not to be run.
	Reserve(execs ...*workflow.Execution)
	Free(execs ...*workflow.Execution)
	// Run runs a committed execution and returns its end; the error is ctx's,
	// the execution then goes on.
	Run(ctx context.Context, e *workflow.Execution) (workflow.Outcome, error)
	// RunInTx runs an execution inside the open transaction of txApp.
	RunInTx(ctx context.Context, txApp core.App, e *workflow.Execution) workflow.Outcome
	// Record keeps an ended execution whose transaction was rolled back.
	Record(ctx context.Context, e *workflow.Execution) error
	// Cancel ends a queued execution that is not to run.
	Cancel(ctx context.Context, e *workflow.Execution, reason string) error
	// Find reads one execution.
	Find(ctx context.Context, id string) (*workflow.Execution, error)
}

// Config sets up the triggers.
type Config struct {
	Executions Executions
	Duplicates Duplicates
	Before     Before
	Commits    Commits
	Requests   Requests
	Schedules  Schedules
	// Catalog returns the workflows of this moment.
	Catalog func() *workflow.Catalog
	// RoleFields are the fields of an auth record that name its roles.
	RoleFields []string
	// Strict turns every skip into a 400.
	Strict bool
	// SyncTimeout is how long a response waits for sync workflows.
	SyncTimeout time.Duration
	// NewID makes ids of executions.
	NewID func() string
	// Secret signs the header that scripts' own requests carry.
	Secret []byte
}

// Trigger is the triggers of one app.
type Trigger struct {
	app     core.App
	config  Config
	direct  *direct
	records *records
	flights flights
	// decisions are the last of all requests.
	decisions decisions
}

// Register binds the record and batch hooks of app. Bind adds the routes.
func Register(app core.App, config Config) *Trigger {
	t := &Trigger{app: app, config: config}
	t.bindHooks()
	t.direct = newDirect(t)
	t.records = newRecords(t)
	return t
}

// Bind adds the middlewares and the NocoBase routes to a server.
func (t *Trigger) Bind(e *core.ServeEvent) {
	t.bindMiddlewares(e)
	t.bindNocoBase(e)
	t.bindManual(e)
	t.bindWebhooks(e)
}
