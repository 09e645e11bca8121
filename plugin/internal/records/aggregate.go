package records

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// Aggregation says what is computed of the records of a collection.
type Aggregation struct {
	// Filter picks the records, in PocketBase's filter language; "" is all.
	Filter string
	// Params are the {:placeholders} of the filter.
	Params map[string]any
	// GroupBy are the fields, or paths over relations, that make groups. A record
	// whose path leads to many values counts once in each of their groups.
	GroupBy []string
	// Values are what is computed, at least one.
	Values []Value
	// Sort orders the groups: names of values or groups, "-" before a descending one.
	Sort string
	// Limit is how many groups are returned at most; 0 is all.
	Limit int
}

// Value is one computed value: "count()", "count(distinct author)",
// "sum(views)", "avg(views)", "min(created)" or "max(post.views)".
type Value struct {
	Name       string
	Expression string
}

// Row is one group, or all records when there are no groups: the values by name,
// the groups by their path.
type Row map[string]any

// Aggregate computes an aggregation. Empty values ("" or none) don't count; a sum
// over nothing is 0, avg, min and max over nothing are nil. Without GroupBy there is
// exactly one row.
func Aggregate(app core.App, collection *core.Collection, a Aggregation) ([]Row, error) {
	q := &aggregateQuery{
		app: app, collection: collection,
		resolver: core.NewRecordFieldResolver(app, collection, nil, true),
		inner:    app.RecordQuery(collection).Select(column(collection, "id") + " AS [[id]]"),
	}
	for _, path := range a.GroupBy {
		if err := q.group(path); err != nil {
			return nil, err
		}
	}
	if len(a.Values) == 0 {
		return nil, wrong("values", `expected at least one, as { total: "count()" }`)
	}
	for _, v := range a.Values {
		if err := q.value(v); err != nil {
			return nil, err
		}
	}
	if a.Filter != "" {
		where, err := search.FilterData(a.Filter).BuildExpr(q.resolver, a.Params)
		if err != nil {
			return nil, wrong("filter", "%q can't be used: %s", a.Filter, err)
		}
		q.inner.AndWhere(where)
	}
	order, err := q.order(a.Sort)
	if err != nil {
		return nil, err
	}
	return q.rows(order, a.Limit)
}

// aggregateQuery gathers a query in two layers: the inner one has a row for every
// record (and group it is in), whatever the filter joins; the outer one computes.
type aggregateQuery struct {
	app        core.App
	collection *core.Collection
	resolver   *core.RecordFieldResolver
	inner      *dbx.SelectQuery
	names      []string // of the outer columns
	groups     []string // inner columns
	bools      []string // names of groups that are true or false, to SQLite 1 or 0
	outer      []string // expressions over inner columns
}

// take adds what a field or path stands for to the inner query.
func (q *aggregateQuery) take(path string) (alias string, err error) {
	resolved, err := q.resolver.Resolve(path)
	if err != nil {
		return "", err
	}
	if len(resolved.Params) > 0 || resolved.Identifier == "" || strings.EqualFold(resolved.Identifier, "null") {
		return "", fmt.Errorf("%q is no field of %q", path, q.collection.Name)
	}
	alias = fmt.Sprintf("c%d", len(q.names))
	q.inner.AndSelect(resolved.Identifier + " AS [[" + alias + "]]")
	return "[[" + alias + "]]", nil
}

func (q *aggregateQuery) add(name, expression string) error {
	if slices.Contains(q.names, name) {
		return wrong("values", "%q is the name of a group already", name)
	}
	q.names, q.outer = append(q.names, name), append(q.outer, expression)
	return nil
}

func (q *aggregateQuery) group(path string) error {
	if slices.Contains(q.names, path) {
		return wrong("groupBy", "%q stands there twice", path)
	}
	alias, err := q.take(path)
	if err != nil {
		return wrong("groupBy", "%s", err)
	}
	q.groups = append(q.groups, alias)
	if _, isBool := fieldAt(q.app, q.collection, path).(*core.BoolField); isBool {
		q.bools = append(q.bools, path)
	}
	return q.add(path, alias)
}

func (q *aggregateQuery) value(v Value) error {
	f, err := parseFunction(v.Expression)
	if err != nil {
		return wrong("values."+v.Name, "%s", err)
	}
	if f.path == "" {
		return q.add(v.Name, "count(*)")
	}
	if err := f.fits(q.app, q.collection); err != nil {
		return wrong("values."+v.Name, "%s", err)
	}
	alias, err := q.take(f.path)
	if err != nil {
		return wrong("values."+v.Name, "%s", err)
	}
	return q.add(v.Name, f.sql(alias))
}

// order is the ORDER BY of the outer query: by number of column.
func (q *aggregateQuery) order(sort string) (string, error) {
	if sort == "" {
		return "", nil
	}
	var columns []string
	for _, field := range search.ParseSortFromString(sort) {
		i := slices.Index(q.names, field.Name)
		if i < 0 {
			return "", wrong("sort", "%q is not among what is computed: %s", field.Name, strings.Join(q.names, ", "))
		}
		columns = append(columns, fmt.Sprintf("%d %s", i+1, field.Direction))
	}
	return " ORDER BY " + strings.Join(columns, ", "), nil
}

func (q *aggregateQuery) rows(order string, limit int) ([]Row, error) {
	if err := q.resolver.UpdateQuery(q.inner); err != nil {
		return nil, fmt.Errorf("aggregate %q: %w", q.collection.Name, err)
	}
	inner := q.inner.Build()
	query := "SELECT " + strings.Join(q.outer, ", ") + " FROM (" + inner.SQL() + ")"
	if len(q.groups) > 0 {
		query += " GROUP BY " + strings.Join(q.groups, ", ")
	}
	query += order
	if limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", limit)
	}
	found, err := q.app.ConcurrentDB().NewQuery(query).Bind(inner.Params()).Rows()
	if err != nil {
		return nil, fmt.Errorf("aggregate %q: %w", q.collection.Name, err)
	}
	defer found.Close()
	out := []Row{}
	for found.Next() {
		values, into := make([]any, len(q.names)), make([]any, len(q.names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			return nil, fmt.Errorf("aggregate %q: %w", q.collection.Name, err)
		}
		row := Row{}
		for i, name := range q.names {
			if raw, ok := values[i].([]byte); ok {
				values[i] = string(raw)
			}
			if n, ok := values[i].(int64); ok && slices.Contains(q.bools, name) {
				values[i] = n != 0
			}
			row[name] = values[i]
		}
		out = append(out, row)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("aggregate %q: %w", q.collection.Name, err)
	}
	return out, nil
}

func column(c *core.Collection, name string) string { return "[[" + c.Name + "." + name + "]]" }
