package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// KeyExpression computes a key from an execution's input: paths into data,
// original, user and params, and roleName, action, collection, path, joined with
// + and strings in quotes:
//
//	data.customer
//	data.customer + ":" + user.id
type KeyExpression struct {
	terms []keyTerm
}

type keyTerm struct {
	literal string
	path    []string // nil for a literal
}

// keyRoots are the names a path may begin with.
var keyRoots = []string{"data", "original", "user", "params", "roleName", "action", "collection", "path"}

// ParseKeyExpression reads an expression. The error says what is wrong with it.
func ParseKeyExpression(source string) (KeyExpression, error) {
	var e KeyExpression
	rest := strings.TrimSpace(source)
	for {
		term, after, err := parseKeyTerm(rest)
		if err != nil {
			return KeyExpression{}, err
		}
		e.terms = append(e.terms, term)
		if rest = strings.TrimSpace(after); rest == "" {
			return e, nil
		}
		if rest[0] != '+' {
			return KeyExpression{}, fmt.Errorf("expected + before %q", rest)
		}
		rest = strings.TrimSpace(rest[1:])
	}
}

func parseKeyTerm(s string) (term keyTerm, rest string, err error) {
	if s == "" {
		return term, "", fmt.Errorf(`expected a path such as data.customer, or a string in quotes`)
	}
	if quote := s[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(s[1:], quote)
		if end < 0 {
			return term, "", fmt.Errorf("the string %s has no end", s)
		}
		return keyTerm{literal: s[1 : 1+end]}, s[2+end:], nil
	}
	end := strings.IndexAny(s, "+ \t\n\"'")
	if end < 0 {
		end = len(s)
	}
	path := strings.Split(s[:end], ".")
	for i, name := range path {
		if !isName(name, i > 0) {
			return term, "", fmt.Errorf("%q is not a path such as data.customer", s[:end])
		}
	}
	for _, root := range keyRoots {
		if path[0] == root {
			return keyTerm{path: path}, s[end:], nil
		}
	}
	return term, "", fmt.Errorf("%q begins with none of %s", s[:end], strings.Join(keyRoots, ", "))
}

func isName(s string, digits bool) bool {
	for i, r := range s {
		letter := r == '_' || r == '$' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		digit := (i > 0 || digits) && r >= '0' && r <= '9'
		if !letter && !digit {
			return false
		}
	}
	return s != ""
}

// Eval is the key of an input. A path that leads nowhere, and null, are "".
func (e KeyExpression) Eval(in Input) (string, error) {
	var b strings.Builder
	for _, t := range e.terms {
		if t.path == nil {
			b.WriteString(t.literal)
			continue
		}
		s, err := t.eval(in)
		if err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(t.path, "."), err)
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (t keyTerm) eval(in Input) (string, error) {
	var raw json.RawMessage
	switch t.path[0] {
	case "data":
		raw = in.Data
	case "original":
		raw = in.Original
	case "user":
		raw = in.User
	case "params":
		raw = in.Params
	case "roleName":
		return in.RoleName, nil
	case "action":
		return string(in.Action), nil
	case "collection":
		return in.Collection, nil
	case "path":
		return in.Path, nil
	}
	if len(raw) == 0 {
		return "", nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // a large id must not be rounded
	var v any
	if err := decoder.Decode(&v); err != nil {
		return "", err
	}
	if params, ok := v.(map[string]any); ok && len(t.path) > 1 && t.path[0] == "params" && t.path[1] == "body" {
		if _, stored := params["body"]; !stored { // that of a webhook is stored as data alone
			return keyTerm{path: append([]string{"data"}, t.path[2:]...)}.eval(in)
		}
	}
	for _, name := range t.path[1:] {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(at) {
				return "", nil
			}
			v = at[i]
		default:
			return "", nil
		}
	}
	return keyText(v)
}

func keyText(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	default:
		raw, err := json.Marshal(v)
		return string(raw), err
	}
}
