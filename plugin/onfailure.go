package plugin

import (
	"fmt"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// sequel makes what follows the end of an execution: the workflow that the
// option onFailure of its version names. It is stored in the commit that stores
// the end, so it starts exactly once.
func (p *Plugin) sequel(x *workflow.Execution) *workflow.Execution {
	if !x.Status.Failed() {
		return nil
	}
	v, err := p.version(x.Workflow, x.Version)
	if err != nil || v.Definition.OnFailure == "" {
		return nil // an unknown version has failed for just that reason
	}
	next, err := p.trigger.Failure(p.app, x, v.Definition.OnFailure)
	if err != nil {
		p.app.Logger().Warn("The workflow that is to follow a failure was not started",
			"workflow", x.Workflow, "execution", x.ID, "onFailure", v.Definition.OnFailure, "error", err)
		return nil
	}
	if next.Root == "" {
		next.Root = x.ID // it is not stored yet
	}
	return next
}

// checkOnFailure tells that onFailure names no workflow at all. One that is
// invalid, disabled or gone for now is no reason not to run: its turn may never
// come.
func checkOnFailure(def workflow.Definition, entries []*workflow.Entry) *workflow.Problem {
	if def.OnFailure == "" {
		return nil
	}
	for _, e := range entries {
		if e.Version.Workflow == def.OnFailure {
			return nil
		}
	}
	return &workflow.Problem{
		File: def.File, Line: def.Line, Option: "onFailure", Message: fmt.Sprintf("there is no workflow %q", def.OnFailure),
	}
}
