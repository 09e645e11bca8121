package workflow

// Entry is one workflow as the server knows it right now.
type Entry struct {
	// Version is the current version; its Definition is what triggers match.
	// For an entry that never loaded it holds the key only.
	Version Version
	Enabled bool
	// Paused workflows are triggered as always; their executions wait.
	Paused bool
	// Problem is why the workflow can't run, or nil.
	Problem *Problem
	// Missing workflows are stored but their file is gone.
	Missing bool
}

// Usable reports whether the workflow may start new executions, apart from
// its switch.
func (e *Entry) Usable() bool { return e.Problem == nil && !e.Missing }

// Catalog is an immutable snapshot of all workflows. A request pins one and
// sees no later change.
type Catalog struct {
	entries map[string]*Entry
	globals map[globalKey][]*Entry
	records recordIndex
}

type globalKey struct {
	collection string
	action     Action
}

// NewCatalog indexes entries. Globals keep the order of entries.
func NewCatalog(entries []*Entry) *Catalog {
	c := &Catalog{entries: make(map[string]*Entry, len(entries)), globals: map[globalKey][]*Entry{}, records: recordIndex{}}
	for _, e := range entries {
		c.entries[e.Version.Workflow] = e
		c.records.add(e)
		on := e.Version.Definition.On
		if !on.Global || !on.Type.OfWrites() || !e.Enabled || !e.Usable() {
			continue
		}
		seen := map[Action]bool{}
		for _, a := range on.Actions {
			if seen[a] {
				continue
			}
			seen[a] = true
			k := globalKey{on.Collection, a}
			c.globals[k] = append(c.globals[k], e)
		}
	}
	return c
}

// Find returns the workflow of key, or nil.
func (c *Catalog) Find(key string) *Entry {
	if c == nil {
		return nil
	}
	return c.entries[key]
}

// Globals returns the enabled, usable global workflows for a write, those before
// it too.
// Collection is the collection's name.
func (c *Catalog) Globals(collection string, action Action) []*Entry {
	if c == nil || len(c.globals) == 0 {
		return nil
	}
	return c.globals[globalKey{collection, action}]
}

// Paused reports whether the executions of a workflow have to wait.
func (c *Catalog) Paused(key string) bool {
	e := c.Find(key)
	return e != nil && e.Paused
}

// Priority is the workflow's, 0 for an unknown one.
func (c *Catalog) Priority(key string) int {
	if e := c.Find(key); e != nil {
		return e.Version.Definition.Priority
	}
	return 0
}

// Limited lists the workflows with a concurrency limit.
func (c *Catalog) Limited() []string {
	var keys []string
	if c != nil {
		for key, e := range c.entries {
			if e.Version.Definition.Concurrency.Limit > 0 {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// Len counts the known workflows.
func (c *Catalog) Len() int {
	if c == nil {
		return 0
	}
	return len(c.entries)
}
