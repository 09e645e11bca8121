package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// activeSQL merges the two statuses in id order straight off the partial index,
// so that a page costs its own length only, however long the backlog is. The
// statuses are literals because SQLite could not use the index otherwise.
const activeSQL = activeBranch + `'queued' AND id > {:after} UNION ALL ` + activeBranch + `'running' AND id > {:after} ORDER BY id LIMIT {:limit}`

const activeBranch = "SELECT id, workflow FROM " + executionsName + " WHERE status = "

const findSQL = "SELECT " + executionColumns + " FROM " + executionsName + " WHERE id = {:id}"

// Active returns at most limit executions that are queued or running and whose
// id comes after the given one ("" for the first page), by id.
func (s *Store) Active(ctx context.Context, after string, limit int) ([]workflow.Waiter, error) {
	var rows []workflow.Waiter
	err := s.app.ConcurrentDB().NewQuery(activeSQL).WithContext(ctx).Bind(dbx.Params{"after": after, "limit": limit}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read active executions: %w", err)
	}
	return rows, nil
}

// Load returns those of the executions that exist, in any order.
func (s *Store) Load(ctx context.Context, ids []string) ([]*workflow.Execution, error) {
	return loadExecutions(ctx, s.app.ConcurrentDB(), "id IN ("+placeholders(ids)+")", idParams(ids))
}

// begunWhere is written for the index of the active executions: the one of the
// workflow would go through all that have ended too.
const begunWhere = "(status = 'queued' OR status = 'running' OR status = 'waiting') AND startedAt != '' AND +workflow = {:workflow}"

// Begun returns the executions of a workflow that have begun and not ended,
// parked ones included.
func (s *Store) Begun(ctx context.Context, key string) ([]*workflow.Execution, error) {
	return loadExecutions(ctx, s.app.ConcurrentDB(), begunWhere, dbx.Params{"workflow": key})
}

// Find returns one execution, or sql.ErrNoRows.
func (s *Store) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	return findExecution(ctx, s.app.ConcurrentDB(), id)
}

func loadExecutions(ctx context.Context, db dbx.Builder, where string, params dbx.Params) ([]*workflow.Execution, error) {
	var rows []executionRow
	if err := db.NewQuery("SELECT " + executionColumns + " FROM " + executionsName + " WHERE " + where).WithContext(ctx).Bind(params).All(&rows); err != nil {
		return nil, fmt.Errorf("read executions: %w", err)
	}
	return toExecutions(rows)
}

func toExecutions(rows []executionRow) ([]*workflow.Execution, error) {
	execs := make([]*workflow.Execution, len(rows))
	for i := range rows {
		var err error
		if execs[i], err = rows[i].execution(); err != nil {
			return nil, fmt.Errorf("read execution %s: %w", rows[i].ID, err)
		}
	}
	return execs, nil
}

// placeholders and idParams name each of some ids in a query.
func placeholders(ids []string) string {
	names := make([]string, len(ids))
	for i := range ids {
		names[i] = "{:id" + strconv.Itoa(i) + "}"
	}
	return strings.Join(names, ",")
}

func idParams(ids []string) dbx.Params {
	params := make(dbx.Params, len(ids))
	for i, id := range ids {
		params["id"+strconv.Itoa(i)] = id
	}
	return params
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
