package records

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// function is a parsed expression of an aggregation.
type function struct {
	name     string
	distinct bool
	path     string // "" is every record, of count only
}

var functionPattern = regexp.MustCompile(`^\s*(count|sum|avg|min|max)\s*\(\s*(distinct\s+)?([\w.]*)\s*\)\s*$`)

func parseFunction(expression string) (function, error) {
	m := functionPattern.FindStringSubmatch(expression)
	if m == nil || m[3] == "" && (m[1] != "count" || m[2] != "") {
		return function{}, fmt.Errorf(`expected "count()", or count, sum, avg, min or max of a field, as "sum(views)" or "count(distinct author)", got %q`, expression)
	}
	return function{name: m[1], distinct: m[2] != "", path: m[3]}, nil
}

// sql is the function over a column. What is empty does not count.
func (f function) sql(column string) string {
	argument := "nullif(" + column + ", '')"
	if f.distinct {
		argument = "DISTINCT " + argument
	}
	out := f.name + "(" + argument + ")"
	if f.name == "sum" {
		return "coalesce(" + out + ", 0)"
	}
	return out
}

// fits reports whether the function's path leads to one value, and one that it can
// compute with.
func (f function) fits(app core.App, collection *core.Collection) error {
	hops := strings.Split(f.path, ".")
	for i, hop := range hops {
		field := collection.Fields.GetByName(hop)
		if field == nil {
			return fmt.Errorf("collection %q has no field %q", collection.Name, hop)
		}
		if many, ok := field.(core.MultiValuer); ok && many.IsMultiple() {
			return fmt.Errorf("field %q of %q may have many values: group by it, or aggregate its own collection", hop, collection.Name)
		}
		if i == len(hops)-1 {
			if _, number := field.(*core.NumberField); !number && (f.name == "sum" || f.name == "avg") {
				return fmt.Errorf("%s needs a number, field %q of %q is of type %q", f.name, hop, collection.Name, field.Type())
			}
			break
		}
		relation, ok := field.(*core.RelationField)
		if !ok {
			return fmt.Errorf("field %q of %q is no relation", hop, collection.Name)
		}
		next, err := app.FindCachedCollectionByNameOrId(relation.CollectionId)
		if err != nil {
			return fmt.Errorf("find the collection of field %q: %w", hop, err)
		}
		collection = next
	}
	return nil
}

// fieldAt is the field at the end of a path over relations, nil if there is none.
func fieldAt(app core.App, collection *core.Collection, path string) core.Field {
	hop, rest, more := strings.Cut(path, ".")
	field := collection.Fields.GetByName(hop)
	relation, ok := field.(*core.RelationField)
	if !more || !ok {
		return field
	}
	next, err := app.FindCachedCollectionByNameOrId(relation.CollectionId)
	if err != nil {
		return nil
	}
	return fieldAt(app, next, rest)
}
