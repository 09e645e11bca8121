package store

import (
	"context"
	"fmt"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// SetProblem marks the current version of a workflow as unfit for the database
// (e.g. an unknown collection), or with nil as fit. The row stays invalid as
// long as its file is. It saves only what changes. Errors: sql.ErrNoRows for an
// unknown key.
func (s *Store) SetProblem(ctx context.Context, key string, p *workflow.Problem) error {
	row, err := s.app.FindFirstRecordByData(workflowsName, "key", key)
	if err != nil {
		return fmt.Errorf("find workflow %q: %w", key, err)
	}
	known := rowProblems(row)
	known.Check = newProblem(p)
	setProblems(row, known)
	return saveChanged(ctx, s.app, row)
}
