package trigger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// change is one change of a record, inside its transaction.
type change struct {
	records *records
	event   *core.ModelEvent
	action  workflow.Action
	record  *core.Record
	author  *author // nil for nobody known
	entries []*workflow.Entry

	// stored is the row before an update or a delete.
	stored *core.Record
	// original is stored as ctx.original, of an update only.
	original json.RawMessage
	exports  map[string]json.RawMessage // by expand
	found    []start
}

// start is an execution that the change starts.
type start struct {
	definition *workflow.Definition
	execution  *workflow.Execution
}

// run runs the statement and what the change starts.
func (c *change) run() error {
	if len(c.entries) == 0 {
		return c.event.Next()
	}
	if c.author == nil {
		c.author = &author{}
	}
	if err := c.author.load(c.records.trigger, c.event.App); err != nil {
		return err
	}
	switch c.action {
	case workflow.ActionDelete:
		return c.delete()
	case workflow.ActionUpdate:
		return c.update()
	default:
		if err := c.event.Next(); err != nil {
			return err
		}
		return c.begin(c.record)
	}
}

// mayRefuse reports whether a handler runs inside the change and may undo it.
func (c *change) mayRefuse() bool {
	return slices.ContainsFunc(c.entries, func(e *workflow.Entry) bool { return e.Version.Definition.Mode == workflow.ModeTransaction })
}

// delete finds what listens while the record is still there.
func (c *change) delete() (err error) {
	if c.stored, err = c.find(); err != nil {
		return err
	}
	if c.stored != nil {
		if err := c.listeners(c.stored); err != nil {
			return err
		}
	}
	if err := c.event.Next(); err != nil {
		return err
	}
	return c.start()
}

func (c *change) update() (err error) {
	if c.stored, err = c.find(); err != nil {
		return err
	}
	if err := c.event.Next(); err != nil {
		return err
	}
	if c.stored == nil {
		return nil // deleted meanwhile: nothing was updated
	}
	now := c.record
	if !reflect.DeepEqual(now.Original().FieldsData(), c.stored.FieldsData()) {
		// Loaded before somebody else's update: fields it has not written may be new.
		if now, err = c.find(); err != nil || now == nil {
			return err
		}
	}
	return c.begin(now)
}

// find reads the record as it is stored now; nil when it is not.
func (c *change) find() (*core.Record, error) {
	id, _ := c.record.LastSavedPK().(string)
	found, err := c.event.App.FindRecordById(c.record.Collection(), id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read record %s of %s: %w", id, c.record.Collection().Name, err)
	default:
		return found, nil
	}
}

func (c *change) begin(record *core.Record) error {
	if err := c.listeners(record); err != nil {
		return err
	}
	return c.start()
}

// listeners makes the executions of those that the change is for.
func (c *change) listeners(record *core.Record) error {
	t := c.records.trigger
	name := record.Collection().Name
	for _, entry := range c.entries {
		def := &entry.Version.Definition
		if c.action == workflow.ActionUpdate && len(def.On.Fields) > 0 && !changed(record, c.stored, def.On.Fields) {
			continue
		}
		if ok, err := c.matches(record, def.On.Condition); err != nil {
			return fmt.Errorf("the condition of workflow %q: %w", def.Key, err)
		} else if !ok {
			continue
		}
		if recurs(c.author.parent, def, name+"/"+record.Id) {
			t.app.Logger().Debug("A change started no workflow: it is in its own chain already", "workflow", def.Key, "collection", name, "record", record.Id)
			continue
		}
		e, err := c.execution(entry, record)
		if err != nil {
			return err
		}
		c.found = append(c.found, start{def, e})
	}
	return nil
}

func (c *change) execution(entry *workflow.Entry, record *core.Record) (_ *workflow.Execution, err error) {
	def, name := &entry.Version.Definition, record.Collection().Name
	e := &workflow.Execution{
		ID: c.records.trigger.config.NewID(), Workflow: def.Key, Version: entry.Version.Number, Status: workflow.StatusQueued, Mode: def.Mode,
		Cause:    workflow.Cause{Type: workflow.TriggerRecord, Action: c.action, Collection: name, Record: record.Id, Request: c.author.name},
		Input:    workflow.Input{User: c.author.user, RoleName: c.author.role, Action: c.action, Collection: name},
		RoleName: c.author.role,
	}
	if e.Input.Data, err = c.export(record, def.On.Expand); err != nil {
		return nil, err
	}
	if c.action == workflow.ActionUpdate && c.original == nil {
		if c.original, err = export(c.event.App, c.stored, nil); err != nil {
			return nil, err
		}
	}
	e.Input.Original = c.original
	if c.author.info != nil && c.author.info.Auth != nil {
		e.User, e.UserCollection = c.author.info.Auth.Id, c.author.info.Auth.Collection().Name
	}
	descend(e, c.author.parent)
	return e, nil
}

// export is the record as workflows with the same expand see it.
func (c *change) export(record *core.Record, expand []string) (raw json.RawMessage, err error) {
	key := strings.Join(expand, ",")
	if raw, ok := c.exports[key]; ok {
		return raw, nil
	}
	if raw, err = export(c.event.App, record, expand); err != nil {
		return nil, err
	}
	if len(c.entries) > 1 {
		if c.exports == nil {
			c.exports = map[string]json.RawMessage{}
		}
		c.exports[key] = raw
	}
	return raw, nil
}

// start stores the executions and runs those of mode transaction.
func (c *change) start() error {
	t, app := c.records.trigger, c.event.App
	for _, s := range c.found {
		earlier, after, err := t.dedup(app, s.definition, s.execution)
		if err != nil {
			return err
		}
		if after != nil {
			t.config.Commits.AfterCommit(app, after)
		}
		if earlier != "" {
			continue
		}
		if err := t.config.Executions.Insert(app, s.execution); err != nil {
			return err
		}
		if s.execution.Mode != workflow.ModeTransaction {
			t.config.Commits.HandOver(app, s.execution)
			continue
		}
		out := t.config.Executions.RunInTx(context.Background(), app, s.execution)
		if out.Status != workflow.StatusCompleted {
			t.config.Commits.RecordAfter(app, s.execution)
			return workflowError(s.execution.Workflow, out)
		}
	}
	return nil
}
