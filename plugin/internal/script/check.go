package script

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Check tells why a definition can't run with the app's present collections, or
// nil.
func Check(app core.App, def workflow.Definition) *workflow.Problem {
	wrong := func(option, format string, args ...any) *workflow.Problem {
		return &workflow.Problem{File: def.File, Line: def.Line, Option: option, Message: fmt.Sprintf(format, args...)}
	}
	c := core.NewBaseCollection("none") // what a rule can still be about is @request and @collection
	if def.On.Collection != "" {
		var err error
		if c, err = app.FindCachedCollectionByNameOrId(def.On.Collection); err != nil {
			return wrong("on.collection", "there is no collection %q", def.On.Collection)
		}
		if c.IsView() && def.On.Type != workflow.TriggerManual {
			return wrong("on.collection", "%q is a view: nothing is written to it", c.Name)
		}
	}
	if message := checkDateField(c, def.On); message != "" {
		return wrong("on.field", "%s", message)
	}
	for _, name := range def.On.Fields {
		if c.Fields.GetByName(name) == nil {
			return wrong("on.fields", "collection %q has no field %q", c.Name, name)
		}
	}
	for _, path := range def.On.Expand {
		first, _, _ := strings.Cut(path, ".")
		if strings.Contains(first, "_via_") {
			continue
		}
		if f := c.Fields.GetByName(first); f == nil || f.Type() != core.FieldTypeRelation {
			return wrong("on.expand", "collection %q has no relation %q", c.Name, first)
		}
	}
	if missing := checkSecrets(def.On.Webhook); missing != "" {
		return wrong("on.auth.secretEnv", "%s", missing)
	}
	for option, filter := range map[string]string{"on.condition": def.On.Condition, "rule": deref(def.Rule)} {
		if filter == "" || option == "on.condition" && def.On.Type == workflow.TriggerRecord { // the triggers check that
			continue
		}
		info := &core.RequestInfo{Context: core.RequestInfoContextDefault, Query: map[string]string{}, Headers: map[string]string{}, Body: map[string]any{}}
		if _, err := search.FilterData(filter).BuildExpr(core.NewRecordFieldResolver(app, c, info, true)); err != nil {
			return wrong(option, "%s", err)
		}
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
