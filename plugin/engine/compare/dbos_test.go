package compare

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite" // DBOS on SQLite
	"github.com/stretchr/testify/require"
)

// dbosShutdown is how long DBOS may take to stop.
const dbosShutdown = 10 * time.Second

// dbosEngine starts workflows directly, which is the fastest that DBOS has.
type dbosEngine struct {
	ctx dbos.Context
	db  *sql.DB

	mu      sync.Mutex
	handles []dbos.WorkflowHandle[string]
}

func openDBOS(b *testing.B) *dbosEngine {
	b.Helper()
	e := newDBOS(b)
	dbos.RegisterWorkflow(e.ctx, dbosWorkflow)
	require.NoError(b, dbos.Launch(e.ctx))
	return e
}

// newDBOS makes an engine that is not launched yet.
func newDBOS(b *testing.B) *dbosEngine {
	b.Helper()
	db := openSQLite(b)
	ctx, err := dbos.NewContext(context.Background(), dbos.Config{
		AppName:            "compare",
		ApplicationVersion: "compare",
		SQLiteSystemDB:     db,
		Logger:             slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, dbos.Shutdown(ctx, dbosShutdown)) })
	return &dbosEngine{ctx: ctx, db: db}
}

// dbosWorkflow returns the result of its last step.
func dbosWorkflow(ctx dbos.Context, w work) (result string, err error) {
	for range w.Steps {
		result, err = dbos.RunAsStep(ctx, func(context.Context) (string, error) { return stepResult, nil })
		if err != nil {
			return "", err
		}
	}
	return result, nil
}

func (e *dbosEngine) start(_ context.Context, w work) (string, error) {
	handle, err := dbos.RunWorkflow(e.ctx, dbosWorkflow, w)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handles = append(e.handles, handle)
	return handle.GetWorkflowID(), nil
}

// drain waits for the results, which come without the database being asked.
func (e *dbosEngine) drain(ctx context.Context) error {
	e.mu.Lock()
	handles := e.handles
	e.handles = nil
	e.mu.Unlock()
	for _, handle := range handles {
		if _, err := handle.GetResult(dbos.WithHandleTimeout(patience)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (e *dbosEngine) database() *sql.DB { return e.db }

func (e *dbosEngine) completedSQL() string {
	return "SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'"
}

func (e *dbosEngine) rows() []table {
	// UUIDs in no order, as the real ones.
	const id = "printf('%08x-0000-4000-8000-%012x', (i * 2654435761) & 4294967295, i)"
	var tables []table
	for _, name := range []string{"workflow_status", "operation_outputs", "workflow_input", "workflow_output"} {
		tables = append(tables, table{name: name, key: "workflow_uuid", own: map[string]string{"workflow_uuid": id}})
	}
	return tables
}
