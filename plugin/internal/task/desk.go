package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Store keeps tasks.
type Store interface {
	// OpenTask stores a task with the step that waits for it.
	OpenTask(ctx context.Context, e *workflow.Execution, step *workflow.Step, t *workflow.Task) error
	// Task reads a task, or sql.ErrNoRows.
	Task(ctx context.Context, id string) (*workflow.Task, error)
	// ChangeTask stores what fn changed; what fn writes through tx commits with it.
	ChangeTask(ctx context.Context, id string, fn func(tx core.App, t *workflow.Task) error) (*workflow.Task, error)
	// OpenTasks lists the open tasks of an execution.
	OpenTasks(ctx context.Context, execution string) ([]string, error)
	// CloseTasks closes the open tasks in branches that begin like this.
	CloseTasks(ctx context.Context, execution, branches, reason string) error
	// TaskOf reads a record of the tasks.
	TaskOf(record *core.Record) (*workflow.Task, error)
}

// Config sets up a Desk.
type Config struct {
	App   core.App
	Store Store
	// Send sends an event through app and, once that has committed, wakes who waits
	// for it.
	Send func(ctx context.Context, app core.App, v *workflow.Event) error
	// RoleFields are the fields that hold roles, HasRole looks into one record.
	RoleFields []string
	HasRole    func(app core.App, auth *core.Record, role string) bool
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Desk is where tasks are opened, changed and ended.
type Desk struct {
	config Config
	post   post
}

// New makes a desk.
func New(config Config) *Desk {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Desk{config: config, post: post{app: config.App}}
}

// Now is the desk's time.
func (d *Desk) Now() time.Time { return d.config.Now() }

// Of is the task that a record holds.
func (d *Desk) Of(record *core.Record) (*workflow.Task, error) { return d.config.Store.TaskOf(record) }

// Stop waits until the mails that are being sent have gone out, for a while.
func (d *Desk) Stop() { d.post.stop() }

// Open stores a new task with the step of e that waits for it, and writes to those
// who are asked first. Refused is an error for the script.
func (d *Desk) Open(ctx context.Context, e *workflow.Execution, step *workflow.Step, options workflow.TaskOptions) (refused, err error) {
	t := &workflow.Task{
		Execution: e.ID, Workflow: e.Workflow, Step: step.Name, Branch: step.Branch, Index: step.Index,
		Status: workflow.StatusWaiting, Title: options.Title, Description: options.Description,
		Fields: options.Fields, Actions: options.Actions, Quorum: options.Quorum, Order: options.Order,
		DueAt: step.WakeAt, OnDue: options.OnDue, Notify: options.Notify, User: e.User, UserCollection: e.UserCollection,
	}
	app := d.config.App
	if refused := d.invite(app, t, options); refused != nil {
		return refused, nil
	}
	if _, err := newForm(ctx, app, t.Fields); err != nil {
		return fmt.Errorf("fields: %w", err), nil
	}
	letters := d.address(t)
	if err := d.config.Store.OpenTask(ctx, e, step, t); err != nil {
		return nil, err
	}
	d.post.send(t, letters)
	return nil, nil
}

// invite fills in the people.
func (d *Desk) invite(app core.App, t *workflow.Task, options workflow.TaskOptions) error {
	assignees, err := d.people(app, options.Assignees)
	if err != nil {
		return fmt.Errorf("assignees: %w", err)
	}
	if t.CC, err = d.people(app, options.CC); err != nil {
		return fmt.Errorf("cc: %w", err)
	}
	for _, p := range assignees {
		t.Places = append(t.Places, workflow.Place{Person: p})
	}
	if need := t.Quorum.Need(len(t.Places)); need > len(t.Places) {
		return fmt.Errorf("quorum: %d have to agree, but there are only %d assignees", need, len(t.Places))
	}
	return nil
}

// errSettled says that there is nothing to change any more.
var errSettled = errors.New("the task has ended")

// Due ends the task of a step because its due date is over. It does nothing when
// the task has ended otherwise.
func (d *Desk) Due(ctx context.Context, step *workflow.Step) error {
	id := strings.TrimPrefix(step.Ref, workflow.TaskEvent(""))
	_, err := d.config.Store.ChangeTask(ctx, id, func(tx core.App, t *workflow.Task) error {
		if t.Status.Final() {
			return errSettled
		}
		return d.end(ctx, tx, t, t.EndDue())
	})
	if errors.Is(err, errSettled) {
		return nil
	}
	return err
}

// Abandon closes the open tasks of an execution in branches that begin like this.
func (d *Desk) Abandon(ctx context.Context, execution, branches string) error {
	return d.config.Store.CloseTasks(ctx, execution, branches, workflow.TaskLost)
}

// ErrTooLarge says that a task's answers are more than a step can return.
var ErrTooLarge = errors.New("the answers of the task are too large")

// end tells the execution how its task ended, in the transaction that stores it.
func (d *Desk) end(ctx context.Context, tx core.App, t *workflow.Task, end *workflow.TaskEnd) error {
	payload, err := json.Marshal(end)
	if err != nil {
		return fmt.Errorf("encode the end of task %s: %w", t.ID, err)
	}
	if len(payload) > workflow.MaxResultSize {
		return ErrTooLarge
	}
	return d.config.Send(ctx, tx, &workflow.Event{Execution: t.Execution, Name: workflow.TaskEvent(t.ID), Payload: payload})
}
