package trigger

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// HasRole reports whether an auth record has a role in one of its role fields.
func (t *Trigger) HasRole(app core.App, auth *core.Record, role string) bool {
	return slices.Contains(t.rolesOf(app, auth), role)
}
