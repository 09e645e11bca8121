package script

import (
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// onRecord is { type: "record", … }: after a record was created, updated or
// deleted, whoever did it.
var onRecord = triggerKind{
	options: []string{"collection", "events", "condition", "fields", "expand"},
	modes:   []workflow.Mode{workflow.ModeAsync, workflow.ModeTransaction},
	read: func(_ *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) *optionError {
		if err := readCollection(o, on); err != nil {
			return err
		}
		if strings.HasPrefix(strings.ToLower(on.Collection), "_workflow") {
			return wrong("on.collection", "%q belongs to the workflows themselves: each execution would start others", on.Collection)
		}
		events, err := readEvents(o)
		if err != nil {
			return err
		}
		on.RecordTrigger = &workflow.RecordTrigger{Events: events}
		if err := str(o, "on.condition", &on.Condition); err != nil {
			return err
		}
		if err := list(o, "on.fields", &on.Fields); err != nil {
			return err
		}
		if _, given := o["on.fields"]; given && len(on.Fields) == 0 {
			return wrong("on.fields", "expected at least one field, got an empty list: no update would start it")
		}
		if len(on.Fields) > 0 && !slices.Contains(events, workflow.ActionUpdate) {
			return wrong("on.fields", `is about updates: "on.events" has no "update"`)
		}
		if err := list(o, "on.expand", &on.Expand); err != nil {
			return err
		}
		return filter("on.condition", on.Condition)
	},
}

// readEvents reads on.events: all changes unless it is given, each once.
func readEvents(o map[string]goja.Value) ([]workflow.Action, *optionError) {
	if _, given := o["on.events"]; !given {
		return slices.Clone(workflow.Actions), nil
	}
	events, err := readActions(o, "on.events")
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, wrong("on.events", "expected at least one of %s, got an empty list: it would never start", quoted(workflow.Actions))
	}
	var once []workflow.Action
	for _, e := range events {
		if !slices.Contains(once, e) {
			once = append(once, e)
		}
	}
	return once, nil
}
