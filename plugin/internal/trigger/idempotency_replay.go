package trigger

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// replays reports whether the answer is that of an earlier request.
func (k *keyed) replays() bool { return k != nil && k.first != nil }

// replay answers as the first request of the key was answered. Errors are
// returned as errors, so that what is around makes the same of them.
func (k *keyed) replay(e *core.RequestEvent) error {
	first, h := k.first, e.Response.Header()
	for _, name := range slices.Sorted(maps.Keys(first.Headers)) {
		h.Set(name, first.Headers[name])
		if name != "Content-Type" {
			expose(h, name)
		}
	}
	h.Set(replayedHeader, "true")
	expose(h, replayedHeader)
	if first.Status == 0 {
		return k.lost(e)
	}
	if first.Status >= http.StatusBadRequest {
		failure := &router.ApiError{}
		if err := json.Unmarshal([]byte(first.Body), failure); err == nil && failure.Status == first.Status {
			return failure
		}
	}
	e.Response.WriteHeader(first.Status)
	_, err := e.Response.Write([]byte(first.Body))
	return err
}

// lost answers in place of a first answer that nobody has: the process ended
// between the commit and the answer, or another one is still at it. The record
// is answered as it is now, if the caller may view it; a deletion is a 204.
// Where there is no such record, and for batches, the answer is a 409 that tells
// what was started. Nothing is written again.
func (k *keyed) lost(e *core.RequestEvent) error {
	first := k.first
	if first.Action == workflow.ActionDelete {
		return e.NoContent(http.StatusNoContent)
	}
	unknown := keyError(http.StatusConflict, "idempotency_answer_lost",
		"The first request with this "+keyHeader+" was carried out, but its answer is lost. "+executionsHeader+" lists what it started.")
	if first.Record == "" {
		return unknown
	}
	info, err := e.RequestInfo()
	if err != nil {
		return router.NewBadRequestError("", err)
	}
	record, err := e.App.FindRecordById(first.Collection, first.Record)
	if err != nil {
		return unknown
	}
	if ok, err := e.App.CanAccessRecord(record, info, record.Collection().ViewRule); err != nil || !ok {
		return unknown
	}
	event := &core.RecordRequestEvent{}
	event.RequestEvent, event.Collection, event.Record = e, record.Collection(), record
	return e.App.OnRecordViewRequest().Trigger(event, func(e *core.RecordRequestEvent) error {
		if err := apis.EnrichRecord(e.RequestEvent, e.Record); err != nil {
			return router.NewInternalServerError("", err)
		}
		return e.JSON(http.StatusOK, e.Record)
	})
}
