package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const duplicateSQL = "SELECT id FROM " + executionsName + " WHERE workflow = {:workflow} AND dedupKey = {:key} AND dedupKey != ''" +
	" AND status IN (" + activeStatuses + ") LIMIT 1"

// Duplicate returns the execution of a workflow and dedup key that has not ended,
// or "", as the transaction of app sees it.
func (s *Store) Duplicate(app core.App, key, dedupKey string) (string, error) {
	var id string
	err := app.NonconcurrentDB().NewQuery(duplicateSQL).Bind(dbx.Params{"workflow": key, "key": dedupKey}).Row(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("look for a duplicate of workflow %q: %w", key, err)
	}
	return id, nil
}

// Cancel is Store.Cancel.
func (t *TxStore) Cancel(_ context.Context, ids []string, reason string) (workflow.Canceled, error) {
	done, err := cancelFamily(t.batch(), "id IN ("+placeholders(ids)+")", idParams(ids), reason)
	if err != nil {
		return workflow.Canceled{}, fmt.Errorf("cancel %d executions: %w", len(ids), err)
	}
	t.store.notifyAfter(t.app, "update", done.IDs...)
	t.store.tasksAfter(t.app, done.Tasks)
	return done, nil
}
