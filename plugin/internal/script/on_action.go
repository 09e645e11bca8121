package script

import (
	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// onAction is { type: "action", … }: after a REST write.
var onAction = triggerKind{
	options: []string{"collection", "global", "actions", "condition", "fields", "expand"},
	modes:   workflow.Modes,
	read: func(_ *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) (err *optionError) {
		if err := readCollection(o, on); err != nil {
			return err
		}
		if err := boolean(o, "on.global", &on.Global); err != nil {
			return err
		}
		if on.Actions, err = readActions(o, "on.actions"); err != nil {
			return err
		}
		if err := str(o, "on.condition", &on.Condition); err != nil {
			return err
		}
		if err := list(o, "on.fields", &on.Fields); err != nil {
			return err
		}
		if err := list(o, "on.expand", &on.Expand); err != nil {
			return err
		}
		return filter("on.condition", on.Condition)
	},
}
