package store

import (
	"context"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/search"
)

// eventFields are what a filter over an event may name: the payload, and what is
// in it.
var eventFields = []string{`^event(\.\w+)+$`}

// eventResolver resolves the payload itself as what it is: as a column it would
// be JSON text, a string in quotes.
type eventResolver struct{ *search.SimpleFieldResolver }

// Resolve is search.FieldResolver's.
func (r eventResolver) Resolve(field string) (*search.ResolverResult, error) {
	if field == "event" {
		return &search.ResolverResult{Identifier: "JSON_EXTRACT([[event]], '$')", NullFallback: search.NullFallbackDisabled}, nil
	}
	return r.SimpleFieldResolver.Resolve(field)
}

// MatchEvent reports whether a payload satisfies a filter in PocketBase's filter
// language over event.* ("event.amount > 10 && event.state = 'paid'"). With a nil
// payload it only checks the filter, whose error says what is wrong.
func (s *Store) MatchEvent(ctx context.Context, filter string, payload []byte) (bool, error) {
	expr, err := search.FilterData(filter).BuildExpr(eventResolver{search.NewSimpleFieldResolver(eventFields...)})
	if err != nil {
		return false, fmt.Errorf("the filter %q can't be used: %w", filter, err)
	}
	if payload == nil {
		return true, nil
	}
	var found []int
	err = s.app.ConcurrentDB().Select("(1)").
		PreFragment("WITH {{_event}} AS (SELECT {:payload} AS [[event]])").From("_event").
		AndBind(dbx.Params{"payload": string(payload)}).AndWhere(expr).Limit(1).
		WithContext(ctx).Column(&found)
	if err != nil {
		return false, fmt.Errorf("evaluate the filter %q: %w", filter, err)
	}
	return len(found) > 0, nil
}
