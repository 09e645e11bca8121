package trigger

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/inflector"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// mayTrigger checks a workflow's rule: nil when the caller may name it, else
// the 401 for a guest or the 403 for a user.
func mayTrigger(app core.App, def *workflow.Definition, info *core.RequestInfo) error {
	if info.HasSuperuserAuth() {
		return nil
	}
	ok, err := satisfies(app, def, info)
	switch {
	case err != nil:
		return router.NewInternalServerError("", fmt.Errorf("evaluate the rule of workflow %q: %w", def.Key, err))
	case ok:
		return nil
	case info.Auth == nil:
		return router.NewUnauthorizedError(fmt.Sprintf("Workflow %q can't be triggered without a login.", def.Key), nil)
	default:
		return router.NewForbiddenError(fmt.Sprintf("You are not allowed to trigger workflow %q.", def.Key), nil)
	}
}

func satisfies(app core.App, def *workflow.Definition, info *core.RequestInfo) (bool, error) {
	switch {
	case def.Rule == nil:
		return false, nil
	case *def.Rule == "":
		return true, nil
	case *def.Rule == workflow.DefaultRule:
		return info.Auth != nil, nil
	}
	collection, err := ruleCollection(app, def)
	if err != nil {
		return false, err
	}
	// A rule has no record: as PocketBase does for creates, it is evaluated over
	// a one-row CTE. Its name must not shadow a real table.
	dummy := *collection
	suffix := "__pb_workflow__" + security.PseudorandomString(6)
	dummy.Id += suffix
	dummy.Name += inflector.Columnify(suffix)
	query := app.ConcurrentDB().Select("(1)").
		PreFragment(fmt.Sprintf("WITH {{%s}} AS (SELECT '' AS [[id]])", dummy.Name)).From(dummy.Name)
	resolver := core.NewRecordFieldResolver(app, &dummy, info, true)
	return satisfied(query, resolver, *def.Rule)
}

// ruleCollection is the collection that a rule is read for. Without one what it
// can be about is @request and @collection.
func ruleCollection(app core.App, def *workflow.Definition) (*core.Collection, error) {
	if def.On.Collection == "" {
		return core.NewBaseCollection("none"), nil
	}
	return app.FindCachedCollectionByNameOrId(def.On.Collection)
}

// matches reports whether the stored row of a record satisfies a filter, for
// superusers as for everybody.
func matches(app core.App, record *core.Record, info *core.RequestInfo, filter string) (bool, error) {
	if filter == "" {
		return true, nil
	}
	collection := record.Collection()
	query := app.RecordQuery(collection).Select("(1)").AndWhere(dbx.HashExp{collection.Name + ".id": record.Id})
	resolver := core.NewRecordFieldResolver(app, collection, info, true)
	return satisfied(query, resolver, filter)
}

// satisfied reports whether a query has a row that satisfies a filter.
func satisfied(query *dbx.SelectQuery, resolver *core.RecordFieldResolver, filter string) (bool, error) {
	expr, err := search.FilterData(filter).BuildExpr(resolver)
	if err != nil {
		return false, err
	}
	query.AndWhere(expr)
	if err := resolver.UpdateQuery(query); err != nil {
		return false, err
	}
	return exists(query)
}

func exists(query *dbx.SelectQuery) (bool, error) {
	var found []int
	if err := query.Limit(1).Column(&found); err != nil {
		return false, err
	}
	return len(found) > 0, nil
}
