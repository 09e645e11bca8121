package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	insertEventSQL = "INSERT INTO " + eventsName + " (id, execution, name, payload, token, user, userCollection, step, created)" +
		" SELECT {:id}, {:execution}, {:name}, {:payload}, {:token}, {:user}, {:userCollection}, '', {:created}" +
		" WHERE EXISTS (SELECT 1 FROM " + executionsName + " WHERE id = {:execution} AND status IN (" + activeStatuses + "))"
	// wakeForEventSQL queues the execution only if it waits for this event.
	wakeForEventSQL = "UPDATE " + executionsName + " SET status='queued', wakeAt='' WHERE id = {:execution} AND status = 'waiting'" +
		" AND EXISTS (SELECT 1 FROM " + stepsName + " WHERE execution = {:execution} AND status = 'waiting' AND kind IN ('waitForEvent','task') AND ref = {:name})"
	eventsSQL = "SELECT id, payload FROM " + eventsName + " WHERE execution = {:execution} AND name = {:name} AND step = '' ORDER BY id"
	takeEvent = "UPDATE " + eventsName + " SET step = {:step} WHERE id = {:id} AND step = ''"
)

// SendEvent keeps an event for its execution, through app, which may be a
// transaction's app, and reports whether that wakes it. It sets the ID, and
// Created when that is empty. Errors: workflow.ErrGone when the execution was deleted or has
// ended, workflow.ErrTokenUsed.
func (s *Store) SendEvent(ctx context.Context, app core.App, v *workflow.Event) (wakes bool, err error) {
	if v.Created.IsZero() {
		v.Created = time.Now()
	}
	run := func(b *batch) error {
		if _, err := b.exec(lock); err != nil {
			return err
		}
		if err := tokenUnused(b, v.Token); err != nil {
			return err
		}
		v.ID = NewID() // here, so that ids are in the order of the commits: Park relies on it
		res, err := b.db.NewQuery(insertEventSQL).Bind(dbx.Params{
			"id": v.ID, "execution": v.Execution, "name": v.Name, "payload": rawColumn(v.Payload), "token": v.Token,
			"user": v.User, "userCollection": v.UserCollection, "created": formatDate(v.Created),
		}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, workflow.ErrGone)
		}
		res, err = b.db.NewQuery(wakeForEventSQL).Bind(dbx.Params{"execution": v.Execution, "name": v.Name}).Execute()
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		wakes = n > 0
		return err
	}
	if app.TxInfo() == nil {
		err = s.write(ctx, run)
	} else {
		err = run(s.prepared.batch(s.app, app))
	}
	if err != nil {
		return false, fmt.Errorf("send event %q to execution %s: %w", v.Name, v.Execution, err)
	}
	return wakes, nil
}

// tokenUnused is ErrTokenUsed when an event came by the URL of token already: the
// write lock makes that hold until the commit.
func tokenUnused(b *batch, token string) error {
	if token == "" {
		return nil
	}
	var n int
	err := b.db.NewQuery("SELECT COUNT(*) FROM " + eventsName + " WHERE token = {:token} AND token != ''").Bind(dbx.Params{"token": token}).Row(&n)
	if err == nil && n > 0 {
		err = workflow.ErrTokenUsed
	}
	return err
}

// Events returns the events of a name that no wait has taken, in the order in
// which they came.
func (s *Store) Events(ctx context.Context, execution, name string) ([]*workflow.Event, error) {
	var rows []struct {
		ID      string   `db:"id"`
		Payload jsonText `db:"payload"`
	}
	err := s.app.ConcurrentDB().NewQuery(eventsSQL).WithContext(ctx).Bind(dbx.Params{"execution": execution, "name": name}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read the events of execution %s: %w", execution, err)
	}
	events := make([]*workflow.Event, len(rows))
	for i, r := range rows {
		events[i] = &workflow.Event{ID: r.ID, Execution: execution, Name: name, Payload: r.Payload.raw()}
	}
	return events, nil
}

// TakeEvent stores a wait that has ended together with the event that ended it,
// so that one event ends one wait. Errors: workflow.ErrStepConflict when another
// wait has the event, and those of SaveStep.
func (s *Store) TakeEvent(ctx context.Context, e *workflow.Execution, step *workflow.Step, event string) error {
	w, err := newStepWrite(e, step)
	taken := true
	if err == nil {
		err = s.write(ctx, func(b *batch) error {
			taken = true
			res, err := b.db.NewQuery(takeEvent).Bind(dbx.Params{"step": step.ID, "id": event}).Execute()
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				taken = false
				return err
			}
			return w.run(b)
		})
	}
	switch {
	case err != nil:
	case !taken:
		err = workflow.ErrStepConflict
	default:
		err = w.result()
	}
	if err != nil {
		return fmt.Errorf("end the wait %q of execution %s: %w", step.Name, e.ID, err)
	}
	w.marks.done()
	s.Notify("update", w.marks.ids()...)
	return nil
}
