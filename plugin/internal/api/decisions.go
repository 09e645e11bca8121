package api

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"
)

// decisions answers why recent requests did or did not start a workflow, newest
// first: {"items": [workflow.Decision, …]}. They are kept in memory since the
// server's start: the last 50 of each workflow, and the last 500 of all.
func (a *API) decisions(e *core.RequestEvent) error {
	if err := superusers().Func(e); err != nil { // nothing comes after it
		return err
	}
	items, err := a.service.Decisions(e.Request.PathValue("key"))
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"items": items})
}
