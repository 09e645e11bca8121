package script

import (
	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// onBefore is { type: "before", … }: before a REST write, inside the request.
var onBefore = triggerKind{
	options: []string{"collection", "global", "actions"},
	modes:   []workflow.Mode{workflow.ModeSync, workflow.ModeTransaction},
	// The request waits for this one execution: there is no queue to wait in, and
	// none that another one could be a duplicate of.
	refuses: []string{"concurrency", "dedup", "priority"},
	read: func(_ *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) (err *optionError) {
		if err := readCollection(o, on); err != nil {
			return err
		}
		if err := boolean(o, "on.global", &on.Global); err != nil {
			return err
		}
		on.Actions, err = readActions(o, "on.actions")
		return err
	},
}
