package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/picker"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// subscription is one topic of one client that a change concerns.
type subscription struct {
	client subscriptions.Client
	topic  string
	rule   *string
	info   *core.RequestInfo
}

// broadcast sends a change as PocketBase itself sends the changes of records
// that were saved through the app: same topics, rules, options and shape.
func (b *broadcaster) broadcast(c change) error {
	collection, err := b.app.FindCachedCollectionByNameOrId(c.collection)
	if err != nil {
		return fmt.Errorf("find collection: %w", err)
	}
	subs := b.subscriptions(collection, c.id)
	if len(subs) == 0 {
		return nil
	}
	record, err := b.app.FindRecordById(collection, c.id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // deleted since, and PocketBase has told so
	}
	if err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	var errs []error
	for _, sub := range subs {
		if !b.canAccess(record, sub) {
			continue
		}
		data, err := b.message(c.action, record, sub)
		if err != nil {
			errs = append(errs, fmt.Errorf("topic %q: %w", sub.topic, err))
			continue
		}
		b.outbox.send(sub.client, subscriptions.Message{Name: sub.topic, Data: data})
	}
	return errors.Join(errs...)
}

// subscriptions finds who listens to a record.
func (b *broadcaster) subscriptions(collection *core.Collection, id string) []subscription {
	single := []string{collection.Name + "/" + id + "?", collection.Id + "/" + id + "?"}
	all := []string{
		collection.Name + "/*?", collection.Id + "/*?",
		collection.Name + "?", collection.Id + "?", // PocketBase's older form of the same topic
	}
	var subs []subscription
	add := func(client subscriptions.Client, rule *string, prefixes []string) {
		for topic, options := range client.Subscriptions(prefixes...) {
			auth, _ := client.Get(apis.RealtimeClientAuthKey).(*core.Record)
			subs = append(subs, subscription{client, topic, rule, &core.RequestInfo{
				Context: core.RequestInfoContextRealtime,
				Method:  "GET",
				Query:   options.Query,
				Headers: options.Headers,
				Auth:    auth,
			}})
		}
	}
	for _, client := range b.app.SubscriptionsBroker().Clients() {
		add(client, collection.ViewRule, single)
		add(client, collection.ListRule, all)
	}
	return subs
}

// canAccess checks the collection's rule and the subscription's own filter.
func (b *broadcaster) canAccess(record *core.Record, sub subscription) bool {
	if ok, _ := b.app.CanAccessRecord(record, sub.info, sub.rule); !ok {
		return false
	}
	filter := sub.info.Query[search.FilterQueryParam]
	if filter == "" {
		return true
	}
	if !sub.info.HasSuperuserAuth() && (strings.Contains(filter, "@collection.") || strings.Contains(filter, "@request.")) {
		return false
	}
	name := record.Collection().Name
	query := b.app.ConcurrentDB().Select("(1)").From(name).AndWhere(dbx.HashExp{name + ".id": record.Id})
	resolver := core.NewRecordFieldResolver(b.app, record.Collection(), sub.info, sub.info.HasSuperuserAuth())
	expr, err := search.FilterData(filter).BuildExpr(resolver)
	if err != nil {
		return false
	}
	if err := resolver.UpdateQuery(query.AndWhere(expr)); err != nil {
		return false
	}
	var exists int
	return query.Limit(1).Row(&exists) == nil && exists > 0
}

// message is the record as this subscriber may see it.
func (b *broadcaster) message(action string, record *core.Record, sub subscription) ([]byte, error) {
	clean := record.Fresh()
	if sub.info.HasSuperuserAuth() {
		clean.Unhide(record.Collection().Fields.FieldNames()...)
	}
	event := new(core.RecordEnrichEvent)
	event.App, event.RequestInfo, event.Record = b.app, sub.info, clean
	err := b.app.OnRecordEnrich().Trigger(event, func(e *core.RecordEnrichEvent) error {
		if expand := sub.info.Query["expand"]; expand != "" {
			b.app.ExpandRecord(clean, strings.Split(expand, ","), b.expandFetch(sub.info)) // what can't be expanded stays out
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("enrich: %w", err)
	}
	var shown any = clean
	if fields := sub.info.Query["fields"]; fields != "" {
		if picked, err := picker.Pick(clean, fields); err == nil {
			shown = picked
		}
	}
	return json.Marshal(map[string]any{"action": action, "record": shown})
}

// expandFetch loads related records as far as the subscriber may view them.
func (b *broadcaster) expandFetch(info *core.RequestInfo) core.ExpandFetchFunc {
	expandInfo := *info
	expandInfo.Context = core.RequestInfoContextExpand
	return func(collection *core.Collection, ids []string) ([]*core.Record, error) {
		records, err := b.app.FindRecordsByIds(collection.Id, ids, func(q *dbx.SelectQuery) error {
			return viewable(b.app, collection, &expandInfo, q)
		})
		if err != nil {
			return nil, err
		}
		for _, record := range records {
			event := new(core.RecordEnrichEvent)
			event.App, event.RequestInfo, event.Record = b.app, &expandInfo, record
			err := b.app.OnRecordEnrich().Trigger(event, func(e *core.RecordEnrichEvent) error {
				if expandInfo.HasSuperuserAuth() {
					e.Record.Unhide(collection.Fields.FieldNames()...)
					e.Record.IgnoreEmailVisibility(true)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
		return records, nil
	}
}

// viewable limits q to what the view rule lets info see.
func viewable(app core.App, collection *core.Collection, info *core.RequestInfo, q *dbx.SelectQuery) error {
	if info.HasSuperuserAuth() {
		return nil
	}
	if collection.ViewRule == nil {
		return fmt.Errorf("only superusers can view collection %q records", collection.Name)
	}
	if *collection.ViewRule == "" {
		return nil
	}
	resolver := core.NewRecordFieldResolver(app, collection, info, true)
	expr, err := search.FilterData(*collection.ViewRule).BuildExpr(resolver)
	if err != nil {
		return err
	}
	return resolver.UpdateQuery(q.AndWhere(expr))
}
