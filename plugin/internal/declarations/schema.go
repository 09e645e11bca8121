package declarations

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// schema writes the part of the collections.
type schema struct {
	strings.Builder
	collections []*core.Collection
	// names are the names of the record types by collection id.
	names map[string]string
}

func newSchema(collections []*core.Collection) *schema {
	s := &schema{collections: slices.Clone(collections)}
	slices.SortFunc(s.collections, func(a, b *core.Collection) int { return cmp.Compare(a.Name, b.Name) })
	s.names = typeNames(s.collections)

	s.line(0, "declare namespace Workflows {")
	s.line(1, "/** Records as clients see them: without hidden fields. */")
	s.line(1, "namespace Records {")
	for i, c := range s.collections {
		if i > 0 {
			s.line(0, "")
		}
		s.record(c)
	}
	s.line(1, "}")
	s.line(0, "")
	s.line(1, "/** The collections by name. */")
	s.line(1, "interface Collections {")
	for _, c := range s.collections {
		s.collection(c)
	}
	s.line(1, "}")
	s.line(0, "}")
	return s
}

func (s *schema) line(depth int, format string, args ...any) {
	if format != "" {
		s.WriteString(strings.Repeat("    ", depth))
		fmt.Fprintf(s, format, args...)
	}
	s.WriteByte('\n')
}

// record declares what a record's public export is.
func (s *schema) record(c *core.Collection) {
	s.line(2, "/** A record of %q. */", c.Name)
	s.line(2, "interface %s {", s.names[c.Id])
	for _, f := range c.Fields {
		if hidden(c, f) {
			continue
		}
		optional := ""
		if c.IsAuth() && f.GetName() == core.FieldNameEmail {
			optional = "?" // unless emailVisibility
		}
		s.line(3, "%s%s: %s;", property(f.GetName()), optional, typeOf(f))
	}
	s.line(3, "collectionId: string;")
	s.line(3, "collectionName: %s;", literal(c.Name))
	if relations := s.expands(c); len(relations) > 0 {
		s.line(3, "/** The related records, as far as they were asked for. */")
		s.line(3, "expand?: {")
		for _, r := range relations {
			s.line(4, "%s", r)
		}
		s.line(3, "};")
	}
	s.line(2, "}")
}

// hidden reports whether clients never see a field.
func hidden(c *core.Collection, f core.Field) bool {
	return f.GetHidden() || f.Type() == core.FieldTypePassword || c.IsAuth() && f.GetName() == core.FieldNameTokenKey
}

// expands are the relations of a collection, and of others to it.
func (s *schema) expands(c *core.Collection) []string {
	var out []string
	for _, f := range c.Fields {
		if r, ok := f.(*core.RelationField); ok && !hidden(c, f) {
			out = append(out, s.expand(r.Name, r.CollectionId, r.IsMultiple()))
		}
	}
	for _, other := range s.collections {
		for _, f := range other.Fields {
			if r, ok := f.(*core.RelationField); ok && r.CollectionId == c.Id {
				_, unique := dbutils.FindSingleColumnUniqueIndex(other.Indexes, r.Name)
				out = append(out, s.expand(other.Name+"_via_"+r.Name, other.Id, !unique))
			}
		}
	}
	return out
}

func (s *schema) expand(name, collection string, multiple bool) string {
	record, ok := s.names[collection]
	if !ok {
		record = "any"
	}
	if multiple {
		record += "[]"
	}
	return fmt.Sprintf("%s?: %s;", property(name), record)
}

// collection declares what the options of a workflow can name of a collection.
func (s *schema) collection(c *core.Collection) {
	var all, dates, relations []string
	for _, f := range c.Fields {
		all = append(all, f.GetName())
		switch f.Type() {
		case core.FieldTypeDate, core.FieldTypeAutodate:
			dates = append(dates, f.GetName())
		case core.FieldTypeRelation:
			relations = append(relations, f.GetName())
		}
	}
	s.line(2, "%s: {", property(c.Name))
	s.line(3, "kind: %s;", literal(c.Type))
	s.line(3, "record: Records.%s;", s.names[c.Id])
	s.line(3, "field: %s;", union(all))
	s.line(3, "date: %s;", union(dates))
	s.line(3, "relation: %s;", union(relations))
	s.line(2, "};")
}

// typeOf is the type of a field's value in a record's public export.
func typeOf(f core.Field) string {
	multiple := false
	if m, ok := f.(core.MultiValuer); ok {
		multiple = m.IsMultiple()
	}
	kind := "any" // a JSON value, or of a type that the host has added
	switch f := f.(type) {
	case *core.TextField, *core.EditorField, *core.EmailField, *core.URLField, *core.DateField, *core.AutodateField,
		*core.RelationField, *core.FileField:
		kind = "string"
	case *core.NumberField:
		kind = "number"
	case *core.BoolField:
		kind = "boolean"
	case *core.GeoPointField:
		kind = "{ lon: number; lat: number }"
	case *core.SelectField:
		values := slices.Clone(f.Values)
		if !multiple && !f.Required {
			values = append(values, "")
		}
		if kind = union(values); multiple && len(values) > 1 {
			kind = "(" + kind + ")"
		}
	}
	if multiple {
		kind += "[]"
	}
	return kind
}
