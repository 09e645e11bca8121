package api

import (
	"net/http"
	"slices"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// stats tells what the executions of the last hours did: of all workflows, or of
// the one that the query parameter "workflow" names.
func (a *API) stats(e *core.RequestEvent) error {
	told, err := a.service.Activity(e.Request.Context())
	if err != nil {
		return fail(e, err)
	}
	if key := e.Request.URL.Query().Get("workflow"); key != "" {
		told.Workflows = slices.DeleteFunc(slices.Clone(told.Workflows), func(w workflow.Activity) bool { return w.Workflow != key })
	}
	return e.JSON(http.StatusOK, told)
}
