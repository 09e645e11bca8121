package store

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/stretchr/testify/require"
)

// TestList_UsesAnIndex: among a million executions a list must not look at each.
func TestList_UsesAnIndex(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	collection, err := f.app.FindCollectionByNameOrId(executionsName)
	require.NoError(t, err)
	for _, c := range []struct{ name, filter, sort, index string }{
		{"all, a page further", `id < "zzz"`, "-id", "sqlite_autoindex__workflowExecutions_1"},
		{"of a time", `id >= "000" && id < "zzz"`, "-id", "sqlite_autoindex__workflowExecutions_1"},
		{"failed", `status = "failed" && id < "zzz"`, "-id", "idx_workflowExecutions_unwell"},
		{"canceled", `status = "canceled"`, "-id", "idx_workflowExecutions_unwell"},
		{"waiting", `status = "waiting"`, "-id", "idx_workflowExecutions_active"},
		{"of a workflow", `workflow = "a" && created <= "2030" && (created < "2030" || id < "zzz")`, "-created,-id", "idx_workflowExecutions_workflow"},
		{"of a user", `user = "a" && created <= "2030" && (created < "2030" || id < "zzz")`, "-created,-id", "idx_workflowExecutions_user"},
		{"the children of one", `parent = "a" && parent != ""`, "id", "idx_workflowExecutions_children"},
		{"the reruns of one", `rerunOf = "a" && rerunOf != ""`, "id", "idx_workflowExecutions_reruns"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := f.call(t, http.MethodGet, "/api/collections/"+executionsName+"/records?skipTotal=1&sort="+c.sort+"&filter="+url.QueryEscape(c.filter), f.super, "")
			require.Equal(t, http.StatusOK, status, body)

			query := f.app.RecordQuery(collection)
			resolver := core.NewRecordFieldResolver(f.app, collection, nil, true)
			expr, err := search.FilterData(c.filter).BuildExpr(resolver)
			require.NoError(t, err)
			query.AndWhere(expr)
			for _, s := range search.ParseSortFromString(c.sort) {
				by, err := s.BuildExpr(resolver)
				require.NoError(t, err)
				query.AndOrderBy(by)
			}
			require.NoError(t, resolver.UpdateQuery(query))
			built := query.Limit(40).Build()
			var plan []struct {
				Detail string `db:"detail"`
			}
			require.NoError(t, f.app.DB().NewQuery("EXPLAIN QUERY PLAN "+built.SQL()).Bind(built.Params()).All(&plan))
			require.NotEmpty(t, plan)
			require.Contains(t, plan[0].Detail, "USING INDEX "+c.index, strings.TrimSpace(built.SQL()))
		})
	}
}
