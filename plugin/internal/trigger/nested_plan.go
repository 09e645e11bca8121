package trigger

import (
	"fmt"
	"maps"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/security"
)

// Limits of nested values in one request.
const (
	maxNestedDepth   = 5
	maxNestedRecords = 100
)

// operation creates or updates one nested record.
type operation struct {
	path       string // where it stands in the body, e.g. "category" or "tags.1"
	collection *core.Collection
	id         string
	body       map[string]any
	update     bool
	// given is true when the client chose the id.
	given bool
	// submitted is the object as it was sent.
	submitted map[string]any
}

// nestedPlan is what has to be written before the record itself, innermost
// first, and the body in which ids stand for nested objects.
type nestedPlan struct {
	trigger    *Trigger
	operations []*operation
	body       map[string]any
}

// planner turns nested objects into operations. Ids are chosen up front, so
// nothing has to be patched later.
type planner struct {
	app        core.App
	operations []*operation
}

// object plans the relation fields of one body and returns the rewritten one, or
// the same one and false when nothing in it is nested.
func (p *planner) object(collection *core.Collection, body map[string]any, path string, depth int) (map[string]any, bool, error) {
	out, rewritten := body, false
	for _, f := range collection.Fields {
		relation, ok := f.(*core.RelationField)
		if !ok {
			continue
		}
		for _, key := range []string{relation.Name, relation.Name + "+", "+" + relation.Name} {
			value, ok := body[key]
			if !ok || !nests(value) {
				continue
			}
			at := strings.TrimPrefix(path+"."+relation.Name, ".")
			if depth >= maxNestedDepth {
				return nil, false, nestedError(at, "is nested deeper than %d levels", maxNestedDepth)
			}
			target, err := p.app.FindCachedCollectionByNameOrId(relation.CollectionId)
			if err != nil {
				return nil, false, nestedError(at, "leads to a collection that does not exist")
			}
			linked, err := p.value(target, value, at, depth+1)
			if err != nil {
				return nil, false, err
			}
			if !rewritten {
				out, rewritten = maps.Clone(body), true
			}
			out[key] = linked
		}
	}
	return out, rewritten, nil
}

// nests reports whether a relation field's value holds objects.
func nests(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return true
	case []any:
		for _, item := range v {
			if _, ok := item.(map[string]any); ok {
				return true
			}
		}
	}
	return false
}

func (p *planner) value(target *core.Collection, value any, path string, depth int) (any, error) {
	if list, ok := value.([]any); ok {
		out := make([]any, len(list))
		for i, item := range list {
			object, ok := item.(map[string]any)
			if !ok {
				out[i] = item
				continue
			}
			id, err := p.record(target, object, fmt.Sprintf("%s.%d", path, i), depth)
			if err != nil {
				return nil, err
			}
			out[i] = id
		}
		return out, nil
	}
	object, _ := value.(map[string]any)
	return p.record(target, object, path, depth)
}

// record plans one nested object and returns the id to link.
func (p *planner) record(target *core.Collection, object map[string]any, path string, depth int) (string, error) {
	id, ok := object["id"].(string)
	if object["id"] != nil && !ok {
		return "", nestedError(path+".id", "must be a string")
	}
	known := false
	if id != "" {
		_, err := p.app.FindRecordById(target, id)
		known = err == nil
		if known && len(object) == 1 {
			return id, nil
		}
	}
	body, _, err := p.object(target, object, path, depth)
	if err != nil {
		return "", err
	}
	body = maps.Clone(body)
	op := &operation{path: path, collection: target, id: id, body: body, update: known, given: id != "", submitted: object}
	if id == "" {
		op.id = newRecordID(target)
	}
	if known {
		delete(body, "id")
	} else {
		body["id"] = op.id
	}
	if p.operations = append(p.operations, op); len(p.operations) > maxNestedRecords {
		return "", nestedError(path, "is one of more than %d nested records", maxNestedRecords)
	}
	return op.id, nil
}

// newRecordID is an id as the collection itself would make one.
func newRecordID(collection *core.Collection) string {
	if f, ok := collection.Fields.GetByName("id").(*core.TextField); ok && f.AutogeneratePattern != "" {
		if id, err := security.RandomStringByRegex(f.AutogeneratePattern); err == nil {
			return id
		}
	}
	return core.GenerateDefaultRandomId()
}

func nestedError(path, format string, args ...any) *router.ApiError {
	message := fmt.Sprintf(format, args...)
	out := router.NewBadRequestError(fmt.Sprintf("The nested value %q %s.", path, message), nil)
	out.Data = map[string]any{path: map[string]any{"code": "validation_invalid_nested", "message": message}}
	return out
}

// nestedOf plans the nested values of a request, nil when it has none.
func (t *Trigger) nestedOf(e *core.RequestEvent, collection *core.Collection) (*nestedPlan, error) {
	if !hasRelations(collection) {
		return nil, nil
	}
	info, err := e.RequestInfo()
	if err != nil {
		return nil, nil //nolint:nilerr // the handler answers the unreadable body
	}
	p := &planner{app: e.App}
	body, rewritten, err := p.object(collection, info.Body, "", 0)
	if err != nil || !rewritten {
		return nil, err
	}
	return &nestedPlan{trigger: t, operations: p.operations, body: body}, nil
}

func hasRelations(collection *core.Collection) bool {
	for _, f := range collection.Fields {
		if _, ok := f.(*core.RelationField); ok {
			return true
		}
	}
	return false
}
