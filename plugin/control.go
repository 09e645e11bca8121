package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Pause stops taking up asynchronous executions; those that run go on, and
// triggers are accepted as always. Resume ends it.
func (p *Plugin) Pause() { p.engine.Pause() }

// Resume ends a Pause.
func (p *Plugin) Resume() { p.engine.Resume() }

// Drain waits until no execution is queued or running. It returns ctx's error
// when that ends first.
func (p *Plugin) Drain(ctx context.Context) error { return p.engine.Drain(ctx) }

// TriggerOptions say on whose behalf a workflow is triggered.
type TriggerOptions struct {
	// User is the auth record in ctx.user. Defaults to none.
	User *core.Record
	// RoleName is ctx.roleName. Defaults to "".
	RoleName string
	// StartAfter is how long the execution waits before it begins. Defaults to
	// not at all.
	StartAfter time.Duration
	// StartAt is when it begins at the earliest; StartAfter counts from there.
	// Defaults to now.
	StartAt time.Time
}

// options are the trigger's own.
func (o TriggerOptions) options() trigger.StartOptions {
	after := o.StartAt
	if o.StartAfter > 0 {
		if after.IsZero() {
			after = time.Now()
		}
		after = after.Add(o.StartAfter)
	}
	return trigger.StartOptions{User: o.User, RoleName: o.RoleName, After: after}
}

// Trigger starts the workflow key for a record or, with anything else, for
// that value as JSON, and returns the id of the execution. A manual workflow with
// context "record" takes a *core.Record only, one with "records" a
// []*core.Record of at most 100. With app a transaction's app, it starts when the transaction commits and never when it
// rolls back. Errors: an unknown, disabled or invalid key, a record of another
// collection than the workflow's, recursion, or what the database said.
func (p *Plugin) Trigger(app core.App, key string, target any, options TriggerOptions) (string, error) {
	id, err := p.trigger.Start(app, key, target, options.options())
	if err != nil {
		return "", fmt.Errorf("trigger workflow: %w", err)
	}
	return id, nil
}

// Cancel ends an execution and the children that it waits for, and returns the
// ids of those that this ended: none when it had ended already. What runs is
// interrupted.
func (p *Plugin) Cancel(ctx context.Context, id string) ([]string, error) {
	return service{p}.Cancel(ctx, []string{id})
}

// Send sends an event to an execution, which may wait for it now or later. With
// app a transaction's app it is sent when the transaction commits. Errors: the
// execution is unknown or has ended.
func (p *Plugin) Send(app core.App, execution, event string, payload any) error {
	if !workflow.ValidEventName(event) {
		return fmt.Errorf("send event: %q is not the name of an event", event)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("send event %q: %w", event, err)
	}
	if err := p.send(context.Background(), app, &workflow.Event{Execution: execution, Name: event, Payload: raw}); err != nil {
		return fmt.Errorf("send event %q to execution %q: %w", event, execution, err)
	}
	return nil
}
