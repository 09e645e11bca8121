package trigger

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// checkPath follows a path over the schema only: is it one, and does it lead to
// the collection that a workflow is for?
func checkPath(app core.App, from *core.Collection, path, collection string) workflow.SkipReason {
	at := from
	if path != "" {
		for hop := range strings.SplitSeq(path, ".") {
			f, ok := at.Fields.GetByName(hop).(*core.RelationField)
			if !ok || f.GetHidden() {
				return workflow.SkipUnknownPath
			}
			next, err := app.FindCachedCollectionByNameOrId(f.CollectionId)
			if err != nil {
				return workflow.SkipUnknownPath
			}
			at = next
		}
	}
	if at.Name != collection && at.Id != collection {
		return workflow.SkipCollectionMismatch
	}
	return ""
}

// follow finds the records at the end of a path that the caller may view.
func follow(app core.App, record *core.Record, path string, info *core.RequestInfo) ([]*core.Record, workflow.SkipReason, error) {
	at := []*core.Record{record}
	for hop := range strings.SplitSeq(path, ".") {
		var ids []string
		seen := map[string]bool{}
		f, ok := at[0].Collection().Fields.GetByName(hop).(*core.RelationField)
		if !ok {
			return nil, workflow.SkipUnknownPath, nil
		}
		for _, r := range at {
			for _, id := range r.GetStringSlice(hop) {
				if !seen[id] {
					seen[id] = true
					ids = append(ids, id)
				}
			}
		}
		found, err := app.FindRecordsByIds(f.CollectionId, ids)
		if err != nil {
			return nil, "", err
		}
		byID := make(map[string]*core.Record, len(found))
		for _, r := range found {
			byID[r.Id] = r
		}
		next := make([]*core.Record, 0, len(found))
		for _, id := range ids { // the order of the field
			if r := byID[id]; r != nil {
				next = append(next, r)
			}
		}
		if len(next) == 0 {
			return nil, workflow.SkipNoRelatedRecord, nil
		}
		at = next
	}
	visible := at[:0:0]
	for _, r := range at {
		ok, err := app.CanAccessRecord(r, info, r.Collection().ViewRule)
		if err != nil {
			return nil, "", err
		}
		if ok {
			visible = append(visible, r)
		}
	}
	switch {
	case len(visible) == 0:
		return nil, workflow.SkipNoRelatedRecord, nil
	case len(visible) > maxTargets:
		return nil, workflow.SkipTooManyTargets, nil
	default:
		return visible, "", nil
	}
}
