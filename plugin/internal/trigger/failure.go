package trigger

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Failure makes the execution of the workflow key that follows a failed one: on
// behalf of the same user, in its chain. A workflow that is in the chain already
// is not started again, whatever its target, unless it allows reentry: else two
// that fail would start each other for ever.
func (t *Trigger) Failure(app core.App, failed *workflow.Execution, key string) (*workflow.Execution, error) {
	entry, err := t.startable(key)
	if err != nil {
		return nil, err
	}
	if !entry.Version.Definition.AllowReentry {
		for _, l := range failed.Chain {
			if l.Workflow == key {
				return nil, fmt.Errorf("%w: workflow %q is in the chain of the failed execution already (recursion)", ErrNotStarted, key)
			}
		}
	}
	e, err := t.started(app, entry, failed.Report(), StartOptions{RoleName: failed.RoleName, Parent: failed})
	if err != nil {
		return nil, err
	}
	e.Cause = workflow.Cause{Type: workflow.TriggerFailure}
	e.User, e.UserCollection, e.Input.User = failed.User, failed.UserCollection, failed.Input.User
	return e, nil
}
