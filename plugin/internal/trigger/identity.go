package trigger

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// roleHeader picks the acting role.
const roleHeader = "X-Role"

// actingRole is the role a request acts as: the one its header picks, which the
// caller must have, else the caller's first, else "". The error is a 403.
func (t *Trigger) actingRole(app core.App, auth *core.Record, header http.Header) (string, error) {
	asked := strings.TrimSpace(header.Get(roleHeader))
	if auth == nil {
		if asked != "" {
			return "", router.NewForbiddenError(fmt.Sprintf("A guest can't act as role %q.", asked), nil)
		}
		return "", nil
	}
	roles := t.rolesOf(app, auth)
	switch {
	case asked == "" && len(roles) > 0:
		return roles[0], nil
	case asked == "" || auth.IsSuperuser() || slices.Contains(roles, asked):
		return asked, nil
	default:
		return "", router.NewForbiddenError(fmt.Sprintf("You don't have the role %q.", asked), nil)
	}
}

// rolesOf reads the role fields of an auth record, whatever their type.
func (t *Trigger) rolesOf(app core.App, auth *core.Record) []string {
	var roles []string
	add := func(values ...string) {
		for _, v := range values {
			if v = strings.TrimSpace(v); v != "" && !slices.Contains(roles, v) {
				roles = append(roles, v)
			}
		}
	}
	for _, name := range t.config.RoleFields {
		switch f := auth.Collection().Fields.GetByName(name).(type) {
		case nil:
		case *core.RelationField:
			related, err := app.FindRecordsByIds(f.CollectionId, auth.GetStringSlice(name))
			if err != nil {
				continue
			}
			for _, id := range auth.GetStringSlice(name) { // in the order of the field
				for _, r := range related {
					if r.Id == id {
						add(r.GetString("name"))
					}
				}
			}
		case *core.JSONField:
			var one string
			var many []string
			raw := []byte(auth.GetString(name))
			if json.Unmarshal(raw, &many) == nil {
				add(many...)
			} else if json.Unmarshal(raw, &one) == nil {
				add(one)
			}
		default:
			add(auth.GetStringSlice(name)...)
		}
	}
	return roles
}
