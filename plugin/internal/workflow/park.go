package workflow

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Park is what an execution waits for while it lives as a row only.
type Park struct {
	// WakeAt is when it goes on at the latest; zero is no such time.
	WakeAt time.Time
	// Steps are to be stored as waiting with it.
	Steps []*Step
	// Events are what wakes it.
	Events []Awaited
	// Children are the executions whose end wakes it.
	Children []string
}

// Merge waits for what p and q wait for.
func (p Park) Merge(q Park) Park {
	p.WakeAt = Earlier(p.WakeAt, q.WakeAt)
	p.Steps = append(p.Steps, q.Steps...)
	p.Events = append(p.Events, q.Events...)
	p.Children = append(p.Children, q.Children...)
	return p
}

// Awaited is an event of a name.
type Awaited struct {
	Name string
	// After is the id of the last one that was looked at: a later one means that
	// there is nothing to wait for.
	After string
}

// Earlier is the earlier of two times of which zero ones do not count.
func Earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Event is something that was sent to an execution.
type Event struct {
	ID        string
	Execution string
	Name      string
	Payload   json.RawMessage
	// Token is the digest of the single-use URL it came by, or "".
	Token          string
	User           string
	UserCollection string
	Created        time.Time
}

// MaxEventName is the length of an event's name in bytes.
const MaxEventName = 100

// ValidEventName reports whether a name can stand for an event.
func ValidEventName(name string) bool {
	if name == "" || len(name) > MaxEventName || !utf8.ValidString(name) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsControl(r) })
}
