package script

import (
	"slices"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// onManual is { type: "manual", … }: when a client, a hook or Go code asks for it.
// There is no write that mode transaction could be part of.
var onManual = triggerKind{
	options: []string{"context", "collection", "condition", "expand"},
	modes:   []workflow.Mode{workflow.ModeAsync, workflow.ModeSync},
	read: func(_ *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) *optionError {
		context := string(workflow.ContextNone)
		if err := str(o, "on.context", &context); err != nil {
			return err
		}
		on.Manual = &workflow.Manual{Context: workflow.Context(context)}
		if !slices.Contains(workflow.Contexts, on.Context) {
			return wrong("on.context", "expected %s, got %q", quoted(workflow.Contexts), context)
		}
		if on.Context == workflow.ContextNone {
			for _, name := range []string{"on.collection", "on.condition", "on.expand"} {
				if _, ok := o[name]; ok {
					return wrong(name, `needs a record: give context "record" or "records", or leave it out`)
				}
			}
			return nil
		}
		if err := readCollection(o, on); err != nil {
			return err
		}
		if err := str(o, "on.condition", &on.Condition); err != nil {
			return err
		}
		if err := list(o, "on.expand", &on.Expand); err != nil {
			return err
		}
		return filter("on.condition", on.Condition)
	},
}
