package plugin

import (
	"context"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
)

// requests lets the triggers, which know no SQL, remember requests with a key.
type requests struct{ store *store.Store }

func (r requests) Find(ctx context.Context, digest string) (*trigger.Request, error) {
	found, err := r.store.FindRequest(ctx, digest)
	return (*trigger.Request)(found), err
}

func (r requests) Insert(app core.App, request *trigger.Request) error {
	return r.store.InsertRequest(app, (*store.Request)(request))
}

func (r requests) Complete(ctx context.Context, request *trigger.Request) error {
	return r.store.CompleteRequest(ctx, (*store.Request)(request))
}
