package store

import (
	"context"
	"fmt"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// activeSQL merges the two statuses in id order straight off the partial index,
// so that a page costs its own length only, however long the backlog is. The
// statuses are literals because SQLite could not use the index otherwise.
const activeSQL = activeBranch + `'queued' AND id > {:after} UNION ALL ` + activeBranch + `'running' AND id > {:after} ORDER BY id LIMIT {:limit}`

const activeBranch = "SELECT " + executionColumns + " FROM " + executionsName + " WHERE status = "

const findSQL = "SELECT " + executionColumns + " FROM " + executionsName + " WHERE id = {:id}"

// Active returns at most limit executions that are queued or running and whose
// id comes after the given one ("" for the first page), by id.
func (s *Store) Active(ctx context.Context, after string, limit int) ([]*workflow.Execution, error) {
	return activeExecutions(ctx, s.app.ConcurrentDB(), after, limit)
}

// Find returns one execution, or sql.ErrNoRows.
func (s *Store) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	return findExecution(ctx, s.app.ConcurrentDB(), id)
}

func activeExecutions(ctx context.Context, db dbx.Builder, after string, limit int) ([]*workflow.Execution, error) {
	var rows []executionRow
	err := db.NewQuery(activeSQL).WithContext(ctx).Bind(dbx.Params{"after": after, "limit": limit}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read active executions: %w", err)
	}
	execs := make([]*workflow.Execution, len(rows))
	for i := range rows {
		if execs[i], err = rows[i].execution(); err != nil {
			return nil, fmt.Errorf("read execution %s: %w", rows[i].ID, err)
		}
	}
	return execs, nil
}

func findExecution(ctx context.Context, db dbx.Builder, id string) (*workflow.Execution, error) {
	var row executionRow
	err := db.NewQuery(findSQL).WithContext(ctx).Bind(dbx.Params{"id": id}).One(&row)
	if err != nil {
		return nil, fmt.Errorf("find execution %q: %w", id, err)
	}
	e, err := row.execution()
	if err != nil {
		return nil, fmt.Errorf("read execution %s: %w", id, err)
	}
	return e, nil
}
