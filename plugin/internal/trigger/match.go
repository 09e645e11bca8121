package trigger

import (
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// candidate is a workflow that a request may start, before targets are known.
type candidate struct {
	ref   Ref
	entry *workflow.Entry
	// named is false for a global workflow.
	named bool
	skip  workflow.SkipReason
}

func (c *candidate) definition() *workflow.Definition { return &c.entry.Version.Definition }

// match decides what the catalog alone can decide, named entries first in their
// order, then the globals.
func match(catalog *workflow.Catalog, refs []Ref, collection string, action workflow.Action) []*candidate {
	out := make([]*candidate, 0, len(refs))
	for _, ref := range refs {
		c := &candidate{ref: ref, entry: catalog.Find(ref.Key), named: true}
		c.skip = skipReason(c, action)
		out = append(out, c)
	}
	for _, e := range catalog.Globals(collection, action) {
		out = append(out, &candidate{ref: Ref{Key: e.Version.Workflow}, entry: e})
	}
	return out
}

// before reports whether the workflow is to run before the write.
func (c *candidate) before() bool {
	return c.skip == "" && c.definition().On.Type == workflow.TriggerBefore
}

func skipReason(c *candidate, action workflow.Action) workflow.SkipReason {
	if reason := notUsable(c); reason != "" {
		return reason
	}
	on := c.definition().On
	switch {
	case !on.Type.OfWrites(), on.Type == workflow.TriggerBefore && c.ref.Path != "":
		return workflow.SkipWrongTrigger
	case on.Global:
		return workflow.SkipNotLocal
	case !on.Listens(action):
		return workflow.SkipActionMismatch
	default:
		return ""
	}
}

// notUsable is why an entry can't start anything, whatever is asked of it.
func notUsable(c *candidate) workflow.SkipReason {
	switch {
	case c.ref.Repeated:
		return workflow.SkipDuplicate
	case c.entry == nil || c.entry.Missing:
		return workflow.SkipUnknown
	case !c.entry.Usable():
		return workflow.SkipInvalid
	case !c.entry.Enabled:
		return workflow.SkipDisabled
	default:
		return ""
	}
}
