package compare

import (
	"context"
	"testing"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/stretchr/testify/require"
)

// dbosPolling is how often the queue is polled; DBOS' own default is a second.
// On SQLite a poll reads all of workflow_status, history too: the status is a
// parameter, so that SQLite can't use the partial index on the active ones.
const dbosPolling = 10 * time.Millisecond

// dbosQueue starts the same workflows through a queue.
type dbosQueue struct {
	*dbosEngine
	queue   dbos.Queue
	backlog *backlog
}

func openDBOSQueue(b *testing.B) *dbosQueue {
	b.Helper()
	e := &dbosQueue{dbosEngine: newDBOS(b)}
	e.backlog = &backlog{
		db:        e.db,
		activeSQL: "SELECT EXISTS (SELECT 1 FROM workflow_status WHERE status IN ('ENQUEUED', 'PENDING'))",
	}
	dbos.RegisterWorkflow(e.ctx, e.run)
	require.NoError(b, dbos.Launch(e.ctx))
	var err error
	e.queue, err = dbos.RegisterQueue(e.ctx, "compare", dbos.WithQueueBasePollingInterval(dbosPolling))
	require.NoError(b, err)
	return e
}

func (e *dbosQueue) run(ctx dbos.Context, w work) (string, error) {
	defer e.backlog.end()
	return dbosWorkflow(ctx, w)
}

func (e *dbosQueue) start(_ context.Context, w work) (string, error) {
	e.backlog.begin()
	handle, err := dbos.RunWorkflow(e.ctx, e.run, w, dbos.WithQueue(e.queue))
	if err != nil {
		return "", err
	}
	return handle.GetWorkflowID(), nil
}

func (e *dbosQueue) drain(ctx context.Context) error { return e.backlog.wait(ctx) }
