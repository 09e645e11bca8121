package trigger

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// bindNocoBase adds NocoBase's URLs: /api/{collection}:create and :update.
func (t *Trigger) bindNocoBase(e *core.ServeEvent) {
	e.Router.POST("/api/{nocobase}", t.nocoBase)
}

func (t *Trigger) nocoBase(e *core.RequestEvent) error {
	err := t.nocoBaseWrite(e)
	if err == nil {
		return nil
	}
	api := router.ToApiError(err)
	return e.JSON(api.Status, map[string]any{"errors": nocoBaseMessages(nocoBaseErrors(api))})
}

func (t *Trigger) nocoBaseWrite(e *core.RequestEvent) error {
	name, verb, _ := strings.Cut(e.Request.PathValue("nocobase"), ":")
	if m := nocoBaseRecordPath.FindStringSubmatch(e.Request.URL.Path); m != nil {
		name, verb = m[1], "trigger"
	}
	if verb == "trigger" {
		return t.nocoBaseTrigger(e, name)
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(name)
	if err != nil || verb != "create" && verb != "update" {
		return router.NewNotFoundError("", err)
	}
	if err := acceptJSON(e.Request); err != nil {
		return router.NewBadRequestError("", err)
	}
	r := &core.InternalRequest{Method: http.MethodPost, URL: "/api/collections/" + collection.Name + "/records"}
	action := workflow.ActionCreate
	if verb == "update" {
		id := e.Request.URL.Query().Get("filterByTk")
		if id == "" {
			return router.NewBadRequestError("The query parameter filterByTk must name the record to update.", nil)
		}
		r.Method, r.URL, action = http.MethodPatch, r.URL+"/"+id, workflow.ActionUpdate
		e.Request.SetPathValue("id", id)
	}
	e.Request.SetPathValue("collection", collection.Name)

	return nocoBaseAnswer(e, func() error {
		return t.handle(e, action, func() error { return recordHandler(e, r) })
	})
}

// nocoBaseAnswer wraps the answer of do.
func nocoBaseAnswer(e *core.RequestEvent, do func() error) error {
	direct, held := e.Response, httptest.NewRecorder()
	e.Response = &router.ResponseWriter{ResponseWriter: held}
	err := func() error {
		defer func() { e.Response = direct }()
		return do()
	}()
	for name, values := range held.Header() {
		if name != "Content-Type" && name != "Content-Length" {
			direct.Header()[name] = values
		}
	}
	if err != nil {
		return err
	}
	answer := map[string]any{"data": json.RawMessage(held.Body.Bytes())}
	if s, ok := e.Get(sessionKey).(*session); ok && s.intercepted {
		delete(answer, "data") // nothing was written
	}
	var messages []string
	if json.Unmarshal([]byte(held.Header().Get(messagesHeader)), &messages) == nil && len(messages) > 0 {
		answer["messages"] = nocoBaseMessages(messages)
	}
	return e.JSON(held.Code, answer)
}

// acceptJSON lets a JSON body be one whatever its Content-Type says: NocoBase's
// documented curl calls send none.
func acceptJSON(r *http.Request) error {
	contentType := r.Header.Get("Content-Type")
	if strings.HasPrefix(contentType, "multipart/") || strings.HasPrefix(contentType, "application/json") {
		return nil
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = &router.RereadableReadCloser{ReadCloser: io.NopCloser(bytes.NewReader(raw))}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		r.Header.Set("Content-Type", "application/json")
	}
	return nil
}

func nocoBaseMessages(messages []string) []map[string]string {
	out := make([]map[string]string, len(messages))
	for i, m := range messages {
		out[i] = map[string]string{"message": m}
	}
	return out
}

// nocoBaseErrors are the messages of an error: those of its fields, which say
// more, or its own.
func nocoBaseErrors(api *router.ApiError) []string {
	out := []string{api.Message}
	for _, field := range slices.Sorted(maps.Keys(api.Data)) {
		d, _ := api.Data[field].(map[string]any)
		if m, ok := d["message"].(string); ok && d["code"] != "workflow_failed" {
			out = append(out, field+": "+m)
		}
	}
	return out
}
