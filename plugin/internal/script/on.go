package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// triggerKind is how the "on" option of one type of trigger is read: each type
// has a file of its own.
type triggerKind struct {
	// options are the known ones besides "type".
	options []string
	// modes are those that a workflow of this type may have, the default first.
	modes []workflow.Mode
	// refuses are options of the workflow that mean nothing with this trigger.
	refuses []string
	// read checks the options, which are keyed "on.name", and fills in def.On.
	read func(vm *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) *optionError
	// check, if there is one, looks at all options of the workflow once they have
	// been read.
	check func(o map[string]goja.Value, def *workflow.Definition) *optionError
}

var triggerKinds = map[workflow.TriggerType]triggerKind{
	workflow.TriggerAction:   onAction,
	workflow.TriggerBefore:   onBefore,
	workflow.TriggerManual:   onManual,
	workflow.TriggerWebhook:  onWebhook,
	workflow.TriggerRecord:   onRecord,
	workflow.TriggerSchedule: onSchedule,
}

func readOn(vm *goja.Runtime, v goja.Value, def *workflow.Definition) *optionError {
	if v == nil {
		return wrong("on", `is required: { type: "action", collection: "…" }`)
	}
	obj, ok := v.(*goja.Object)
	if !ok || obj.ClassName() != "Object" {
		return wrong("on", "expected an object, got %s", show(v))
	}
	var name string
	if t := obj.Get("type"); t != nil && !goja.IsUndefined(t) {
		if err := str(map[string]goja.Value{"on.type": t}, "on.type", &name); err != nil {
			return err
		}
	}
	types := slices.Sorted(maps.Keys(triggerKinds))
	kind, ok := triggerKinds[workflow.TriggerType(name)]
	switch {
	case name == "":
		return wrong("on.type", "is required: expected %s", quoted(types))
	case !ok:
		return wrong("on.type", "expected %s, got %q", quoted(types), name)
	}
	o, err := object(vm, "on", v, append([]string{"type"}, kind.options...))
	if err != nil {
		return err
	}
	def.On.Type = workflow.TriggerType(name)
	def.Mode = kind.modes[0]
	return kind.read(vm, o, &def.On)
}

func checkKind(o map[string]goja.Value, def *workflow.Definition) *optionError {
	if check := triggerKinds[def.On.Type].check; check != nil {
		return check(o, def)
	}
	return nil
}

// readActions reads a list of "create", "update" and "delete".
func readActions(o map[string]goja.Value, path string) ([]workflow.Action, *optionError) {
	var names []string
	if err := list(o, path, &names); err != nil {
		return nil, err
	}
	var actions []workflow.Action
	for _, name := range names {
		action := workflow.Action(name)
		if !slices.Contains(workflow.Actions, action) {
			return nil, wrong(path, "expected %s, got %q", quoted(workflow.Actions), name)
		}
		actions = append(actions, action)
	}
	return actions, nil
}

// readCollection reads the name of the collection, which is required.
func readCollection(o map[string]goja.Value, on *workflow.Trigger) *optionError {
	if err := str(o, "on.collection", &on.Collection); err != nil {
		return err
	}
	if on.Collection == "" {
		return wrong("on.collection", "is required: the name of a collection")
	}
	return nil
}

// quoted lists values for a message: "a", "b" or "c".
func quoted[T ~string](values []T) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprintf("%q", string(v))
	}
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " or " + out[len(out)-1]
}
