package compare

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"
)

// pollInterval is how often wait looks. A latency that ends with such a look is
// too long by half of it on average.
const pollInterval = 500 * time.Microsecond

// backlog tells when the end of every execution is stored, for engines that do
// not tell themselves.
type backlog struct {
	db *sql.DB
	// activeSQL says whether an execution has no stored end.
	activeSQL string

	started, worked atomic.Int64
	workedAt        atomic.Int64 // nanoseconds
}

// begin counts an execution that is about to start.
func (l *backlog) begin() { l.started.Add(1) }

// end counts an execution whose function is about to return; its end is stored
// some time later.
func (l *backlog) end() {
	l.workedAt.Store(time.Now().UnixNano())
	l.worked.Add(1)
}

// wait returns when the end of everything that has begun is stored. It leaves
// the database alone while functions run.
func (l *backlog) wait(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for active := true; active; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d executions have run: %w", l.worked.Load(), l.started.Load(), ctx.Err())
		case <-ticker.C:
		}
		if l.worked.Load() < l.started.Load() {
			continue
		}
		if err := l.db.QueryRowContext(ctx, l.activeSQL).Scan(&active); err != nil {
			return fmt.Errorf("look for active executions: %w", err)
		}
	}
	return nil
}
