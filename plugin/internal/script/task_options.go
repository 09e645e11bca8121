package script

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// defaultPeople is the auth collection of ids that do not name theirs.
const defaultPeople = "users"

var (
	taskOptionNames = []string{
		"assignees", "title", "description", "fields", "actions", "quorum", "order", "dueIn", "onDue", "cc", "notify",
	}
	actionKey = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$`)
)

// readTaskOptions reads the options of a task as far as that can be done without
// the database; raw is what the journal keeps of them.
func (x *run) readTaskOptions(name string, v goja.Value) (options workflow.TaskOptions, raw []byte, err error) {
	o, bad := object(x.vm, "options", v, taskOptionNames)
	if bad != nil {
		return options, nil, fmt.Errorf("%s %s", bad.option, bad.message)
	}
	options = workflow.TaskOptions{Title: name, Notify: true, Order: workflow.OrderParallel}
	for _, read := range []func() *optionError{
		func() *optionError { return str(o, "title", &options.Title) },
		func() *optionError { return str(o, "description", &options.Description) },
		func() *optionError { return boolean(o, "notify", &options.Notify) },
		func() (bad *optionError) { options.Assignees, bad = people(o, "assignees"); return bad },
		func() (bad *optionError) { options.CC, bad = people(o, "cc"); return bad },
		func() *optionError { return x.readActions(o, &options) },
		func() *optionError { return readOrder(o, &options) },
		func() *optionError { return readDue(o, &options) },
		func() *optionError { return readFields(o, &options) },
	} {
		if bad := read(); bad != nil {
			return options, nil, fmt.Errorf("%s: %s", bad.option, bad.message)
		}
	}
	if len(options.Assignees) == 0 {
		return options, nil, errors.New("assignees: expected at least one")
	}
	if raw, err = encodeResult(v); err != nil {
		return options, nil, fmt.Errorf("the options can't be kept: %w", err)
	}
	return options, raw, nil
}

// people reads one person or a list of them: an id, "collection/id", a record,
// ctx.user, or {role, collection}.
func people(o map[string]goja.Value, path string) ([]workflow.Invited, *optionError) {
	v, ok := o[path]
	if !ok || goja.IsNull(v) {
		return nil, nil
	}
	obj, isObject := v.(*goja.Object)
	if !isObject || obj.ClassName() != "Array" && !isRecords(v.Export()) {
		one, bad := invited(path, v)
		return []workflow.Invited{one}, bad
	}
	var out []workflow.Invited
	for i := range int(obj.Get("length").ToInteger()) {
		one, bad := invited(fmt.Sprintf("%s[%d]", path, i), obj.Get(fmt.Sprint(i)))
		if bad != nil {
			return nil, bad
		}
		out = append(out, one)
	}
	return out, nil
}

// isRecords is true for what $app.findRecordsByFilter and its like return.
func isRecords(v any) bool {
	_, ok := v.([]*core.Record)
	return ok
}

func invited(path string, v goja.Value) (who workflow.Invited, bad *optionError) {
	who.Collection = defaultPeople
	switch p := exported(v).(type) {
	case string:
		if collection, id, ok := strings.Cut(p, "/"); ok {
			who.Collection, p = collection, id
		}
		who.ID = p
	case *core.Record:
		if p != nil {
			who.Collection, who.ID = p.Collection().Name, p.Id
		}
	case map[string]any:
		role, hasRole := p["role"].(string)
		id, hasID := p["id"].(string)
		collection, named := p["collectionName"].(string) // as in ctx.user
		if !named {
			collection, named = p["collection"].(string)
		}
		if named {
			who.Collection = collection
		}
		if hasID && named {
			who.ID = id // a user has a role too
		} else if hasRole {
			who.Role = strings.TrimSpace(role)
		}
	}
	if who.Collection == "" || (who.ID == "") == (who.Role == "") {
		return who, wrong(path, `expected an id of %q, "collection/id", an auth record or {role: "name"}, got %s`, defaultPeople, show(v))
	}
	return who, nil
}

func (x *run) readActions(o map[string]goja.Value, options *workflow.TaskOptions) *optionError {
	options.Actions = []workflow.TaskAction{{Key: "approve", Label: "approve"}, {Key: "reject", Label: "reject", Rejects: true}}
	v, ok := o["actions"]
	if !ok {
		return nil
	}
	obj, isObject := v.(*goja.Object)
	if !isObject || obj.ClassName() != "Array" || obj.Get("length").ToInteger() == 0 {
		return wrong("actions", "expected a list of keys or of {key, label, rejects}, got %s", show(v))
	}
	options.Actions = nil
	for i := range int(obj.Get("length").ToInteger()) {
		path := fmt.Sprintf("actions[%d]", i)
		action, bad := x.readAction(path, obj.Get(fmt.Sprint(i)))
		if bad != nil {
			return bad
		}
		if slices.ContainsFunc(options.Actions, func(a workflow.TaskAction) bool { return a.Key == action.Key }) {
			return wrong(path, "there are two actions %q", action.Key)
		}
		options.Actions = append(options.Actions, action)
	}
	if !slices.ContainsFunc(options.Actions, func(a workflow.TaskAction) bool { return !a.Rejects }) {
		return wrong("actions", "expected at least one that does not reject")
	}
	return nil
}

func (x *run) readAction(path string, v goja.Value) (action workflow.TaskAction, bad *optionError) {
	if key, ok := exported(v).(string); ok {
		action.Key = key
		action.Rejects = key == "reject"
	} else {
		o, bad := object(x.vm, path, v, []string{"key", "label", "rejects"})
		if bad == nil {
			bad = str(o, path+".key", &action.Key)
		}
		if bad == nil {
			bad = str(o, path+".label", &action.Label)
		}
		if action.Rejects = action.Key == "reject"; bad == nil {
			bad = boolean(o, path+".rejects", &action.Rejects)
		}
		if bad != nil {
			return action, bad
		}
	}
	if !actionKey.MatchString(action.Key) || action.Key == workflow.DueFail {
		return action, wrong(path, "expected a key of letters, digits, _ and -, other than %q, got %q", workflow.DueFail, action.Key)
	}
	if action.Label == "" {
		action.Label = action.Key
	}
	return action, nil
}

// readOrder reads order and quorum: those who are asked one after another are, as
// a rule, all asked.
func readOrder(o map[string]goja.Value, options *workflow.TaskOptions) *optionError {
	order := string(options.Order)
	if bad := str(o, "order", &order); bad != nil {
		return bad
	}
	switch options.Order = workflow.TaskOrder(order); options.Order {
	case workflow.OrderParallel:
		options.Quorum = workflow.QuorumAny
	case workflow.OrderSequential:
		options.Quorum = workflow.QuorumAll
	default:
		return wrong("order", `expected "parallel" or "sequential", got %q`, order)
	}
	if v, ok := o["quorum"]; ok {
		var err error
		if options.Quorum, err = workflow.ParseQuorum(v.Export()); err != nil {
			return wrong("quorum", "%s", err)
		}
	}
	return nil
}

func readDue(o map[string]goja.Value, options *workflow.TaskOptions) *optionError {
	if v, ok := o["dueIn"]; ok {
		d, err := workflow.ParseDuration(v.Export())
		if err != nil || d == 0 {
			return wrong("dueIn", "expected a duration over 0, got %s", show(v))
		}
		options.DueIn = d
	}
	if bad := str(o, "onDue", &options.OnDue); bad != nil {
		return bad
	}
	switch {
	case options.OnDue == "":
		return nil
	case options.DueIn == 0:
		return wrong("onDue", "needs dueIn")
	case options.OnDue != workflow.DueFail && !slices.ContainsFunc(options.Actions, func(a workflow.TaskAction) bool { return a.Key == options.OnDue }):
		return wrong("onDue", "expected %q or the key of an action, got %q", workflow.DueFail, options.OnDue)
	default:
		return nil
	}
}

func readFields(o map[string]goja.Value, options *workflow.TaskOptions) *optionError {
	v, ok := o["fields"]
	if !ok {
		return nil
	}
	if obj, isObject := v.(*goja.Object); !isObject || obj.ClassName() != "Array" {
		return wrong("fields", "expected a list of {name, type, …}, got %s", show(v))
	}
	raw, err := encodeResult(v)
	if err != nil {
		return wrong("fields", "%s", err)
	}
	options.Fields = raw
	return nil
}
