package store

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// newApp is a PocketBase test app with the collections and hooks of the store.
func newApp(t testing.TB) *tests.TestApp {
	t.Helper()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	require.NoError(t, EnsureCollections(app))
	BindHooks(app)
	return app
}

// newStarted is a started store that stops before its app is cleaned up.
func newStarted(t testing.TB) (*tests.TestApp, *Store) {
	t.Helper()
	app := newApp(t)
	s := New(app)
	s.Start()
	t.Cleanup(s.Stop)
	return app, s
}

func newExecution(key string) *workflow.Execution {
	return &workflow.Execution{
		Workflow: key, Version: 1, Attempt: 1,
		Cause: workflow.Cause{Type: workflow.TriggerAction, Action: workflow.ActionCreate, Collection: "demo2", Record: "r1"},
		Input: workflow.Input{Data: json.RawMessage(`{"title":"secret input"}`)},
	}
}

func newStep(name string, seq int) *workflow.Step {
	return &workflow.Step{
		Name: name, Seq: seq, Kind: workflow.StepRun, Status: workflow.StatusCompleted, Attempt: 1,
		Result: json.RawMessage(`{"n":1}`),
	}
}

func insert(t testing.TB, app core.App, s *Store, execs ...*workflow.Execution) {
	t.Helper()
	require.NoError(t, app.RunInTransaction(func(tx core.App) error { return s.Insert(tx, execs...) }))
}

func authToken(t testing.TB, app core.App, collection, email string) (*core.Record, string) {
	t.Helper()
	record, err := app.FindAuthRecordByEmail(collection, email)
	require.NoError(t, err)
	token, err := record.NewAuthToken()
	require.NoError(t, err)
	return record, token
}

// How long a test waits for what happens on another goroutine, and how often it
// looks.
const (
	waitFor = 10 * time.Second
	tick    = 2 * time.Millisecond
)

// errOf is the error of a call that returns more.
func errOf[T any](_ T, err error) error { return err }

func waiterIDs(waiters []workflow.Waiter) []string {
	ids := make([]string, len(waiters))
	for i, w := range waiters {
		ids[i] = w.ID
	}
	return ids
}
