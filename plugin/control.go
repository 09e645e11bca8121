package plugin

import (
	"context"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
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
}

// Trigger starts the workflow key for a record or, with anything else, for
// that value as JSON, and returns the id of the execution. With app a
// transaction's app, it starts when the transaction commits and never when it
// rolls back. Errors: an unknown, disabled or invalid key, a record of another
// collection than the workflow's, recursion, or what the database said.
func (p *Plugin) Trigger(app core.App, key string, target any, options TriggerOptions) (string, error) {
	id, err := p.trigger.Start(app, key, target, trigger.StartOptions{User: options.User, RoleName: options.RoleName})
	if err != nil {
		return "", fmt.Errorf("trigger workflow: %w", err)
	}
	return id, nil
}
