package plugin

import (
	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/records"
)

// aggregate is $workflows.aggregate(app, collection, {values, filter, params,
// groupBy, sort, limit}): an object, or with groupBy a list of them.
func (a jsArguments) aggregate() goja.Value {
	app := a.app(0)
	collection := a.collection(app, 1)
	names, options := a.object("options", a.call.Argument(2), "values", "filter", "params", "groupBy", "sort", "limit")
	var q records.Aggregation
	for _, name := range names {
		switch v := options[name]; name {
		case "values":
			q.Values = a.expressions(v)
		case "filter":
			q.Filter = a.text(name, v)
		case "params":
			q.Params = a.params(v)
		case "groupBy":
			for _, path := range a.list(v) {
				q.GroupBy = append(q.GroupBy, a.text(name, path))
			}
		case "sort":
			q.Sort = a.text(name, v)
		case "limit":
			n, ok := v.Export().(int64)
			if !ok || n < 1 {
				a.refuse("limit: expected a whole number over 0, got %v", v)
			}
			q.Limit = int(n)
		}
	}
	rows, err := records.Aggregate(app, collection, q)
	if err != nil {
		a.fail(err)
	}
	if len(q.GroupBy) == 0 {
		return a.json(a.helper, rows[0])
	}
	return a.json(a.helper, rows)
}

// expressions are the values of an aggregation, in the order given.
func (a jsArguments) expressions(v goja.Value) []records.Value {
	var out []records.Value
	names, values := a.object("values", v)
	for _, name := range names {
		out = append(out, records.Value{Name: name, Expression: a.text("values."+name, values[name])})
	}
	return out
}

// updateRecords is $workflows.updateRecords(app, collection, filter, values,
// params): how many records were changed.
func (a jsArguments) updateRecords() goja.Value {
	app := a.app(0)
	s := records.Selection{Collection: a.collection(app, 1), Filter: a.text("filter", a.call.Argument(2)), Params: a.params(a.call.Argument(4))}
	n, err := records.Update(app, s, a.values("values", a.call.Argument(3)))
	if err != nil {
		a.fail(err)
	}
	return a.vm.ToValue(n)
}

// deleteRecords is $workflows.deleteRecords(app, collection, filter, params): how
// many records were deleted.
func (a jsArguments) deleteRecords() goja.Value {
	app := a.app(0)
	s := records.Selection{Collection: a.collection(app, 1), Filter: a.text("filter", a.call.Argument(2)), Params: a.params(a.call.Argument(3))}
	n, err := records.Delete(app, s)
	if err != nil {
		a.fail(err)
	}
	return a.vm.ToValue(n)
}
