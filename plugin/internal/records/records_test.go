package records_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/records"
)

// newShop is an app with goods, each of a kind and with labels.
func newShop(t *testing.T) (app *tests.TestApp, goods *core.Collection) {
	t.Helper()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	add := func(name string, fields ...core.Field) *core.Collection {
		c := core.NewBaseCollection(name)
		c.Fields.Add(fields...)
		require.NoError(t, app.Save(c))
		return c
	}
	kinds := add("kinds", &core.TextField{Name: "name"}, &core.NumberField{Name: "rank"})
	labels := add("labels", &core.TextField{Name: "name"})
	goods = add("goods",
		&core.TextField{Name: "name", Required: true}, &core.NumberField{Name: "price"}, &core.DateField{Name: "sold"}, &core.BoolField{Name: "good"},
		&core.RelationField{Name: "kind", CollectionId: kinds.Id, MaxSelect: 1},
		&core.RelationField{Name: "labels", CollectionId: labels.Id, MaxSelect: 9},
	)
	save := func(c *core.Collection, values map[string]any) string {
		r := core.NewRecord(c)
		r.Load(values)
		require.NoError(t, app.Save(r))
		return r.Id
	}
	tool, toy := save(kinds, map[string]any{"name": "tool", "rank": 2}), save(kinds, map[string]any{"name": "toy", "rank": 5})
	red, blue := save(labels, map[string]any{"name": "red"}), save(labels, map[string]any{"name": "blue"})
	save(goods, map[string]any{"name": "saw", "price": 10.5, "kind": tool, "labels": []string{red, blue}, "sold": "2026-01-02 00:00:00Z", "good": true})
	save(goods, map[string]any{"name": "nail", "price": 0.5, "kind": tool, "labels": []string{red}})
	save(goods, map[string]any{"name": "ball", "price": 4, "kind": toy, "labels": []string{blue}, "sold": "2026-03-04 00:00:00Z"})
	save(goods, map[string]any{"name": "void"})
	return app, goods
}

func values(pairs ...string) (out []records.Value) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, records.Value{Name: pairs[i], Expression: pairs[i+1]})
	}
	return out
}

