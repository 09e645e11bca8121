package trigger

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// The query parameter and its limits.
const (
	parameter      = "triggerWorkflows"
	maxEntries     = 50
	maxParameter   = 4 << 10
	maxTargets     = 100
	entrySeparator = ","
	pathSeparator  = "!"
)

// Ref is one entry of the parameter: a key, and a path to a related record.
type Ref struct {
	Key  string
	Path string
	// Repeated entries stand there twice; the first one counts.
	Repeated bool
}

// String is the entry as it was written, without white space.
func (r Ref) String() string {
	if r.Path == "" {
		return r.Key
	}
	return r.Key + pathSeparator + r.Path
}

// ParseRefs reads triggerWorkflows: entries "key" or "key!path" with commas
// between them. White space around entries and empty entries are dropped. The
// error names the entry that can't be read.
func ParseRefs(value string) ([]Ref, error) {
	if len(value) > maxParameter {
		return nil, fmt.Errorf("%s is %d bytes long, at most %d are allowed", parameter, len(value), maxParameter)
	}
	var refs []Ref
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(value, entrySeparator) {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		ref, err := parseRef(entry)
		if err != nil {
			return nil, err
		}
		ref.Repeated = seen[ref.String()]
		seen[ref.String()] = true
		if refs = append(refs, ref); len(refs) > maxEntries {
			return nil, fmt.Errorf("%s has more than %d entries, entry %q is one too many", parameter, maxEntries, entry)
		}
	}
	return refs, nil
}

func parseRef(entry string) (Ref, error) {
	if strings.ContainsFunc(entry, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return Ref{}, fmt.Errorf("%s entry %q has control characters", parameter, entry)
	}
	key, path, related := strings.Cut(entry, pathSeparator)
	key, path = strings.TrimSpace(key), strings.TrimSpace(path)
	if key == "" || related && (path == "" || strings.Contains(path, pathSeparator)) {
		return Ref{}, fmt.Errorf("%s entry %q is not of the form key or key!path", parameter, entry)
	}
	for hop := range strings.SplitSeq(path, ".") {
		if related && strings.TrimSpace(hop) != hop || related && hop == "" {
			return Ref{}, fmt.Errorf("%s entry %q has an empty field in its path", parameter, entry)
		}
	}
	return Ref{Key: key, Path: path}, nil
}

// refsOf reads the parameter of a URL; several values are joined.
func refsOf(u *url.URL) ([]Ref, error) {
	if !strings.Contains(u.RawQuery, parameter) {
		return nil, nil // the hot path: no parsing
	}
	return ParseRefs(strings.Join(u.Query()[parameter], entrySeparator))
}
