package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// ErrNotStarted wraps every reason why Start did not start a workflow.
var ErrNotStarted = errors.New("workflow not started")

// StartOptions say how and on whose behalf Start starts a workflow.
type StartOptions struct {
	// After is when the execution begins at the earliest; zero for now.
	After time.Time
	// User is ctx.user; nil for none.
	User *core.Record
	// RoleName is ctx.roleName.
	RoleName string
	// Parent is the execution whose script asks, or nil.
	Parent *workflow.Execution
}

// Start starts the workflow key for target, a *core.Record or a value for JSON,
// and returns the execution's id. With app a transaction's app the execution is
// part of it.
func (t *Trigger) Start(app core.App, key string, target any, options StartOptions) (string, error) {
	entry, err := t.startable(key)
	if err != nil {
		return "", err
	}
	e, err := t.startedManually(app, entry, target, options)
	if err != nil {
		return "", err
	}
	if options.After.After(time.Now()) {
		e.Status, e.WakeAt = workflow.StatusWaiting, options.After
	}
	return t.launch(app, &entry.Version.Definition, e)
}

// launch stores e and hands it to the engine when that has committed. It returns
// e's id, or the id of one of the same dedup key that has not ended.
func (t *Trigger) launch(app core.App, def *workflow.Definition, e *workflow.Execution) (string, error) {
	earlier, err := t.insert(app, def, e)
	if err != nil {
		return "", fmt.Errorf("start workflow %q: %w", def.Key, err)
	}
	if earlier != "" {
		return earlier, nil
	}
	if app.TxInfo() != nil {
		t.config.Commits.HandOver(app, e)
	} else {
		t.config.Executions.Start(e)
	}
	return e.ID, nil
}

// insert stores e, unless one of the same dedup key has not ended: its id is
// returned then.
func (t *Trigger) insert(app core.App, def *workflow.Definition, e *workflow.Execution) (earlier string, err error) {
	if def.Dedup.Key == "" {
		return "", t.config.Executions.Insert(app, e)
	}
	var after func()
	insert := func(tx core.App) (err error) {
		if earlier, after, err = t.dedup(tx, def, e); err != nil || earlier != "" {
			return err
		}
		return t.config.Executions.Insert(tx, e)
	}
	if app.TxInfo() != nil {
		err = insert(app)
		if after != nil {
			t.config.Commits.AfterCommit(app, after)
		}
		return earlier, err
	}
	err = t.config.Executions.Atomic(context.Background(), insert)
	if err == nil && after != nil {
		after()
	}
	return earlier, err
}

// startable finds a workflow that may start now.
func (t *Trigger) startable(key string) (*workflow.Entry, error) {
	entry := t.config.Catalog().Find(key)
	switch {
	case entry == nil || entry.Missing:
		return nil, fmt.Errorf("%w: there is no workflow %q", ErrNotStarted, key)
	case !entry.Usable():
		return nil, fmt.Errorf("%w: workflow %q is invalid: %w", ErrNotStarted, key, entry.Problem)
	case !entry.Enabled:
		return nil, fmt.Errorf("%w: workflow %q is disabled", ErrNotStarted, key)
	case entry.Version.Definition.On.Type == workflow.TriggerBefore:
		return nil, fmt.Errorf("%w: workflow %q runs before a write only", ErrNotStarted, key)
	default:
		return entry, nil
	}
}

// Child makes an execution of the workflow key that step of parent invokes: on
// behalf of the parent's user, in its chain.
func (t *Trigger) Child(app core.App, parent *workflow.Execution, step *workflow.Step, key string, data json.RawMessage, wait bool) (*workflow.Execution, error) {
	entry, err := t.startable(key)
	if err != nil {
		return nil, err
	}
	e, err := t.started(app, entry, data, StartOptions{RoleName: parent.RoleName, Parent: parent})
	if err != nil {
		return nil, err
	}
	e.Cause = workflow.Cause{Type: workflow.TriggerInvoke, Step: step.Name, Wait: wait}
	e.User, e.UserCollection, e.Input.User = parent.User, parent.UserCollection, parent.Input.User
	return e, nil
}

func (t *Trigger) started(app core.App, entry *workflow.Entry, target any, options StartOptions) (*workflow.Execution, error) {
	def := &entry.Version.Definition
	e := &workflow.Execution{
		ID: t.config.NewID(), Workflow: def.Key, Version: entry.Version.Number, Status: workflow.StatusQueued,
		Mode: workflow.ModeAsync, RoleName: options.RoleName,
		Cause: workflow.Cause{Type: workflow.TriggerManual},
		Input: workflow.Input{RoleName: options.RoleName},
	}
	var err error
	at := ""
	if record, ok := target.(*core.Record); ok {
		name := record.Collection().Name
		if def.On.Collection != "" && name != def.On.Collection && record.Collection().Id != def.On.Collection {
			return nil, fmt.Errorf("%w: workflow %q is for records of %q, got one of %q", ErrNotStarted, def.Key, def.On.Collection, name)
		}
		if e.Input.Data, err = export(app, record, def.On.Expand); err != nil {
			return nil, err
		}
		e.Cause.Collection, e.Cause.Record, e.Input.Collection = name, record.Id, name
		at = name + "/" + record.Id
	} else if e.Input.Data, err = json.Marshal(target); err != nil {
		return nil, fmt.Errorf("%w: the data can't be stored as JSON: %w", ErrNotStarted, err)
	}
	if recurs(options.Parent, def, at) {
		return nil, fmt.Errorf("%w: workflow %q is in its own chain already (recursion)", ErrNotStarted, def.Key)
	}
	if options.User != nil {
		e.User, e.UserCollection = options.User.Id, options.User.Collection().Name
		if e.Input.User, err = export(app, options.User, nil); err != nil {
			return nil, err
		}
	}
	descend(e, options.Parent)
	return e, nil
}
