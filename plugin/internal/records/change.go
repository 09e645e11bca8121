package records

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// page is how many records are in memory at a time.
const page = 200

// Selection picks records of a collection.
type Selection struct {
	Collection *core.Collection
	// Filter is in PocketBase's filter language and must not be empty: what is
	// meant for all records has to say so, as "id != ''".
	Filter string
	// Params are the {:placeholders} of the filter.
	Params map[string]any
}

// Update gives the values to every selected record and returns how many there
// were. Each is validated and saved with its hooks, all in one transaction: one that
// can't be saved undoes all. Modifiers work ("views+": 1, "tags-": id).
func Update(app core.App, s Selection, values map[string]any) (int, error) {
	if len(values) == 0 {
		return 0, wrong("values", "expected at least one field")
	}
	for name := range values {
		field := strings.TrimRight(strings.TrimLeft(name, "+"), "+-")
		if s.Collection.Fields.GetByName(field) == nil {
			return 0, wrong("values", "collection %q has no field %q", s.Collection.Name, name)
		}
	}
	return s.each(app, "update", func(txApp core.App, r *core.Record) error {
		r.Load(values)
		return txApp.Save(r)
	})
}

// Delete deletes every selected record and returns how many there were: with hooks
// and cascades, all in one transaction.
func Delete(app core.App, s Selection) (int, error) {
	return s.each(app, "delete", func(txApp core.App, r *core.Record) error { return txApp.Delete(r) })
}

// each does something to every record that was selected when it began.
func (s Selection) each(app core.App, what string, do func(txApp core.App, r *core.Record) error) (n int, err error) {
	err = app.RunInTransaction(func(txApp core.App) error {
		n = 0
		ids, err := s.ids(txApp)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, page) {
			found, err := txApp.FindRecordsByIds(s.Collection, some)
			if err != nil {
				return fmt.Errorf("read records of %q: %w", s.Collection.Name, err)
			}
			for _, r := range found {
				if err := do(txApp, r); err != nil {
					return fmt.Errorf("%s record %q of %q: %w", what, r.Id, s.Collection.Name, err)
				}
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (s Selection) ids(app core.App) ([]string, error) {
	if strings.TrimSpace(s.Filter) == "" {
		return nil, wrong("filter", `expected a filter; all records are "id != ''"`)
	}
	resolver := core.NewRecordFieldResolver(app, s.Collection, nil, true)
	where, err := search.FilterData(s.Filter).BuildExpr(resolver, dbx.Params(s.Params))
	if err != nil {
		return nil, wrong("filter", "%q can't be used: %s", s.Filter, err)
	}
	query := app.RecordQuery(s.Collection).Select(column(s.Collection, "id")).AndWhere(where).OrderBy(column(s.Collection, "id"))
	if err := resolver.UpdateQuery(query); err != nil {
		return nil, fmt.Errorf("select records of %q: %w", s.Collection.Name, err)
	}
	var ids []string
	if err := query.Column(&ids); err != nil {
		return nil, fmt.Errorf("select records of %q: %w", s.Collection.Name, err)
	}
	return ids, nil
}
