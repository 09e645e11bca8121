package trigger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/inflector"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/security"
)

// bodyError is the answer to a body that can't be read.
func bodyError(err error) error {
	var api *router.ApiError
	if errors.As(err, &api) {
		return api // it is too large
	}
	return router.NewBadRequestError("The body can't be read: it must be a JSON object or a form.", err)
}

// values are what was submitted: a JSON object or a form, of which files are
// listed only.
func (m *manual) values(e *core.RequestEvent) (map[string]any, error) {
	info, err := e.RequestInfo()
	if err != nil {
		return nil, bodyError(err)
	}
	values := info.Body
	if contentType := e.Request.Header.Get("Content-Type"); !strings.HasPrefix(contentType, "application/json") && e.Request.PostForm != nil {
		// RequestInfo mixes in the query.
		values = map[string]any{}
		if err := router.UnmarshalRequestData(e.Request.PostForm, &values, "", ""); err != nil {
			return nil, bodyError(err)
		}
	}
	if inner, ok := values["values"].(map[string]any); ok && m.unwrap {
		values = inner
	}
	out := make(map[string]any, len(values))
	for name, value := range values {
		out[name] = value
	}
	if e.Request.MultipartForm == nil {
		return out, nil
	}
	for name, files := range e.Request.MultipartForm.File {
		list := make([]any, len(files))
		for i, f := range files {
			list[i] = map[string]any{"name": f.Filename, "size": f.Size, "type": f.Header.Get("Content-Type")}
		}
		out[name] = list
	}
	return out, nil
}

// load finds the records that the caller may view, in the order of their ids,
// and lays the submitted values over a single one. Missing ones are a 404 that
// lists them: one that may not be viewed is missing.
func (m *manual) load(w *writing, values map[string]any) ([]*core.Record, error) {
	if m.collection == nil {
		return nil, nil
	}
	if len(m.ids) == 0 {
		if len(values) == 0 {
			return nil, idsError("validation_required", "The records are missing: ?ids=a,b,c, or the values of a new one.")
		}
		w.unsaved = core.NewRecord(m.collection)
		overlay(w.unsaved, values)
		return []*core.Record{w.unsaved}, nil
	}
	found, err := m.find(w.tx, w.plan.info)
	if err != nil {
		return nil, router.NewInternalServerError("", fmt.Errorf("load the records of %s: %w", m.collection.Name, err))
	}
	byID := make(map[string]*core.Record, len(found))
	for _, r := range found {
		byID[r.Id] = r
	}
	records, missing := make([]*core.Record, 0, len(found)), []string{}
	for _, id := range m.ids {
		if r := byID[id]; r != nil {
			records = append(records, r)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		message := fmt.Sprintf("There is no such record of %s: %s.", m.collection.Name, strings.Join(missing, ", "))
		return nil, router.NewNotFoundError(message, validation.Errors{"ids": &item{code: "validation_missing_records", message: strings.Join(missing, ",")}})
	}
	if !m.many && overlay(records[0], values) {
		w.unsaved = records[0]
	}
	return records, nil
}

func (m *manual) find(app core.App, info *core.RequestInfo) ([]*core.Record, error) {
	rule := m.collection.ViewRule
	if info.HasSuperuserAuth() {
		return app.FindRecordsByIds(m.collection, m.ids)
	}
	if rule == nil {
		return nil, nil
	}
	return app.FindRecordsByIds(m.collection, m.ids, func(q *dbx.SelectQuery) error {
		if *rule == "" {
			return nil
		}
		resolver := core.NewRecordFieldResolver(app, m.collection, info, true)
		expr, err := search.FilterData(*rule).BuildExpr(resolver)
		if err != nil {
			return err
		}
		q.AndWhere(expr)
		return resolver.UpdateQuery(q)
	})
}

// overlay sets the values of a form in a record that is never saved, and reports
// whether there were any. What is no field of the collection is left out, and so
// are hidden fields, ids, dates that PocketBase sets, the switch that shows an
// e-mail address, and files, which have no names yet.
func overlay(record *core.Record, values map[string]any) (changed bool) {
	for key, value := range values {
		field := record.Collection().Fields.GetByName(strings.Trim(key, "+-"))
		if field == nil || field.GetHidden() || field.GetName() == core.FieldNameId {
			continue
		}
		switch field.Type() {
		case core.FieldTypeFile, core.FieldTypeAutodate, core.FieldTypePassword:
			continue
		}
		if record.Collection().IsAuth() && field.GetName() == core.FieldNameEmailVisibility {
			continue // it would show an address that the caller may not see
		}
		record.SetIfFieldExists(key, value)
		changed = true
	}
	return changed
}

// matches reports whether a target satisfies a filter: its row, or the values
// that a form has over it.
func (w *writing) matches(target *core.Record, filter string) (bool, error) {
	if filter == "" || target != w.unsaved {
		return matches(w.tx, target, w.plan.info, filter)
	}
	// As PocketBase does for the rules of records that it is about to create.
	values, err := target.DBExport(w.tx)
	if err != nil {
		return false, fmt.Errorf("export record %q of %s: %w", target.Id, target.Collection().Name, err)
	}
	suffix := "__pb_workflow__" + security.PseudorandomString(6)
	dummy := *target.Collection()
	dummy.Id += suffix
	dummy.Name += inflector.Columnify(suffix)
	params, columns := make(dbx.Params, len(values)), make([]string, 0, len(values))
	for name, value := range values {
		name = inflector.Columnify(name)
		params["__pb_workflow__"+name] = value
		columns = append(columns, fmt.Sprintf("{:__pb_workflow__%s} AS [[%s]]", name, name))
	}
	query := w.tx.ConcurrentDB().Select("(1)").
		PreFragment(fmt.Sprintf("WITH {{%s}} AS (SELECT %s)", dummy.Name, strings.Join(columns, ","))).From(dummy.Name).AndBind(params)
	resolver := core.NewRecordFieldResolver(w.tx, &dummy, w.plan.info, true)
	return satisfied(query, resolver, filter)
}
