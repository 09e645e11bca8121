package api

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// fail is the answer for an error of the service: the one place where errors
// become statuses.
func fail(e *core.RequestEvent, err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e.NotFoundError("", err)
	case errors.Is(err, workflow.ErrTokenUsed):
		return e.Error(http.StatusGone, "This URL was used already.", nil)
	case errors.Is(err, workflow.ErrGone):
		return e.Error(http.StatusConflict, "The execution has ended.", nil)
	case errors.Is(err, ErrRefused):
		return e.BadRequestError(strings.TrimPrefix(err.Error(), ErrRefused.Error()+": "), nil)
	default:
		return e.InternalServerError("", err)
	}
}
