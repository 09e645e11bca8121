package trigger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// deliveryOf is what the sender calls the delivery, "" for nothing. The error is a
// 400 for a header that can't be used.
func (h *webhook) deliveryOf(r *http.Request) (string, error) {
	name := h.on.DeliveryHeader
	if name == "" {
		return h.stripeEvent(r), nil
	}
	list := r.Header.Values(name)
	if len(list) == 0 {
		return "", nil
	}
	if len(list) == 1 && visible(list[0]) && len(list[0]) <= maxKey {
		return list[0], nil
	}
	message := fmt.Sprintf("The header %s must have 1 to %d visible ASCII characters.", name, maxKey)
	return "", router.NewApiError(http.StatusBadRequest, message, validation.Errors{
		name: &item{code: "validation_invalid_delivery", message: message},
	})
}

// stripeEvent is the id of the event in the body, which stays when Stripe sends it
// again with a new signature. Without one it is the signature.
func (h *webhook) stripeEvent(r *http.Request) string {
	var event struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(h.input.Data, &event); err == nil && event.ID != "" {
		return event.ID
	}
	return only(r.Header, h.on.Auth.Header)
}

// request is how the delivery is remembered. Its digest can't be that of another
// request with a key: no collection's id has an "@".
func (h *webhook) request() *Request {
	sum := sha256.Sum256([]byte("@webhook\x00" + h.definition().Key + "\x00" + h.delivery))
	digest := hex.EncodeToString(sum[:])
	return &Request{ID: h.trigger.config.NewID(), Digest: digest, Fingerprint: digest}
}

// replay is the answer to the delivery's first request, nil where this is the
// first one. What the body says now does not count: senders may put the time of
// the attempt into it.
func (h *webhook) replay(ctx context.Context, digest string) (*webhookReply, error) {
	first, err := h.trigger.config.Requests.Find(ctx, digest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, router.NewInternalServerError("", err)
	}
	reply, err := h.again(ctx, first)
	if reply != nil {
		reply.replayed = true
	}
	return reply, err
}

func (h *webhook) again(ctx context.Context, first *Request) (*webhookReply, error) {
	if first.Status != 0 {
		return &webhookReply{status: first.Status, header: first.Headers, body: first.Body}, nil
	}
	how := result{index: single, ref: Ref{Key: h.definition().Key}, id: first.Record}
	if first.Headers[skippedHeader] != "" {
		how.skip = workflow.SkipDuplicate
	}
	if h.definition().Mode != workflow.ModeSync || how.skip != "" {
		return h.accepted(how), nil
	}
	x, err := h.trigger.config.Executions.Find(ctx, first.Record)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, keyError(http.StatusConflict, "idempotency_answer_lost",
			"The first request of this delivery was carried out, but its answer is lost. Its execution was "+first.Record+".")
	case err != nil:
		return nil, router.NewInternalServerError("", err)
	case !x.Status.Final():
		return h.accepted(how), nil
	}
	reply := h.ended(how, workflow.Outcome{
		Status: x.Status, Reason: x.Reason, Output: x.Output, Failure: x.Failure, Messages: x.Messages, Response: x.Response,
	})
	h.remember(ctx, first, reply)
	return reply, nil
}

// remember keeps the answer of a sync execution, which may be deleted before the
// sender asks again.
func (h *webhook) remember(ctx context.Context, request *Request, reply *webhookReply) {
	if request == nil {
		return
	}
	request.Status, request.Headers, request.Body = reply.status, reply.header, reply.body
	if err := h.trigger.config.Requests.Complete(context.WithoutCancel(ctx), request); err != nil {
		h.trigger.app.Logger().Error("Remembering an answer failed", "request", request.ID, "error", err)
	}
}
