package trigger

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Duplicates finds and ends executions of a dedup key, inside the transaction of
// app.
type Duplicates interface {
	// Active returns the execution of a workflow and key that has not ended, or "".
	Active(app core.App, workflow, key string) (string, error)
	// Replace cancels an execution; after is to be called once that has committed.
	Replace(app core.App, id string) (after func(), err error)
}

// dedup applies a workflow's dedup option to an execution that is about to be
// stored. Earlier is the execution of the same key that has not ended; with
// policy replace it is canceled and "", and after is to be called once that has
// committed.
func (t *Trigger) dedup(app core.App, def *workflow.Definition, e *workflow.Execution) (earlier string, after func(), err error) {
	if def.Dedup.Key == "" {
		return "", nil, nil
	}
	expression, err := workflow.ParseKeyExpression(def.Dedup.Key)
	if err != nil {
		return "", nil, fmt.Errorf("the dedup key of workflow %q: %w", def.Key, err)
	}
	if e.DedupKey, err = expression.Eval(e.Input); err != nil {
		return "", nil, fmt.Errorf("the dedup key of workflow %q: %w", def.Key, err)
	}
	if e.DedupKey == "" {
		return "", nil, nil
	}
	earlier, err = t.config.Duplicates.Active(app, def.Key, e.DedupKey)
	if err != nil || earlier == "" || def.Dedup.Policy != workflow.DedupReplace {
		return earlier, nil, err
	}
	after, err = t.config.Duplicates.Replace(app, earlier)
	return "", after, err
}
