package store

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func subscribe(t testing.TB, app core.App, auth *core.Record, topics ...string) subscriptions.Client {
	t.Helper()
	client := subscriptions.NewDefaultClient()
	client.Set(apis.RealtimeClientAuthKey, auth)
	client.Subscribe(topics...)
	app.SubscriptionsBroker().Register(client)
	t.Cleanup(func() { app.SubscriptionsBroker().Unregister(client.Id()) })
	return client
}

type received struct {
	Topic  string
	Action string
	Record map[string]any
}

func next(t testing.TB, client subscriptions.Client) received {
	t.Helper()
	select {
	case m := <-client.Channel():
		r := received{Topic: m.Name}
		require.NoError(t, json.Unmarshal(m.Data, &r))
		return r
	case <-time.After(waitFor):
		require.FailNow(t, "no message came")
		return received{}
	}
}

func withOptions(topic, query string) string {
	return topic + "?options=" + url.QueryEscape(`{"query":`+query+`}`)
}

func TestRealtime_Progress(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	owner, _ := authToken(t, app, "users", "test@example.com")
	other, _ := authToken(t, app, "users", "test2@example.com")
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")
	all := executionsName + "/*"
	mine := subscribe(t, app, owner, all)
	theirs, guest := subscribe(t, app, other, all), subscribe(t, app, nil, all)
	admin := subscribe(t, app, super, all)

	e := newExecution("a")
	e.User, e.UserCollection = owner.Id, "users"
	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		if err := s.Insert(tx, newExecution("rolled back")); err != nil {
			return err
		}
		return errRolledBack
	}), errRolledBack)
	insert(t, app, s, e)
	m := next(t, mine)
	require.Equal(t, all, m.Topic)
	require.Equal(t, "create", m.Action)
	require.Equal(t, "queued", m.Record["status"])
	require.Equal(t, e.ID, m.Record["id"])
	require.NotContains(t, m.Record, "input")
	require.Equal(t, executionsName, m.Record["collectionName"])
	require.Contains(t, next(t, admin).Record, "input")

	require.NoError(t, s.SaveStep(ctx, e, newStep("s", 0)))
	m = next(t, mine)
	require.Equal(t, "update", m.Action)
	require.Equal(t, "running", m.Record["status"])
	next(t, admin)
	require.NoError(t, s.SaveStep(ctx, e, newStep("s2", 1)), "no row of an execution changes")

	e.Status = workflow.StatusError
	e.Failure = &workflow.Failure{Message: "no", Stack: "secret"}
	require.NoError(t, errOf(s.Finish(ctx, e)))
	m = next(t, mine)
	require.Equal(t, "error", m.Record["status"])
	require.Equal(t, map[string]any{"message": "no"}, m.Record["error"])
	require.NotContains(t, m.Record, "errorStack")
	require.Equal(t, map[string]any{"message": "no", "stack": "secret"}, next(t, admin).Record["error"])

	s.Stop() // sends all there is
	for _, client := range []subscriptions.Client{mine, theirs, guest, admin} {
		select {
		case m := <-client.Channel():
			require.FailNow(t, "unexpected message", "%s", m.Data)
		default:
		}
	}
}

var errRolledBack = errors.New("rolled back")

func TestRealtime_Options(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")
	owner, _ := authToken(t, app, "users", "test@example.com")
	e, unseen := newExecution("a"), newExecution("b")
	e.User, e.UserCollection = owner.Id, "users"
	insert(t, app, s, e, unseen)

	topic := executionsName + "/*"
	fields := subscribe(t, app, owner, withOptions(executionsName+"/"+e.ID, `{"fields":"id,status"}`))
	filtered := subscribe(t, app, super, withOptions(topic, `{"filter":"workflow='a'","expand":"`+stepsName+`_via_execution"}`))
	forbidden := subscribe(t, app, owner, withOptions(topic, `{"filter":"@collection.users.id!=''"}`), withOptions(executionsName, `{"filter":"errorStack=''"}`))

	require.NoError(t, s.SaveStep(ctx, unseen, newStep("s", 0)))
	require.NoError(t, s.SaveStep(ctx, e, newStep("s", 0)))
	require.Equal(t, map[string]any{"id": e.ID, "status": "running"}, next(t, fields).Record)
	m := next(t, filtered)
	require.Equal(t, e.ID, m.Record["id"])
	require.Contains(t, m.Record["expand"], stepsName+"_via_execution")
	s.Stop()
	require.Empty(t, forbidden.Channel())
}

