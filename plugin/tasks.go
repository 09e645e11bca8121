package plugin

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/task"
)

// newDesk makes the place where people's tasks are dealt with.
func (p *Plugin) newDesk() *task.Desk {
	return task.New(task.Config{
		App:        p.app,
		Store:      p.store,
		Send:       p.send,
		RoleFields: p.config.RoleFields,
		// The trigger is made after the desk.
		HasRole: func(app core.App, auth *core.Record, role string) bool { return p.trigger.HasRole(app, auth, role) },
	})
}
