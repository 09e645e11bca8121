package api

import (
	"net/http"
	"strconv"

	"github.com/pocketbase/pocketbase/core"
)

// graph answers what a workflow may do, as JSON (workflow.Graph) or, with
// ?format=mermaid, as the text of a Mermaid flowchart. ?version=n takes another
// version than the present one.
func (a *API) graph(e *core.RequestEvent) error {
	if err := superusers().Func(e); err != nil { // nothing comes after it
		return err
	}
	query := e.Request.URL.Query()
	version := 0
	if query.Has("version") {
		var err error
		if version, err = strconv.Atoi(query.Get("version")); err != nil || version < 1 {
			return e.BadRequestError(`The parameter "version" must be the number of a version.`, nil)
		}
	}
	format := query.Get("format")
	if format != "" && format != "json" && format != "mermaid" {
		return e.BadRequestError(`The parameter "format" must be "json" or "mermaid".`, nil)
	}
	graph, err := a.service.Graph(e.Request.Context(), e.Request.PathValue("key"), version)
	if err != nil {
		return fail(e, err)
	}
	if format == "mermaid" {
		return e.String(http.StatusOK, graph.Mermaid())
	}
	return e.JSON(http.StatusOK, graph)
}
