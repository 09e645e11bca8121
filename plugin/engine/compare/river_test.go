package compare

import (
	"context"
	"database/sql"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"
)

// riverWorkers is how many jobs River runs at the same time, and the most that
// it fetches at once.
const riverWorkers = 100

// riverEngine is River, a job queue.
type riverEngine struct {
	client  *river.Client[*sql.Tx]
	db      *sql.DB
	backlog *backlog
}

// riverArgs are the arguments of a job.
type riverArgs struct{ work }

// Kind names the worker.
func (riverArgs) Kind() string { return "work" }

func openRiver(b *testing.B) *riverEngine {
	b.Helper()
	db := openSQLite(b)
	e := &riverEngine{db: db, backlog: &backlog{
		db:        db,
		activeSQL: "SELECT EXISTS (SELECT 1 FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled', 'pending'))",
	}}
	driver := riversqlite.New(db)
	migrator, err := rivermigrate.New(driver, nil)
	require.NoError(b, err)
	_, err = migrator.Migrate(b.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(b, err)

	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(context.Context, *river.Job[riverArgs]) error {
		e.backlog.end()
		return nil
	}))
	e.client, err = river.NewClient(driver, &river.Config{
		// As often as it lets itself be told to.
		FetchCooldown:     river.FetchCooldownMin,
		FetchPollInterval: river.FetchPollIntervalMin,
		Logger:            slog.New(slog.DiscardHandler),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: riverWorkers}},
		Workers:           workers,
	})
	require.NoError(b, err)
	require.NoError(b, e.client.Start(context.Background()))
	b.Cleanup(func() { require.NoError(b, e.client.Stop(context.Background())) })
	return e
}

func (e *riverEngine) start(ctx context.Context, w work) (string, error) {
	e.backlog.begin()
	result, err := e.client.Insert(ctx, riverArgs{w}, nil)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(result.Job.ID, 10), nil
}

func (e *riverEngine) drain(ctx context.Context) error { return e.backlog.wait(ctx) }

// workedAt is when the function of the last job returned. River stores ends
// together, up to a quarter of a second later.
func (e *riverEngine) workedAt() time.Time { return time.Unix(0, e.backlog.workedAt.Load()) }

func (e *riverEngine) database() *sql.DB { return e.db }

func (e *riverEngine) completedSQL() string {
	return "SELECT count(*) FROM river_job WHERE state = 'completed'"
}

func (e *riverEngine) rows() []table {
	return []table{{name: "river_job", key: "id", own: map[string]string{"id": "id + i"}}}
}
