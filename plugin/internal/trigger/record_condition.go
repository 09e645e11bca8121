package trigger

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/inflector"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// originalPrefix names the values before an update in a condition.
	originalPrefix = "@original."
	// originalTable is the table of one row that holds them.
	originalTable = "_workflow_original"
)

// originalResolver resolves @original.* as PocketBase does any other field, of a
// table that holds the record as it was.
type originalResolver struct {
	*core.RecordFieldResolver
	original *core.RecordFieldResolver
}

func newOriginalResolver(app core.App, c *core.Collection, info *core.RequestInfo) *originalResolver {
	was := *c // with another id: relations to the collection itself lead to its records
	was.Id, was.Name = originalTable, originalTable
	return &originalResolver{core.NewRecordFieldResolver(app, c, info, true), core.NewRecordFieldResolver(app, &was, info, true)}
}

// Resolve is search.FieldResolver's.
func (r *originalResolver) Resolve(field string) (*search.ResolverResult, error) {
	if name, ok := strings.CutPrefix(field, originalPrefix); ok {
		if strings.HasPrefix(name, "@") {
			return nil, fmt.Errorf("failed to resolve field %q", field)
		}
		return r.original.Resolve(name)
	}
	return r.RecordFieldResolver.Resolve(field)
}

// UpdateQuery is search.FieldResolver's.
func (r *originalResolver) UpdateQuery(query *dbx.SelectQuery) error {
	if err := r.RecordFieldResolver.UpdateQuery(query); err != nil {
		return err
	}
	return r.original.UpdateQuery(query)
}

// matches reports whether the record, as it is stored now, satisfies a condition
// over it and, of an update, over its values before.
func (c *change) matches(record *core.Record, condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	app, info := c.event.App, c.author.requestInfo()
	if !strings.Contains(condition, originalPrefix) {
		return matches(app, record, info, condition)
	}
	collection := record.Collection()
	resolver := newOriginalResolver(app, collection, info)
	expr, err := search.FilterData(condition).BuildExpr(resolver)
	if err != nil {
		return false, err
	}
	with, params, err := c.originalRow(collection)
	if err != nil {
		return false, err
	}
	query := app.RecordQuery(collection).Select("(1)").PreFragment(with).AndBind(params).
		InnerJoin(originalTable, dbx.NewExp("1=1")).
		AndWhere(dbx.HashExp{collection.Name + ".id": record.Id}).AndWhere(expr)
	if err := resolver.UpdateQuery(query); err != nil {
		return false, err
	}
	return exists(query)
}

// originalRow is the table of the values before, all null unless it is an update.
func (c *change) originalRow(collection *core.Collection) (with string, params dbx.Params, err error) {
	values := map[string]any{}
	for _, f := range collection.Fields {
		values[f.GetName()] = nil
	}
	if c.action == workflow.ActionUpdate {
		if values, err = c.stored.DBExport(c.event.App); err != nil {
			return "", nil, fmt.Errorf("read the values before: %w", err)
		}
	}
	params = dbx.Params{}
	var columns []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		param := originalTable + inflector.Columnify(name)
		params[param] = values[name]
		columns = append(columns, "{:"+param+"} AS [["+inflector.Columnify(name)+"]]")
	}
	return "WITH {{" + originalTable + "}} AS (SELECT " + strings.Join(columns, ", ") + ")", params, nil
}

// CheckRecord tells what in a workflow of type record can't be used with the app's
// present collections, or nil.
func CheckRecord(app core.App, def workflow.Definition) *workflow.Problem {
	if def.On.Type != workflow.TriggerRecord {
		return nil
	}
	wrong := func(option, format string, args ...any) *workflow.Problem {
		return &workflow.Problem{File: def.File, Line: def.Line, Option: option, Message: fmt.Sprintf(format, args...)}
	}
	c, err := app.FindCachedCollectionByNameOrId(def.On.Collection)
	if err != nil {
		return wrong("on.collection", "there is no collection %q", def.On.Collection)
	}
	if strings.HasPrefix(strings.ToLower(c.Name), "_workflow") {
		return wrong("on.collection", "%q belongs to the workflows themselves: each execution would start others", c.Name)
	}
	if def.On.Condition == "" {
		return nil
	}
	resolver := newOriginalResolver(app, c, (&author{}).requestInfo())
	if _, err := search.FilterData(def.On.Condition).BuildExpr(resolver); err != nil {
		return wrong("on.condition", "%s", err)
	}
	return nil
}
