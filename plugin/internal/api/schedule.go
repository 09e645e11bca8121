package api

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
)

// schedule answers superusers with the times at which a workflow runs next and
// with what it started last: GET /api/workflows/{key}/schedule. A workflow without
// a schedule has none: 404.
func (a *API) schedule(e *core.RequestEvent) error {
	if err := superusers().Func(e); err != nil { // nothing comes after it
		return err
	}
	view, err := a.service.Schedule(e.Request.PathValue("key"))
	if err != nil {
		return fail(e, err)
	}
	if view == nil {
		return e.NotFoundError("There is no workflow of this key that has a schedule.", nil)
	}
	return e.JSON(http.StatusOK, view)
}
