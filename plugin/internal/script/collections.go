package script

import (
	"context"
	"reflect"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// FindCollectionByNameOrId is PocketBase's, for base collections from its cache:
// nearly every step begins with it, and reading and parsing the row anew takes
// longer than the write that follows. The script gets a copy, so that it may
// change it as it may change PocketBase's; a run that writes collections itself
// reads them from the database from then on.
func (g *guardedApp) FindCollectionByNameOrId(nameOrID string) (*core.Collection, error) { //nolint:revive // the name of the method it stands for
	if g.wroteCollections {
		return g.App.FindCollectionByNameOrId(nameOrID)
	}
	cached, err := g.FindCachedCollectionByNameOrId(nameOrID)
	if err != nil || !cached.IsBase() {
		return g.App.FindCollectionByNameOrId(nameOrID)
	}
	return copyCollection(cached), nil
}

// copyCollection copies a base collection with its fields.
func copyCollection(c *core.Collection) *core.Collection {
	out := *c
	out.Indexes = slices.Clone(c.Indexes)
	out.RawOptions = slices.Clone(c.RawOptions)
	out.Fields = make(core.FieldsList, len(c.Fields))
	for i, f := range c.Fields {
		out.Fields[i] = copyField(f)
	}
	return &out
}

func copyField(f core.Field) core.Field {
	from := reflect.ValueOf(f).Elem()
	to := reflect.New(from.Type())
	to.Elem().Set(from)
	for i := range from.NumField() {
		if v := to.Elem().Field(i); v.Kind() == reflect.Slice && v.CanSet() && !v.IsNil() {
			v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v))
		}
	}
	return to.Interface().(core.Field)
}

// wrote notes that the run writes collections.
func (g *guardedApp) wrote(model core.Model) {
	if _, ok := model.(*core.Collection); ok {
		g.wroteCollections = true
	}
}

// Save is PocketBase's.
func (g *guardedApp) Save(model core.Model) error {
	g.wrote(model)
	return g.App.SaveWithContext(g.by(context.Background()), model)
}

// SaveWithContext is PocketBase's.
func (g *guardedApp) SaveWithContext(ctx context.Context, model core.Model) error {
	g.wrote(model)
	return g.App.SaveWithContext(g.by(ctx), model)
}

// SaveNoValidate is PocketBase's.
func (g *guardedApp) SaveNoValidate(model core.Model) error {
	g.wrote(model)
	return g.App.SaveNoValidateWithContext(g.by(context.Background()), model)
}

// SaveNoValidateWithContext is PocketBase's.
func (g *guardedApp) SaveNoValidateWithContext(ctx context.Context, model core.Model) error {
	g.wrote(model)
	return g.App.SaveNoValidateWithContext(g.by(ctx), model)
}

// Delete is PocketBase's.
func (g *guardedApp) Delete(model core.Model) error {
	g.wrote(model)
	return g.App.DeleteWithContext(g.by(context.Background()), model)
}

// DeleteWithContext is PocketBase's.
func (g *guardedApp) DeleteWithContext(ctx context.Context, model core.Model) error {
	g.wrote(model)
	return g.App.DeleteWithContext(g.by(ctx), model)
}

// ImportCollections is PocketBase's.
func (g *guardedApp) ImportCollections(toImport []map[string]any, deleteMissing bool) error {
	g.wroteCollections = true
	return g.App.ImportCollections(toImport, deleteMissing)
}

// ImportCollectionsByMarshaledJSON is PocketBase's.
func (g *guardedApp) ImportCollectionsByMarshaledJSON(raw []byte, deleteMissing bool) error {
	g.wroteCollections = true
	return g.App.ImportCollectionsByMarshaledJSON(raw, deleteMissing)
}
