package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// overduePage is how many ids one read of overdue executions returns at most.
const overduePage = 1000

// Every walk is over an index that is there anyway: the one of a workflow's
// executions by their creation, or the one of all ids, which sort by time. What
// the index does not hold (status, finishedAt) is looked up row by row within the
// part of it that can be overdue.
const (
	keysSQL = "WITH RECURSIVE keys(k) AS (SELECT MIN(workflow) FROM " + executionsName +
		" UNION ALL SELECT (SELECT MIN(workflow) FROM " + executionsName + " WHERE workflow > k) FROM keys WHERE k IS NOT NULL)" +
		" SELECT k FROM keys WHERE k IS NOT NULL"

	// positionSQL orders rows of one millisecond by rowid, as the index does.
	positionSQL = "SELECT id, created, rowid AS row FROM " + executionsName + " WHERE workflow = {:workflow}" +
		" AND status IN (SELECT value FROM json_each({:statuses}))"

	pageSQL = positionSQL + " AND created >= {:created} AND (created > {:created} OR rowid > {:row})" +
		" AND created <= {:untilCreated} AND (created < {:untilCreated} OR rowid <= {:untilRow})"
	orderSQL = " ORDER BY created, rowid LIMIT {:limit}"

	ageSQL   = pageSQL + " AND finishedAt < {:before}" + orderSQL
	countSQL = pageSQL + orderSQL

	beyondCountSQL = positionSQL + " ORDER BY created DESC, rowid DESC LIMIT 1 OFFSET {:keep}"

	// beyondTotalSQL reads ids only, off two indexes, and stops after {:keep}.
	beyondTotalSQL = "SELECT id FROM " + executionsName + " WHERE id NOT IN (" + activeID + "'queued' UNION ALL " +
		activeID + "'running' UNION ALL " + activeID + "'waiting') ORDER BY id DESC LIMIT 1 OFFSET {:keep}"
	activeID = "SELECT id FROM " + executionsName + " WHERE status = "

	totalSQL = "SELECT id FROM " + executionsName + " WHERE id > {:after} AND id <= {:until}" +
		" AND status IN (" + finalStatuses + ") ORDER BY id LIMIT {:limit}"
)

// Pages are ids in pages, or the error that ended the reading. Whether the
// executions of a page are deleted before the next one makes no difference.
type Pages = iter.Seq2[[]string, error]

// ExecutedKeys lists the workflows that have executions, those that are not
// stored any more included.
func (s *Store) ExecutedKeys(ctx context.Context) ([]string, error) {
	var keys []string
	if err := s.app.ConcurrentDB().NewQuery(keysSQL).WithContext(ctx).Column(&keys); err != nil {
		return nil, fmt.Errorf("read the workflows that have executions: %w", err)
	}
	return keys, nil
}

// OverAge finds the executions of a workflow with one of the final statuses that
// ended before t, the oldest first.
func (s *Store) OverAge(ctx context.Context, key string, statuses []workflow.Status, before time.Time) Pages {
	limit := formatDate(before)
	// What ended before t was created before t.
	return s.walk(ctx, ageSQL, position{Created: limit, Row: math.MaxInt64}, dbx.Params{
		"workflow": key, "statuses": statusList(statuses), "before": limit,
	})
}

// OverCount finds all but the newest keep executions of a workflow with one of
// the final statuses, the oldest first.
func (s *Store) OverCount(ctx context.Context, key string, statuses []workflow.Status, keep int) Pages {
	params := dbx.Params{"workflow": key, "statuses": statusList(statuses), "keep": keep}
	return func(yield func([]string, error) bool) {
		var until position
		err := s.app.ConcurrentDB().NewQuery(beyondCountSQL).WithContext(ctx).Bind(params).One(&until)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			yield(nil, fmt.Errorf("find executions of workflow %q over the count: %w", key, err))
		default:
			delete(params, "keep")
			s.walk(ctx, countSQL, until, params)(yield)
		}
	}
}

// OverTotal finds all finished executions but the newest keep of all workflows,
// the oldest first.
func (s *Store) OverTotal(ctx context.Context, keep int) Pages {
	return func(yield func([]string, error) bool) {
		var until string
		err := s.app.ConcurrentDB().NewQuery(beyondTotalSQL).WithContext(ctx).Bind(dbx.Params{"keep": keep}).Row(&until)
		if err != nil {
			if !errors.Is(err, sql.ErrNoRows) {
				yield(nil, fmt.Errorf("find executions over the total: %w", err))
			}
			return
		}
		for after := ""; ; {
			var ids []string
			err := s.app.ConcurrentDB().NewQuery(totalSQL).WithContext(ctx).
				Bind(dbx.Params{"after": after, "until": until, "limit": overduePage}).Column(&ids)
			if err != nil {
				yield(nil, fmt.Errorf("read executions over the total: %w", err))
				return
			}
			if len(ids) > 0 && !yield(ids, nil) || len(ids) < overduePage {
				return
			}
			after = ids[len(ids)-1]
		}
	}
}

// position is a place in the index of a workflow's executions by creation.
type position struct {
	ID      string `db:"id"`
	Created string `db:"created"`
	Row     int64  `db:"row"`
}

// walk reads page by page from the oldest execution up to and including until.
func (s *Store) walk(ctx context.Context, query string, until position, params dbx.Params) Pages {
	params["untilCreated"], params["untilRow"], params["limit"] = until.Created, until.Row, overduePage
	return func(yield func([]string, error) bool) {
		var after position
		for {
			params["created"], params["row"] = after.Created, after.Row
			var rows []position
			if err := s.app.ConcurrentDB().NewQuery(query).WithContext(ctx).Bind(params).All(&rows); err != nil {
				yield(nil, fmt.Errorf("read overdue executions of workflow %q: %w", params["workflow"], err))
				return
			}
			ids := make([]string, len(rows))
			for i, row := range rows {
				ids[i], after = row.ID, row
			}
			if len(ids) > 0 && !yield(ids, nil) || len(ids) < overduePage {
				return
			}
		}
	}
}

// statusList is a JSON array, so that one statement fits any number.
func statusList(statuses []workflow.Status) string {
	raw, _ := json.Marshal(statuses) // strings only
	return string(raw)
}
