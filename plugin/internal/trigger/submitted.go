package trigger

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
)

// sent is a copy of a request's body: PocketBase and nested records change it.
// Into that of a form PocketBase also puts what stands in the query.
func sent(r *http.Request, body map[string]any) map[string]any {
	out := maps.Clone(body)
	contentType := r.Header.Get("Content-Type")
	if !strings.HasPrefix(contentType, "multipart/form-data") && !strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		return out
	}
	for name := range r.URL.Query() {
		if !r.PostForm.Has(name) {
			delete(out, name)
		}
	}
	return out
}

// submitted is the body of a write as the client sent it: nested objects are
// objects, files are {name, size}. Passwords are left out: the input is stored.
// Resolved is what PocketBase has made of it, in which the files are.
func submitted(app core.App, collection *core.Collection, body, resolved map[string]any) (json.RawMessage, error) {
	out := withoutSecrets(app, collection, body)
	for _, f := range collection.Fields {
		if f.Type() != core.FieldTypeFile {
			continue
		}
		name := f.GetName()
		for _, key := range []string{name, "+" + name, name + "+"} {
			if files := filesIn(body[key]); len(files) > 0 { // of a batch
				out[key] = files
			}
		}
		if files := filesIn(resolved[name]); len(files) > 0 && len(filesIn(body[name])) == 0 {
			if sent, ok := body[name]; ok && sent != nil { // names of files that are to stay
				files = append([]any{sent}, files...)
			}
			out[name] = files
		}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode what was submitted to %s: %w", collection.Name, err)
	}
	return raw, nil
}

// filesIn are the uploaded files of a value.
func filesIn(value any) []any {
	var out []any
	switch v := value.(type) {
	case *filesystem.File:
		out = append(out, map[string]any{"name": v.OriginalName, "size": v.Size})
	case []*filesystem.File:
		for _, f := range v {
			out = append(out, filesIn(f)...)
		}
	case []any:
		for _, f := range v {
			out = append(out, filesIn(f)...)
		}
	}
	return out
}

// withoutSecrets is a copy of a body without passwords and token keys, those of
// nested records too.
func withoutSecrets(app core.App, collection *core.Collection, body map[string]any) map[string]any {
	out := maps.Clone(body)
	if out == nil {
		return map[string]any{}
	}
	for _, f := range collection.Fields {
		name := f.GetName()
		switch f := f.(type) {
		case *core.PasswordField:
			for _, key := range []string{name, name + "Confirm"} {
				delete(out, key)
			}
		case *core.RelationField:
			for _, key := range []string{name, "+" + name, name + "+"} {
				if value := out[key]; nests(value) {
					target, err := app.FindCachedCollectionByNameOrId(f.CollectionId)
					if err != nil {
						delete(out, key) // the write will fail
						continue
					}
					out[key] = nestedWithoutSecrets(app, target, value)
				}
			}
		}
	}
	if collection.IsAuth() {
		delete(out, "oldPassword")
		delete(out, core.FieldNameTokenKey)
	}
	return out
}

func nestedWithoutSecrets(app core.App, target *core.Collection, value any) any {
	switch v := value.(type) {
	case map[string]any:
		return withoutSecrets(app, target, v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = nestedWithoutSecrets(app, target, item)
		}
		return out
	default:
		return value
	}
}
