package trigger

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// export is a record as scripts and clients see it, with relations loaded. It
// leaves the record as it is.
func export(app core.App, record *core.Record, expand []string) (json.RawMessage, error) {
	if record == nil {
		return nil, nil
	}
	clean := record.Fresh()
	if len(expand) > 0 {
		if errs := app.ExpandRecord(clean, expand, nil); len(errs) > 0 {
			app.Logger().Warn("Expanding a workflow's target failed", "collection", record.Collection().Name, "record", record.Id, "errors", fmt.Sprint(errs))
		}
	}
	raw, err := json.Marshal(clean.PublicExport())
	if err != nil {
		return nil, fmt.Errorf("encode record %s of %s: %w", record.Id, record.Collection().Name, err)
	}
	return raw, nil
}

// execution makes the execution of one target.
func (t *Trigger) execution(p *plan, c *candidate, target *core.Record, data, original, user json.RawMessage) *workflow.Execution {
	def := c.definition()
	e := &workflow.Execution{
		ID: t.config.NewID(), Workflow: def.Key, Version: c.entry.Version.Number, Status: workflow.StatusQueued, Mode: def.Mode,
		Cause: workflow.Cause{
			Type: workflow.TriggerAction, Action: p.action, Collection: target.Collection().Name,
			Record: target.Id, Path: c.ref.Path, Request: p.request,
		},
		Input: workflow.Input{
			Data: data, Original: original, User: user, RoleName: p.role, Action: p.action,
			Collection: target.Collection().Name, Path: c.ref.Path,
		},
		RoleName: p.role,
	}
	if p.info.Auth != nil {
		e.User, e.UserCollection = p.info.Auth.Id, p.info.Auth.Collection().Name
	}
	descend(e, p.parent)
	return e
}

// descend puts e into the chain of its parent, if there is one.
func descend(e, parent *workflow.Execution) {
	if parent == nil {
		return
	}
	e.Parent, e.Root = parent.ID, parent.Root
	e.Chain = append(append([]workflow.Link{}, parent.Chain...), parent.Link())
	e.Depth = len(e.Chain)
}

// recurs reports whether starting def for a target would be recursion.
func recurs(parent *workflow.Execution, def *workflow.Definition, target string) bool {
	if parent == nil {
		return false
	}
	chain := append(append([]workflow.Link{}, parent.Chain...), parent.Link())
	return workflow.Recurs(chain, def.Key, target, def.AllowReentry)
}
