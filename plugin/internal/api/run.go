package api

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// run starts a workflow for a superuser. The body, all of it optional, is
//
//	{"record": "id", "data": …, "user": "id" or "collection/id", "roleName": "editor", "dry": false}
//
// The answer is 202 {"id": execution, "workflow": key} or, with "dry": true,
// 200 and a workflow.DryRun.
func (a *API) run(e *core.RequestEvent) error {
	if err := superusers().Func(e); err != nil { // nothing comes after it
		return err
	}
	var body workflow.RunRequest
	if err := readBody(e, &body); err != nil {
		return err
	}
	if body.Record != "" && len(body.Data) > 0 {
		return e.BadRequestError(`A workflow runs for a "record" or for "data", not for both.`, nil)
	}
	key := e.Request.PathValue("key")
	if body.Dry {
		out, err := a.service.DryRun(e.Request.Context(), key, body)
		if err != nil {
			return fail(e, err)
		}
		return e.JSON(http.StatusOK, out)
	}
	id, err := a.service.Run(e.Request.Context(), key, body)
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusAccepted, map[string]any{"id": id, "workflow": key})
}
