package task

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// people finds those who are invited, everyone once. An id that is unknown or
// given twice is an error, as is a role that nobody has.
func (d *Desk) people(app core.App, invited []workflow.Invited) ([]workflow.Person, error) {
	var named, all []workflow.Person
	for _, who := range invited {
		found, err := d.find(app, who)
		if err != nil {
			return nil, err
		}
		if who.Role == "" && slices.Contains(named, found[0]) {
			return nil, fmt.Errorf("%s is given twice", found[0])
		}
		if who.Role == "" {
			named = append(named, found[0])
		}
		for _, p := range found {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	if len(all) > workflow.MaxPeople {
		return nil, fmt.Errorf("more than %d people", workflow.MaxPeople)
	}
	return all, nil
}

func (d *Desk) find(app core.App, who workflow.Invited) ([]workflow.Person, error) {
	collection, err := app.FindCachedCollectionByNameOrId(who.Collection)
	if err != nil || !collection.IsAuth() {
		return nil, fmt.Errorf("there is no auth collection %q", who.Collection)
	}
	if who.Role != "" {
		return d.havingRole(app, collection, who.Role)
	}
	person := workflow.Person{ID: who.ID, Collection: collection.Name}
	switch _, err := app.FindRecordById(collection, who.ID); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, fmt.Errorf("there is no %s", person)
	case err != nil:
		return nil, fmt.Errorf("find %s: %w", person, err)
	}
	return []workflow.Person{person}, nil
}

// havingRole lists everyone of a collection who has a role now.
func (d *Desk) havingRole(app core.App, collection *core.Collection, role string) ([]workflow.Person, error) {
	var may []dbx.Expression
	for _, name := range d.config.RoleFields {
		switch f := collection.Fields.GetByName(name).(type) {
		case nil:
		case *core.RelationField:
			ids, err := roleRecords(app, f, role)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				may = append(may, dbx.Like(name, id))
			}
		default:
			// Lists are JSON in their column, where some letters look different.
			asJSON, _ := json.Marshal(role)
			may = append(may, dbx.Like(name, role), dbx.Like(name, string(asJSON[1:len(asJSON)-1])))
		}
	}
	var out []workflow.Person
	if len(may) > 0 {
		var records []*core.Record
		if err := app.RecordQuery(collection).AndWhere(dbx.Or(may...)).OrderBy("id").All(&records); err != nil {
			return nil, fmt.Errorf("find the people with role %q: %w", role, err)
		}
		for _, r := range records {
			if d.config.HasRole(app, r, role) {
				out = append(out, workflow.Person{ID: r.Id, Collection: collection.Name})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("nobody in %q has the role %q", collection.Name, role)
	}
	return out, nil
}

// roleRecords are the ids of the records that stand for a role.
func roleRecords(app core.App, f *core.RelationField, role string) ([]string, error) {
	roles, err := app.FindCachedCollectionByNameOrId(f.CollectionId)
	if err != nil || roles.Fields.GetByName("name") == nil {
		return nil, nil //nolint:nilerr // a relation to something without names holds no roles
	}
	var ids []string
	if err := app.RecordQuery(roles).Select("id").AndWhere(dbx.HashExp{"name": role}).Column(&ids); err != nil {
		return nil, fmt.Errorf("find role %q: %w", role, err)
	}
	return ids, nil
}
