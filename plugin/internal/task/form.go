package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// maxFields is how many fields a task may ask for.
const maxFields = 100

var (
	// fieldTypes are PocketBase's types that an answer can have. A file has no
	// place to be kept in, the others are not for people to fill in.
	fieldTypes = []string{
		core.FieldTypeText, core.FieldTypeNumber, core.FieldTypeBool, core.FieldTypeEmail, core.FieldTypeURL, core.FieldTypeDate,
		core.FieldTypeSelect, core.FieldTypeJSON, core.FieldTypeEditor, core.FieldTypeRelation, core.FieldTypeGeoPoint,
	}
	// tableOptions are about tables, of which there is none.
	tableOptions = []string{"id", "system", "hidden", "presentable", "primaryKey", "autogeneratePattern", "cascadeDelete"}
)

// newForm makes a collection in memory of field definitions: what PocketBase
// checks values by.
func newForm(ctx context.Context, app core.App, raw json.RawMessage) (*core.Collection, error) {
	form := core.NewBaseCollection("workflow_task_form")
	var definitions []json.RawMessage
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &definitions); err != nil {
			return nil, fmt.Errorf("expected a list of {name, type, …}: %w", err)
		}
	}
	if len(definitions) > maxFields {
		return nil, fmt.Errorf("more than %d", maxFields)
	}
	for i, definition := range definitions {
		field, err := newField(app, definition)
		if err == nil && form.Fields.GetByName(field.GetName()) != nil {
			err = fmt.Errorf("there can't be another field %q", field.GetName())
		}
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		form.Fields.Add(field)
		if err := field.ValidateSettings(ctx, app, form); err != nil {
			return nil, fmt.Errorf("[%d] (%s): %w", i, field.GetName(), err)
		}
	}
	return form, nil
}

// newField makes one field of its definition.
func newField(app core.App, definition json.RawMessage) (core.Field, error) {
	var options map[string]any
	if err := json.Unmarshal(definition, &options); err != nil || options == nil {
		return nil, errors.New("expected an object {name, type, …}")
	}
	kind, _ := options["type"].(string)
	if !slices.Contains(fieldTypes, kind) {
		return nil, fmt.Errorf("type: expected one of %q, got %v", fieldTypes, options["type"])
	}
	if name, _ := options["name"].(string); name == "" {
		return nil, fmt.Errorf("name: expected a name, got %v", options["name"])
	}
	delete(options, "type")
	if name, ok := options["collection"].(string); ok && kind == core.FieldTypeRelation {
		related, err := app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			return nil, fmt.Errorf("collection: there is no collection %q", name)
		}
		options["collectionId"] = related.Id
		delete(options, "collection")
	}
	field := core.Fields[kind]()
	known := map[string]any{}
	if blank, err := json.Marshal(field); err != nil || json.Unmarshal(blank, &known) != nil {
		return nil, fmt.Errorf("type %q can't be used", kind)
	}
	for name := range options {
		if _, ok := known[name]; !ok || slices.Contains(tableOptions, name) {
			return nil, fmt.Errorf("a %s field has no option %q", kind, name)
		}
	}
	given, err := json.Marshal(options)
	if err == nil {
		err = json.Unmarshal(given, field)
	}
	if err != nil {
		return nil, fmt.Errorf("a %s field: %w", kind, err)
	}
	return field, nil
}

// fill checks values against a form and returns them as PocketBase would store
// them. Partial lets out what is required. The error is of type
// validation.Errors.
func fill(ctx context.Context, app core.App, form *core.Collection, values map[string]any, partial bool) (json.RawMessage, error) {
	record, errs := core.NewRecord(form), validation.Errors{}
	for name, value := range values {
		field := form.Fields.GetByName(name)
		if field == nil || name == core.FieldNameId {
			errs[name] = validation.NewError("validation_unknown_field", "The task does not ask for this field.")
			continue
		}
		if err := plausible(field, value); err != nil {
			errs[name] = err
			continue
		}
		record.Set(name, value)
	}
	out := map[string]any{}
	for _, field := range form.Fields {
		name := field.GetName()
		_, given := values[name]
		if name == core.FieldNameId || errs[name] != nil || partial && !given {
			continue
		}
		if err := field.ValidateValue(ctx, app, record); err != nil {
			errs[name] = err
			continue
		}
		out[name] = record.Get(name)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return json.Marshal(out)
}

// plausible refuses what PocketBase would silently make zero.
func plausible(field core.Field, value any) error {
	text, isText := value.(string)
	if value == nil || isText && text == "" {
		return nil
	}
	ok := true
	switch field.Type() {
	case core.FieldTypeNumber:
		_, ok = value.(float64)
		if isText {
			_, err := strconv.ParseFloat(text, 64)
			ok = err == nil
		}
	case core.FieldTypeBool:
		_, ok = value.(bool)
		ok = ok || text == "true" || text == "false"
	case core.FieldTypeDate:
		at, err := types.ParseDateTime(value)
		ok = isText && err == nil && !at.IsZero()
	case core.FieldTypeText, core.FieldTypeEmail, core.FieldTypeURL, core.FieldTypeEditor:
		ok = isText
	}
	if !ok {
		return validation.NewError("validation_invalid_value", fmt.Sprintf("Expected a value of type %s.", field.Type()))
	}
	return nil
}
