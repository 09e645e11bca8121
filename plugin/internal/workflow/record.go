package workflow

import (
	"slices"
	"strings"
)

// TriggerRecord starts after a record of a collection was created, updated or
// deleted, whoever did it.
const TriggerRecord TriggerType = "record"

// RecordTrigger is what a trigger of type record has of its own.
type RecordTrigger struct {
	// Events are the changes that start the workflow, each once; never empty.
	Events []Action `json:"events"`
}

// recordKey is a collection, by name in lower case or by id, and a change of one
// of its records.
type recordKey struct {
	collection string
	event      Action
}

// recordIndex finds the workflows that listen to changes of records.
type recordIndex map[recordKey][]*Entry

func (i recordIndex) add(e *Entry) {
	on := e.Version.Definition.On
	if on.Type != TriggerRecord || on.RecordTrigger == nil || !e.Enabled || !e.Usable() {
		return
	}
	for _, event := range on.Events {
		k := recordKey{strings.ToLower(on.Collection), event}
		i[k] = append(i[k], e)
	}
}

// ListensToRecords reports whether any enabled, usable workflow listens to
// changes of records.
func (c *Catalog) ListensToRecords() bool { return c != nil && len(c.records) > 0 }

// Records returns the enabled, usable workflows that listen to a change of a
// collection's records.
func (c *Catalog) Records(name, id string, event Action) []*Entry {
	if !c.ListensToRecords() {
		return nil
	}
	byName := c.records[recordKey{strings.ToLower(name), event}]
	byID := c.records[recordKey{strings.ToLower(id), event}]
	if len(byID) == 0 {
		return byName
	}
	return slices.Concat(byName, byID)
}
