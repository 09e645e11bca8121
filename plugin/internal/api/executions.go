package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// cancel ends one execution.
func (a *API) cancel(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	x, err := a.service.Find(e.Request.Context(), id)
	if err != nil {
		return fail(e, err)
	}
	done, err := a.service.Cancel(e.Request.Context(), []string{id})
	if err != nil {
		return fail(e, err)
	}
	if len(done) == 0 {
		return e.Error(http.StatusConflict, fmt.Sprintf("The execution has ended as %s.", x.Status), nil)
	}
	return e.JSON(http.StatusOK, map[string]any{"id": id, "status": workflow.StatusCanceled, "canceled": done})
}

// rerun does one execution again.
func (a *API) rerun(e *core.RequestEvent) error {
	from, err := readFrom(e)
	if err != nil {
		return err
	}
	id, err := a.service.Rerun(e.Request.Context(), e.Request.PathValue("id"), from)
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"id": id, "rerunOf": e.Request.PathValue("id")})
}

// fromBody is the body of a rerun.
type fromBody struct {
	From   json.RawMessage `json:"from"`
	Filter *string         `json:"filter"`
}

func readBody(e *core.RequestEvent, into any) error {
	raw, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return e.BadRequestError("The body can't be read.", err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return e.BadRequestError("The body must be a JSON object: "+err.Error()+".", nil)
	}
	return nil
}

func readFrom(e *core.RequestEvent) (workflow.RerunFrom, error) {
	var body struct {
		From json.RawMessage `json:"from"`
	}
	if err := readBody(e, &body); err != nil {
		return workflow.RerunFrom{}, err
	}
	return parseFrom(e, body.From)
}

func parseFrom(e *core.RequestEvent, raw json.RawMessage) (workflow.RerunFrom, error) {
	var word string
	var step struct {
		Step  string `json:"step"`
		Index int    `json:"index"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return workflow.RerunFrom{}, nil
	case json.Unmarshal(raw, &word) == nil && word == "start":
		return workflow.RerunFrom{}, nil
	case word == "failed":
		return workflow.RerunFrom{Failed: true}, nil
	case word == "" && decoder.Decode(&step) == nil && step.Step != "" && step.Index >= 0:
		return workflow.RerunFrom{Step: step.Step, Index: step.Index}, nil
	default:
		return workflow.RerunFrom{}, e.BadRequestError(`The field "from" must be "start", "failed" or {"step": name, "index": n}.`, nil)
	}
}

// pageSize is how many executions a bulk request handles at a time.
const pageSize = 200

// cancelAll ends the executions that satisfy a filter.
func (a *API) cancelAll(e *core.RequestEvent) error {
	filter, _, err := a.readBulk(e)
	if err != nil {
		return err
	}
	total := 0
	err = a.each(e, filter, func(ids []string) error {
		done, err := a.service.Cancel(e.Request.Context(), ids)
		total += len(done)
		return err
	})
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"canceled": total})
}

// rerunAll does the ended executions again that satisfy a filter.
func (a *API) rerunAll(e *core.RequestEvent) error {
	filter, raw, err := a.readBulk(e)
	if err != nil {
		return err
	}
	from, err := parseFrom(e, raw)
	if err != nil {
		return err
	}
	started, refused := []string{}, 0
	err = a.each(e, filter, func(ids []string) error {
		for _, id := range ids {
			again, err := a.service.Rerun(e.Request.Context(), id, from)
			switch {
			case errors.Is(err, ErrRefused):
				refused++
			case err != nil:
				return err
			default:
				started = append(started, again)
			}
		}
		return nil
	})
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"executions": started, "refused": refused})
}

func (a *API) readBulk(e *core.RequestEvent) (filter string, from json.RawMessage, err error) {
	var body fromBody
	if err := readBody(e, &body); err != nil {
		return "", nil, err
	}
	if body.Filter == nil || *body.Filter == "" {
		return "", nil, e.BadRequestError(`The field "filter" is required: a filter over the executions, for example status = "failed".`, nil)
	}
	return *body.Filter, body.From, nil
}

// each calls fn with the ids of the executions that satisfy a filter, a page at a
// time: those that exist when it begins.
func (a *API) each(e *core.RequestEvent, filter string, fn func(ids []string) error) error {
	newest, err := a.app.FindRecordsByFilter("_workflowExecutions", "", "-id", 1, 0)
	if err != nil || len(newest) == 0 {
		return err
	}
	for after := ""; ; {
		records, err := a.app.FindRecordsByFilter("_workflowExecutions",
			"("+filter+") && id > {:after} && id <= {:newest}", "id", pageSize, 0, map[string]any{"after": after, "newest": newest[0].Id})
		if err != nil {
			return fmt.Errorf("%w: the filter can't be used: %w", ErrRefused, err)
		}
		if len(records) == 0 {
			return nil
		}
		ids := make([]string, len(records))
		for i, r := range records {
			ids[i] = r.Id
		}
		after = ids[len(ids)-1]
		if err := fn(ids); err != nil {
			return err
		}
		if err := e.Request.Context().Err(); err != nil {
			return err
		}
	}
}
