package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// sendEvent sends an event to an execution, for superusers and for the user who
// caused it. For all others the execution does not exist.
func (a *API) sendEvent(e *core.RequestEvent) error {
	if e.Auth == nil {
		return e.UnauthorizedError("", nil)
	}
	x, err := a.service.Find(e.Request.Context(), e.Request.PathValue("id"))
	if err != nil {
		return fail(e, err)
	}
	if !e.HasSuperuserAuth() && (x.User != e.Auth.Id || x.UserCollection != e.Auth.Collection().Name) {
		return e.NotFoundError("", nil)
	}
	return a.send(e, &workflow.Event{
		Execution: x.ID, Name: e.Request.PathValue("event"), User: e.Auth.Id, UserCollection: e.Auth.Collection().Name,
	})
}

// sendByToken sends the event of a single-use URL: having it is the right.
func (a *API) sendByToken(e *core.RequestEvent) error {
	claim, err := a.readToken(e.Request.PathValue("token"))
	if err != nil {
		return e.NotFoundError("This URL is not valid, or not any more.", err)
	}
	return a.send(e, &workflow.Event{Execution: claim.Execution, Name: claim.Event, Token: claim.Step})
}

func (a *API) send(e *core.RequestEvent, v *workflow.Event) error {
	if !workflow.ValidEventName(v.Name) {
		return e.BadRequestError("The event's name is not valid.", nil)
	}
	payload, err := readPayload(e)
	if err != nil {
		return err
	}
	v.Payload = payload
	if err := a.service.Send(e.Request.Context(), v); err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"id": v.ID, "execution": v.Execution, "event": v.Name})
}

// readPayload is the body as JSON; an empty one is null, a form an object.
func readPayload(e *core.RequestEvent) (json.RawMessage, error) {
	contentType := e.Request.Header.Get("Content-Type")
	if contentType != "" && !isJSON(contentType) {
		info, err := e.RequestInfo()
		if err != nil {
			return nil, e.BadRequestError("The body can't be read.", err)
		}
		if len(info.Body) > 0 {
			return json.Marshal(info.Body)
		}
	}
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return nil, e.BadRequestError("The body can't be read.", err)
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return json.RawMessage("null"), nil
	case !json.Valid(raw):
		return nil, e.BadRequestError("The body must be JSON: it is the event's payload.", nil)
	case len(raw) > workflow.MaxResultSize:
		return nil, e.Error(http.StatusRequestEntityTooLarge, "The payload is larger than 1 MiB.", nil)
	default:
		return raw, nil
	}
}
