package plugin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/api"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// service is what the REST routes do, and with them the Go API.
type service struct{ plugin *Plugin }

func (s service) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	return s.plugin.store.Find(ctx, id)
}

func (s service) Cancel(ctx context.Context, ids []string) ([]string, error) {
	p := s.plugin
	done, err := p.engine.Cancel(ctx, ids, "canceled")
	if err == nil && len(done) > 0 && !p.owner.Owns() {
		p.executions.ring() // a parent may go on
	}
	return done, err
}

func (s service) Activity(ctx context.Context) (workflow.Activities, error) {
	return s.plugin.store.Activity(ctx, time.Now())
}

// Rerun starts an execution that does another one again, on the workflow's
// present version.
func (s service) Rerun(ctx context.Context, id string, from workflow.RerunFrom) (string, error) {
	p := s.plugin
	x, err := p.store.Find(ctx, id)
	if err != nil {
		return "", fmt.Errorf("find execution %q: %w", id, err)
	}
	if !x.Status.Final() {
		return "", fmt.Errorf("%w: the execution is %s; only one that has ended can be run again", api.ErrRefused, x.Status)
	}
	if x.Cause.Type == workflow.TriggerBefore {
		return "", fmt.Errorf("%w: the execution ran before a write whose request is over", api.ErrRefused)
	}
	journal, err := p.store.Steps(ctx, id)
	if err != nil {
		return "", err
	}
	steps, err := from.Takeover(journal)
	if err != nil {
		return "", fmt.Errorf("%w: %w", api.ErrRefused, err)
	}
	again := &workflow.Execution{
		Workflow: x.Workflow, Version: x.Version, Mode: workflow.ModeAsync, Cause: x.Cause, Input: x.Input,
		User: x.User, UserCollection: x.UserCollection, RoleName: x.RoleName,
		Chain: x.Chain, Depth: x.Depth, RerunOf: x.ID, Stored: len(steps) > 0,
	}
	again.Cause.Wait = false // nobody waits for it
	if entry := p.definitions.current().Find(x.Workflow); entry != nil && entry.Usable() && entry.Version.Number > 0 {
		again.Version = entry.Version.Number
	}
	if err := p.store.InsertWithSteps(ctx, again, steps); err != nil {
		return "", fmt.Errorf("rerun execution %s: %w", id, err)
	}
	p.executions.Start(again)
	return again.ID, nil
}

// Trigger starts a workflow by hand, for whom its rule allows that.
func (s service) Trigger(e *core.RequestEvent) error { return s.plugin.trigger.OnTrigger(e) }

func (s service) Send(ctx context.Context, v *workflow.Event) error {
	return s.plugin.send(ctx, s.plugin.app, v)
}

// send keeps an event through app and wakes who waits for it once that has
// committed.
func (p *Plugin) send(ctx context.Context, app core.App, v *workflow.Event) error {
	x, err := p.store.Find(ctx, v.Execution)
	if err != nil && app.TxInfo() != nil && errors.Is(err, sql.ErrNoRows) {
		x, err = p.store.Tx(app).Find(ctx, v.Execution)
	}
	if err != nil {
		return err
	}
	wakes, err := p.store.SendEvent(ctx, app, v)
	if err != nil || !wakes {
		return err
	}
	wake := func() {
		if p.owner.Owns() {
			p.engine.Wake(workflow.Waiter{ID: x.ID, Workflow: x.Workflow})
		} else {
			p.executions.ring()
		}
	}
	if tx := app.TxInfo(); tx != nil {
		tx.OnComplete(func(txErr error) error {
			if txErr == nil {
				wake()
			}
			return nil
		})
		return nil
	}
	wake()
	return nil
}

func (s service) SetPaused(ctx context.Context, key string, paused bool) error {
	app := s.plugin.app
	row, err := app.FindFirstRecordByData("_workflows", "key", key)
	if err != nil {
		return fmt.Errorf("find workflow %q: %w", key, err)
	}
	row.Set("paused", paused)
	if err := app.SaveWithContext(ctx, row); err != nil {
		return fmt.Errorf("pause workflow %q: %w", key, err)
	}
	return nil
}
