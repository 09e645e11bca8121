package trigger

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// webhookReply is an answer to a webhook.
type webhookReply struct {
	status   int
	header   map[string]string
	body     string
	replayed bool
}

const jsonType = "application/json"

// write sends the answer. Errors are sent as they are too, so that a replay is the
// same to the last byte.
func (r *webhookReply) write(e *core.RequestEvent) error {
	h := e.Response.Header()
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		h.Set(name, r.header[name])
		if strings.HasPrefix(name, "X-Workflow-") {
			expose(h, name)
		}
	}
	if r.replayed {
		h.Set(replayedHeader, "true")
		expose(h, replayedHeader)
	}
	e.Response.WriteHeader(r.status)
	if !workflow.HasBody(r.status) || r.body == "" {
		return nil
	}
	_, err := io.WriteString(e.Response, r.body)
	return err
}

// reply has the headers that tell of the execution.
func (h *webhook) reply(how result, status int) *webhookReply {
	header := http.Header{}
	writeHeaders(header, []result{how})
	return &webhookReply{status: status, header: kept(header)}
}

func (r *webhookReply) json(v any) {
	r.header["Content-Type"] = jsonType
	raw, err := json.Marshal(v)
	if err != nil {
		return // ids and ApiErrors always encode
	}
	r.body = string(raw)
}

// accepted is the answer while an execution is under way: the workflow's own, or
// a 202 with the id.
func (h *webhook) accepted(how result) *webhookReply {
	r := h.reply(how, http.StatusAccepted)
	r.json(map[string]any{"execution": how.id})
	if said := h.on.Response; said != nil && h.definition().Mode == workflow.ModeAsync {
		r.say(said)
	}
	return r
}

// say puts in what a response says.
func (r *webhookReply) say(said *workflow.Response) {
	if said.Status != 0 {
		r.status = said.Status
	}
	if said.Body != nil {
		r.body = *said.Body
	}
	if r.body == "" || !workflow.HasBody(r.status) {
		delete(r.header, "Content-Type")
		r.body = ""
	}
	maps.Copy(r.header, said.Headers)
}

// ended is the answer of a sync execution: what ctx.respondWith said, if the
// workflow ended as it was meant to, else its output, else an error.
func (h *webhook) ended(how result, out workflow.Outcome) *webhookReply {
	r := h.reply(how, http.StatusOK)
	header := http.Header{}
	writeMessages(header, out.Messages)
	maps.Copy(r.header, kept(header))
	decided := out.Status == workflow.StatusCompleted || out.Status == workflow.StatusFailed || out.Status == workflow.StatusRejected
	switch {
	case decided && out.Response != nil:
		r.say(out.Response)
	case out.Status == workflow.StatusCompleted:
		output := out.Output
		if len(output) == 0 {
			output = json.RawMessage("null")
		}
		r.json(output)
	default:
		failure := workflowError(h.definition().Key, out)
		r.status = failure.Status
		r.json(failure)
	}
	return r
}
