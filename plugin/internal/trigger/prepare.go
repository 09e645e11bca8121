package trigger

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Prepare makes the execution that Start would store, also of a workflow that is
// disabled or runs before a write. The error wraps ErrNotStarted.
func (t *Trigger) Prepare(app core.App, key string, target any, options StartOptions) (*workflow.Execution, error) {
	entry := t.config.Catalog().Find(key)
	switch {
	case entry == nil || entry.Missing:
		return nil, fmt.Errorf("%w: there is no workflow %q", ErrNotStarted, key)
	case !entry.Usable():
		return nil, fmt.Errorf("%w: workflow %q is invalid: %w", ErrNotStarted, key, entry.Problem)
	}
	e, err := t.startedManually(app, entry, target, options)
	if err != nil {
		return nil, err
	}
	e.Cause.Type = entry.Version.Definition.On.Type
	return e, nil
}