func TestRealtime_OrderPerExecution(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")
	client := subscribe(t, app, super, executionsName+"/*")
	const n = 40
	for range n {
		e := newExecution("a")
		insert(t, app, s, e)
		require.NoError(t, s.SaveStep(ctx, e, newStep("s", 0)))
		e.Status = workflow.StatusCompleted
		require.NoError(t, errOf(s.Finish(ctx, e)))
	}
	last, ended := map[any]int{}, 0
	rank := map[any]int{"queued": 1, "running": 2, "completed": 3}
	for ended < n {
		m := next(t, client)
		id, status := m.Record["id"], rank[m.Record["status"]]
		if last[id] == 0 {
			require.Equal(t, "create", m.Action)
		}
		require.GreaterOrEqual(t, status, last[id], "never backwards")
		if status == 3 && last[id] < 3 {
			ended++
		}
		last[id] = status
	}
}

// TestRealtime_SlowClient shows that a client which reads nothing delays nobody,
// and that Stop gives it up.
func TestRealtime_SlowClient(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")
	subscribe(t, app, super, executionsName+"/*")
	quick := subscribe(t, app, super, executionsName+"/*")
	for range 3 {
		insert(t, app, s, newExecution("a"))
		next(t, quick)
	}
	gone := subscriptions.NewDefaultClient()
	gone.Discard()
	s.realtime.outbox.send(gone, subscriptions.Message{Name: "x"})
	s.Stop()
}

func TestNotify_NobodyListens(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	insert(t, app, s, newExecution("a"))
	s.Notify("update", "unknown")
	require.Empty(t, s.realtime.pending)
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")
	client := subscribe(t, app, super, "users/*", executionsName+"/unknown")
	s.Notify("update", "unknown")
	s.Stop()
	require.Empty(t, client.Channel())
}

func TestRealtime_Steps(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	owner, _ := authToken(t, app, "users", "test@example.com")
	super, _ := authToken(t, app, core.CollectionNameSuperusers, "test@example.com")
	e, other := newExecution("a"), newExecution("a")
	e.User, e.UserCollection = owner.Id, "users"
	insert(t, app, s, e, other)
	topic := withOptions(stepsName+"/*", `{"filter":"execution = '`+e.ID+`'"}`)
	admin, user := subscribe(t, app, super, topic), subscribe(t, app, owner, topic)

	elsewhere := newStep("elsewhere", 0)
	require.NoError(t, s.SaveStep(ctx, other, elsewhere))
	saved := newStep("saved", 0)
	require.NoError(t, s.SaveStep(ctx, e, saved))
	m := next(t, admin)
	require.Equal(t, "update", m.Action)
	require.Equal(t, saved.ID, m.Record["id"], "and not the step of another execution")
	require.Equal(t, stepsName, m.Record["collectionName"])

	committed := newStep("committed", 0)
	require.NoError(t, s.Transaction(ctx, e, committed, func(core.App) error { return nil }))
	require.Equal(t, "committed", next(t, admin).Record["name"])

	undone, inside := newStep("undone", 0), newStep("inside", 0)
	require.ErrorIs(t, app.RunInTransaction(func(tx core.App) error {
		require.NoError(t, s.Tx(tx).SaveStep(ctx, e, undone))
		return errRolledBack
	}), errRolledBack)
	require.NoError(t, app.RunInTransaction(func(tx core.App) error { return s.Tx(tx).SaveStep(ctx, e, inside) }))
	require.Equal(t, "inside", next(t, admin).Record["name"], "what was rolled back is not told")
	require.Empty(t, user.Channel(), "steps are the superusers'")
}
