package trigger

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// startedManually is started for a target that must be what a manual workflow's
// context says: a record, or a list of records. Others take anything.
func (t *Trigger) startedManually(app core.App, entry *workflow.Entry, target any, options StartOptions) (*workflow.Execution, error) {
	def := &entry.Version.Definition
	switch def.On.StartsWith() {
	case workflow.ContextRecord:
		if record, ok := target.(*core.Record); !ok || record == nil {
			return nil, fmt.Errorf("%w: workflow %q is for a record of %q, got none", ErrNotStarted, def.Key, def.On.Collection)
		}
	case workflow.ContextRecords:
		records, ok := target.([]*core.Record)
		if !ok || len(records) == 0 {
			return nil, fmt.Errorf("%w: workflow %q is for a list of records of %q, got none", ErrNotStarted, def.Key, def.On.Collection)
		}
		if len(records) > maxTargets {
			return nil, fmt.Errorf("%w: workflow %q takes at most %d records, got %d", ErrNotStarted, def.Key, maxTargets, len(records))
		}
		list := make([]json.RawMessage, len(records))
		for i, record := range records {
			if record == nil || record.Collection().Name != def.On.Collection && record.Collection().Id != def.On.Collection {
				return nil, fmt.Errorf("%w: workflow %q is for records of %q, number %d of the list is none", ErrNotStarted, def.Key, def.On.Collection, i+1)
			}
			var err error
			if list[i], err = export(app, record, def.On.Expand); err != nil {
				return nil, err
			}
		}
		e, err := t.started(app, entry, list, options)
		if err != nil {
			return nil, err
		}
		e.Cause.Collection, e.Input.Collection = records[0].Collection().Name, records[0].Collection().Name
		return e, nil
	default:
	}
	return t.started(app, entry, target, options)
}
