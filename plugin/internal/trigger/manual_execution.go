package trigger

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// prepare makes the executions of every entry; one without any has the reason in
// its candidate.
func (m *manual) prepare(w *writing, records []*core.Record, values map[string]any) ([]found, error) {
	params, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encode the submitted values: %w", err)
	}
	if len(params) > workflow.MaxResultSize {
		return nil, router.NewApiError(http.StatusRequestEntityTooLarge, "The submitted values are larger than 1 MiB.", nil)
	}
	user, err := export(w.tx, w.plan.info.Auth, nil)
	if err != nil {
		return nil, err
	}
	starts := make([]found, 0, len(w.plan.candidates))
	for _, c := range w.plan.candidates {
		if c.skip == "" {
			var executions []*workflow.Execution
			if executions, c.skip, err = m.executions(w, c, records, params); err != nil {
				return nil, router.NewInternalServerError("", err)
			}
			for _, x := range executions {
				x.Input.Params, x.Input.User = params, user
				starts = append(starts, found{c, x})
			}
		}
		if c.skip != "" {
			starts = append(starts, found{candidate: c})
		}
	}
	return starts, nil
}

// executions are those of one entry, or why it has none.
func (m *manual) executions(w *writing, c *candidate, records []*core.Record, params json.RawMessage) ([]*workflow.Execution, workflow.SkipReason, error) {
	def := c.definition()
	starts := def.On.StartsWith()
	if starts != workflow.ContextRecord && recurs(w.plan.parent, def, "") {
		return nil, workflow.SkipRecursion, nil
	}
	if starts == workflow.ContextNone {
		return []*workflow.Execution{w.manualExecution(c, nil, params)}, "", nil
	}
	targets, reason, err := w.allTargets(c, records)
	if err != nil || reason != "" {
		return nil, reason, err
	}
	list := make([]json.RawMessage, len(targets))
	for i, target := range targets {
		if list[i], err = export(w.tx, target, def.On.Expand); err != nil {
			return nil, "", err
		}
	}
	if starts == workflow.ContextRecords {
		data, err := json.Marshal(list)
		if err != nil {
			return nil, "", err
		}
		x := w.manualExecution(c, nil, data)
		x.Cause.Collection, x.Input.Collection = targets[0].Collection().Name, targets[0].Collection().Name
		return []*workflow.Execution{x}, "", nil
	}
	out := make([]*workflow.Execution, len(targets))
	for i, target := range targets {
		out[i] = w.manualExecution(c, target, list[i])
	}
	return out, "", nil
}

// allTargets are the targets of an entry over all records, each once.
func (w *writing) allTargets(c *candidate, records []*core.Record) ([]*core.Record, workflow.SkipReason, error) {
	var all []*core.Record
	var last workflow.SkipReason
	seen := map[string]bool{}
	for _, record := range records {
		targets, reason, err := w.targets(c, record)
		if err != nil {
			return nil, "", err
		}
		if reason != "" {
			last = reason
		}
		for _, target := range targets {
			if !seen[target.Id] {
				seen[target.Id] = true
				all = append(all, target)
			}
		}
	}
	switch {
	case last == workflow.SkipTooManyTargets || len(all) > maxTargets:
		return nil, workflow.SkipTooManyTargets, nil
	case len(all) == 0:
		return nil, last, nil
	default:
		return all, "", nil
	}
}

func (w *writing) manualExecution(c *candidate, target *core.Record, data json.RawMessage) *workflow.Execution {
	p, def := w.plan, c.definition()
	x := &workflow.Execution{
		ID: w.trigger.config.NewID(), Workflow: def.Key, Version: c.entry.Version.Number, Status: workflow.StatusQueued, Mode: def.Mode,
		Cause:    workflow.Cause{Type: workflow.TriggerManual, Action: p.action, Path: c.ref.Path, Request: p.request},
		Input:    workflow.Input{Data: data, RoleName: p.role, Action: p.action, Path: c.ref.Path},
		RoleName: p.role,
	}
	if target != nil {
		x.Cause.Collection, x.Cause.Record = target.Collection().Name, target.Id
		x.Input.Collection = target.Collection().Name
	}
	if p.info.Auth != nil {
		x.User, x.UserCollection = p.info.Auth.Id, p.info.Auth.Collection().Name
	}
	descend(x, p.parent)
	return x
}
