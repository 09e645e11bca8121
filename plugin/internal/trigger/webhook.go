package trigger

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// webhookPath is the URL of a webhook, whose methods are the workflow's own.
const webhookPath = "/api/workflows/hooks/{key}"

// bindWebhooks binds each method by itself, GET with HEAD: Go's mux refuses a
// pattern for any method beside the GET /{path...} that serves a host's files.
func (t *Trigger) bindWebhooks(e *core.ServeEvent) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		e.Router.Route(method, webhookPath, t.webhook)
	}
}

// webhook is a call of a webhook. What is refused is logged, and writes nothing.
func (t *Trigger) webhook(e *core.RequestEvent) error {
	entry, err := t.startable(e.Request.PathValue("key"))
	if err != nil || entry.Version.Definition.On.Type != workflow.TriggerWebhook || entry.Version.Definition.On.Webhook == nil {
		t.unusable(e, e.Request.PathValue("key"), workflow.SkipWrongTrigger)
		return router.NewNotFoundError("", nil) // the same whatever is wrong
	}
	h := &webhook{trigger: t, event: e, entry: entry, on: entry.Version.Definition.On.Webhook}
	if err := h.read(); err != nil {
		t.told(e, result{index: single, ref: Ref{Key: h.definition().Key}}, err)
		refused := router.ToApiError(err)
		e.App.Logger().Warn("A webhook was refused", "workflow", h.definition().Key, "status", refused.Status,
			"reason", refused.Message, "method", e.Request.Method, "ip", e.RealIP())
		return err
	}
	reply, err := h.answer()
	if err != nil {
		return err
	}
	return reply.write(e)
}

// webhook is one call.
type webhook struct {
	trigger *Trigger
	event   *core.RequestEvent
	entry   *workflow.Entry
	on      *workflow.Webhook
	// body is what was sent, input what a script gets of it.
	body  []byte
	input workflow.Input
	// delivery is what its sender calls it, "" for nothing.
	delivery string
}

func (h *webhook) definition() *workflow.Definition { return &h.entry.Version.Definition }

// read checks the request and reads it. The error is what it is refused with.
func (h *webhook) read() error {
	r := h.event.Request
	if !slices.Contains(h.on.Methods, r.Method) {
		h.event.Response.Header().Set("Allow", strings.Join(h.on.Methods, ", "))
		return router.NewApiError(http.StatusMethodNotAllowed, "", nil)
	}
	check, err := h.authenticate(r)
	if err != nil {
		return err
	}
	if h.body, err = readWebhookBody(r, h.on.MaxBody); err != nil {
		return err
	}
	if check != nil { // a signature of the body
		if err := check(h.body); err != nil {
			return err
		}
	}
	if h.input, err = h.parse(r); err != nil {
		return err
	}
	h.delivery, err = h.deliveryOf(r)
	return err
}

// answer starts the execution, unless an earlier request of the delivery has, and
// says what became of it.
func (h *webhook) answer() (*webhookReply, error) {
	if h.delivery == "" {
		return h.start(nil)
	}
	ctx := h.event.Request.Context()
	request := h.request()
	leave, err := h.trigger.flights.enter(ctx, request.Digest)
	if err != nil {
		return nil, keyError(http.StatusConflict, "idempotency_key_busy", "The first request of this delivery is still under way.")
	}
	defer leave()
	if reply, err := h.replay(ctx, request.Digest); reply != nil || err != nil {
		return reply, err
	}
	reply, err := h.start(request)
	if err == nil {
		return reply, nil
	}
	// Another process may have been first: the unique index lets one commit.
	if reply, findErr := h.replay(ctx, request.Digest); reply != nil && findErr == nil {
		return reply, nil
	}
	return nil, err
}

// start stores an execution together with request, if there is one, and runs it
// or leaves it to the engine.
func (h *webhook) start(request *Request) (*webhookReply, error) {
	t, def := h.trigger, h.definition()
	x, err := t.started(h.event.App, h.entry, h.input.Data, StartOptions{Parent: t.parentOf(h.event.Request)})
	if errors.Is(err, ErrNotStarted) {
		ref := result{index: single, ref: Ref{Key: def.Key}, skip: workflow.SkipRecursion}
		writeHeaders(h.event.Response.Header(), []result{ref})
		t.told(h.event, ref, nil)
		return nil, router.NewApiError(http.StatusConflict, "The workflow is in its own chain already.", nil)
	}
	if err != nil {
		return nil, router.NewInternalServerError("", err)
	}
	x.Mode = def.Mode
	x.Cause = workflow.Cause{Type: workflow.TriggerWebhook, Request: h.event.Request.Method + " " + h.event.Request.URL.Path}
	x.Input.Params = h.input.Params
	how, err := h.store(x, request)
	if err != nil {
		return nil, router.NewInternalServerError("", err)
	}
	t.told(h.event, how, nil)
	if how.id != x.ID || x.Mode != workflow.ModeSync {
		if how.id == x.ID {
			t.config.Executions.Start(x)
		}
		return h.accepted(how), nil
	}
	ctx, cancel := context.WithTimeout(h.event.Request.Context(), t.config.SyncTimeout)
	defer cancel()
	out, err := t.config.Executions.Run(ctx, x)
	if err != nil || !out.Status.Final() {
		return h.accepted(how), nil // it goes on in the background
	}
	reply := h.ended(how, out)
	h.remember(ctx, request, reply)
	return reply, nil
}

// store keeps x and what answers its request, in one commit. The result has the
// id of another execution where that one has the same dedup key.
func (h *webhook) store(x *workflow.Execution, request *Request) (how result, err error) {
	t, def := h.trigger, h.definition()
	var after func()
	if x.Mode == workflow.ModeSync {
		t.config.Executions.Reserve(x)
	}
	err = t.config.Executions.Atomic(h.event.Request.Context(), func(tx core.App) (err error) {
		how = result{index: single, ref: Ref{Key: def.Key}, id: x.ID}
		var earlier string
		if earlier, after, err = t.dedup(tx, def, x); err != nil {
			return err
		}
		if earlier != "" {
			how.id = earlier
			if def.Dedup.Policy != workflow.DedupReturn {
				how.skip = workflow.SkipDuplicate
			}
		} else if err := t.config.Executions.Insert(tx, x); err != nil {
			return err
		}
		if request == nil {
			return nil
		}
		header := http.Header{}
		writeHeaders(header, []result{how})
		request.Record, request.Headers = how.id, kept(header)
		return t.config.Requests.Insert(tx, request)
	})
	if x.Mode == workflow.ModeSync && (err != nil || how.id != x.ID) {
		t.config.Executions.Free(x)
	}
	if err == nil && after != nil {
		after()
	}
	return how, err
}

// age is how far a time is away from now.
func age(t time.Time) time.Duration { return time.Since(t).Abs() }