func TestAggregate(t *testing.T) {
	t.Parallel()
	app, goods := newShop(t)
	for name, c := range map[string]struct {
		ask  records.Aggregation
		want []records.Row
	}{
		"every function": {
			records.Aggregation{Values: values("n", "count()", "sum", "sum(price)", "avg", "avg( price )", "min", "min(price)", "max", "max(price)")},
			[]records.Row{{"n": int64(4), "sum": 15.0, "avg": 3.75, "min": int64(0), "max": 10.5}},
		},
		"what is empty does not count": {
			records.Aggregation{Values: values("sold", "count(sold)", "first", "min(sold)", "kinds", "count(distinct kind)")},
			[]records.Row{{"sold": int64(2), "first": "2026-01-02 00:00:00.000Z", "kinds": int64(2)}},
		},
		"nothing": {
			records.Aggregation{Filter: "name = 'none'", Values: values("n", "count()", "sum", "sum(price)", "avg", "avg(price)", "max", "max(name)")},
			[]records.Row{{"n": int64(0), "sum": int64(0), "avg": nil, "max": nil}},
		},
		"a filter that joins many does not count twice": {
			records.Aggregation{Filter: "labels.name ?~ 'e'", Values: values("n", "count()", "sum", "sum(price)")},
			[]records.Row{{"n": int64(3), "sum": 15.0}},
		},
		"of the same price, counted apart": {
			records.Aggregation{Filter: "kind = ''", Values: values("n", "count(price)")},
			[]records.Row{{"n": int64(1)}},
		},
		"over a relation": {
			records.Aggregation{Values: values("best", "max(kind.rank)", "ranks", "sum(kind.rank)")},
			[]records.Row{{"best": int64(5), "ranks": int64(9)}},
		},
		"groups": {
			records.Aggregation{GroupBy: []string{"kind.name"}, Values: values("n", "count()"), Sort: "-n,kind.name"},
			[]records.Row{{"kind.name": "tool", "n": int64(2)}, {"kind.name": nil, "n": int64(1)}, {"kind.name": "toy", "n": int64(1)}},
		},
		"groups of many": {
			records.Aggregation{GroupBy: []string{"labels.name"}, Filter: "labels.name != ''", Values: values("n", "count()", "sum", "sum(price)"), Sort: "labels.name"},
			[]records.Row{{"labels.name": "blue", "n": int64(2), "sum": 14.5}, {"labels.name": "red", "n": int64(2), "sum": int64(11)}},
		},
		"the first group only": {
			records.Aggregation{GroupBy: []string{"kind.name", "good"}, Values: values("sum", "sum(price)"), Sort: "-sum", Limit: 1},
			[]records.Row{{"kind.name": "tool", "good": true, "sum": 10.5}},
		},
		"a parameter is a value": {
			records.Aggregation{Filter: "name = {:name}", Params: map[string]any{"name": "saw' || name != '"}, Values: values("n", "count()")},
			[]records.Row{{"n": int64(0)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := records.Aggregate(app, goods, c.ask)
			require.NoError(t, err)
			require.Len(t, rows, len(c.want))
			for i := range rows {
				for key, want := range c.want[i] {
					require.EqualValues(t, want, rows[i][key], key)
				}
			}
		})
	}
}

func TestAggregate_Refused(t *testing.T) {
	t.Parallel()
	app, goods := newShop(t)
	n := values("n", "count()")
	for says, ask := range map[string]records.Aggregation{
		`option "values": expected at least one`:                                               {},
		`option "values.n": expected "count()", or count, sum, avg, min or max of a field`:     {Values: values("n", "median(price)")},
		`option "values.n": expected "count()", or count, sum, avg, min or max of a field, as`: {Values: values("n", "sum()")},
		`got "sum(price); DROP TABLE goods"`:                                                   {Values: values("n", "sum(price); DROP TABLE goods")},
		`option "values.n": collection "goods" has no field "nothing"`:                         {Values: values("n", "sum(nothing)")},
		`option "values.n": sum needs a number, field "name" of "goods" is of type "text"`:     {Values: values("n", "sum(name)")},
		`option "values.n": avg needs a number, field "sold" of "goods" is of type "date"`:     {Values: values("n", "avg(sold)")},
		`option "values.n": field "labels" of "goods" may have many values`:                    {Values: values("n", "count(labels)")},
		`option "values.n": field "price" of "goods" is no relation`:                           {Values: values("n", "sum(price.x)")},
		`option "values.n": collection "kinds" has no field "x"`:                               {Values: values("n", "sum(kind.x)")},
		`option "values": "name" is the name of a group already`:                               {Values: values("name", "count()"), GroupBy: []string{"name"}},
		`option "groupBy": `:                                            {Values: n, GroupBy: []string{"nothing"}},
		`option "groupBy": "name" stands there twice`:                   {Values: n, GroupBy: []string{"name", "name"}},
		`option "groupBy": "@request.auth.id" is no field of "goods"`:   {Values: n, GroupBy: []string{"@request.auth.id"}},
		`option "filter": "nothing = 1" can't be used`:                  {Values: n, Filter: "nothing = 1"},
		`option "filter": "name = " can't be used`:                      {Values: n, Filter: "name = "},
		`option "sort": "price" is not among what is computed: kind, n`: {Values: n, GroupBy: []string{"kind"}, Sort: "-price"},
	} {
		t.Run(says, func(t *testing.T) {
			_, err := records.Aggregate(app, goods, ask)
			require.ErrorContains(t, err, says)
			var option *records.OptionError
			require.True(t, errors.As(err, &option))
		})
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	app, goods := newShop(t)
	for i := range 450 { // more than two pages
		r := core.NewRecord(goods)
		r.Load(map[string]any{"name": fmt.Sprint("bolt ", i), "price": i})
		require.NoError(t, app.Save(r))
	}
	count := func(filter string) int {
		rows, err := app.FindRecordsByFilter("goods", filter, "", 0, 0)
		require.NoError(t, err)
		return len(rows)
	}
	bolts := records.Selection{Collection: goods, Filter: "name ~ {:like} && price >= 0", Params: map[string]any{"like": "bolt"}}
	hooked := 0
	app.OnRecordUpdate("goods").BindFunc(func(e *core.RecordEvent) error {
		hooked++
		return e.Next()
	})
	n, err := records.Update(app, bolts, map[string]any{"price+": 1000})
	require.NoError(t, err)
	require.Equal(t, []int{450, 450, 450}, []int{n, hooked, count("price >= 1000")}, "each once, though all still satisfy the filter")

	t.Run("one that can't be saved undoes all", func(t *testing.T) {
		app.OnRecordUpdate("goods").BindFunc(func(e *core.RecordEvent) error {
			if e.Record.GetInt("price") == 1449 {
				return errors.New("not this one")
			}
			return e.Next()
		})
		_, err := records.Update(app, bolts, map[string]any{"good": true})
		require.ErrorContains(t, err, `of "goods": not this one`)
		require.Equal(t, 1, count("good = true"), "the saw was it before")
		_, err = records.Update(app, bolts, map[string]any{"name": ""})
		require.ErrorContains(t, err, "name: cannot be blank")
	})
	t.Run("in a transaction that is rolled back", func(t *testing.T) {
		_ = app.RunInTransaction(func(txApp core.App) error {
			n, err := records.Delete(txApp, bolts)
			require.NoError(t, err)
			require.Equal(t, 450, n)
			return errors.New("no")
		})
		require.Equal(t, 450, count("name ~ 'bolt'"))
	})
	n, err = records.Delete(app, bolts)
	require.NoError(t, err)
	require.Equal(t, 450, n)
	require.Equal(t, 4, count(""))
	n, err = records.Delete(app, bolts)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestUpdate_Refused(t *testing.T) {
	t.Parallel()
	app, goods := newShop(t)
	all := records.Selection{Collection: goods, Filter: "id != ''"}
	for says, call := range map[string]func() (int, error){
		`option "filter": expected a filter; all records are "id != ''"`: func() (int, error) { return records.Delete(app, records.Selection{Collection: goods, Filter: " "}) },
		`option "filter": "nothing = 1" can't be used`: func() (int, error) {
			return records.Delete(app, records.Selection{Collection: goods, Filter: "nothing = 1"})
		},
		`option "values": expected at least one field`:              func() (int, error) { return records.Update(app, all, nil) },
		`option "values": collection "goods" has no field "colour"`: func() (int, error) { return records.Update(app, all, map[string]any{"colour": "red"}) },
		`has no field "colour+"`:                                    func() (int, error) { return records.Update(app, all, map[string]any{"colour+": 1}) },
	} {
		t.Run(says, func(t *testing.T) {
			n, err := call()
			require.ErrorContains(t, err, says)
			require.Zero(t, n)
		})
	}
}
