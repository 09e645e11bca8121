package store

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestResponse: what a webhook was answered is stored with the end of its
// execution, and shown to nobody but superusers.
func TestResponse(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	body := `{"a":1}`
	said := &workflow.Response{Status: http.StatusCreated, Headers: map[string]string{"X-A": "b"}, Body: &body}
	finished, silent, recorded := newExecution("a"), newExecution("a"), newExecution("a")
	insert(t, app, s, finished, silent)
	for _, e := range []*workflow.Execution{finished, silent, recorded} {
		e.Status = workflow.StatusCompleted
	}
	finished.Response, recorded.Response = said, said
	require.NoError(t, errOf(s.Finish(context.Background(), finished)))
	require.NoError(t, errOf(s.Finish(context.Background(), silent)))
	require.NoError(t, s.Record(context.Background(), recorded))
	for _, c := range []struct {
		execution *workflow.Execution
		want      *workflow.Response
	}{{finished, said}, {silent, nil}, {recorded, said}} {
		found, err := s.Find(context.Background(), c.execution.ID)
		require.NoError(t, err)
		require.Equal(t, c.want, found.Response)
	}
	c, err := app.FindCollectionByNameOrId(executionsName)
	require.NoError(t, err)
	require.True(t, c.Fields.GetByName("response").GetHidden())
}
