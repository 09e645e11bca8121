package plugin

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/api"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/script"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Graph derives what a version of a workflow may do from its source; version 0 is
// the present one.
func (s service) Graph(ctx context.Context, key string, version int) (*workflow.Graph, error) {
	v, err := s.source(ctx, key, version)
	if err != nil {
		return nil, err
	}
	graph, err := script.Flow(v)
	if err != nil {
		return nil, fmt.Errorf("%w: version %d of workflow %q has no graph: %w", api.ErrRefused, v.Number, key, err)
	}
	return graph, nil
}

// Decisions are why recent requests did or did not start a workflow, newest first.
func (s service) Decisions(key string) ([]workflow.Decision, error) {
	found := s.plugin.trigger.Decisions(key)
	if len(found) == 0 && s.plugin.definitions.current().Find(key) == nil {
		return nil, fmt.Errorf("find workflow %q: %w", key, sql.ErrNoRows)
	}
	return found, nil
}

// source finds a stored version of a workflow.
func (s service) source(ctx context.Context, key string, version int) (*workflow.Version, error) {
	if version > 0 {
		return s.plugin.store.Version(ctx, key, version)
	}
	entry := s.plugin.definitions.current().Find(key)
	switch {
	case entry == nil:
		return nil, fmt.Errorf("find workflow %q: %w", key, sql.ErrNoRows)
	case entry.Version.Number == 0 && entry.Problem != nil:
		return nil, fmt.Errorf("%w: workflow %q has never been loaded: %w", api.ErrRefused, key, entry.Problem)
	case entry.Version.Number == 0:
		return nil, fmt.Errorf("%w: workflow %q has never been loaded", api.ErrRefused, key)
	default:
		return &entry.Version, nil
	}
}
