package plugin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/api"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Run starts a workflow on behalf of a superuser, as $workflows.trigger does.
func (s service) Run(_ context.Context, key string, r workflow.RunRequest) (string, error) {
	app := s.plugin.app
	target, options, err := s.runTarget(app, key, r)
	if err != nil {
		return "", err
	}
	id, err := s.plugin.trigger.Start(app, key, target, options) //nolint:contextcheck // what is started outlives the request
	return id, notStarted(err)
}

// notStarted makes the reason why a workflow did not start the caller's to deal with.
func notStarted(err error) error {
	if errors.Is(err, trigger.ErrNotStarted) {
		return fmt.Errorf("%w: %s", api.ErrRefused, strings.TrimPrefix(err.Error(), trigger.ErrNotStarted.Error()+": "))
	}
	return err
}

// runTarget finds what a request names.
func (s service) runTarget(app core.App, key string, r workflow.RunRequest) (target any, options trigger.StartOptions, err error) {
	entry := s.plugin.definitions.current().Find(key)
	if entry == nil || entry.Missing {
		return nil, options, fmt.Errorf("find workflow %q: %w", key, sql.ErrNoRows)
	}
	options.RoleName = r.RoleName
	if options.User, err = userOf(app, r.User); err != nil {
		return nil, options, err
	}
	if r.Record == "" {
		if len(r.Data) == 0 {
			return nil, options, nil
		}
		return r.Data, options, nil
	}
	on := entry.Version.Definition.On
	if on.Collection == "" {
		return nil, options, fmt.Errorf(`%w: workflow %q is not for records of a collection: use "data"`, api.ErrRefused, key)
	}
	record, err := app.FindRecordById(on.Collection, r.Record)
	if err != nil {
		return nil, options, fmt.Errorf("%w: there is no record %q in %q", api.ErrRefused, r.Record, on.Collection)
	}
	if on.Type == workflow.TriggerManual && on.StartsWith() == workflow.ContextRecords {
		return []*core.Record{record}, options, nil
	}
	return record, options, nil
}

// userOf finds an auth record by "collection/id", or by its id in any collection;
// nil for "".
func userOf(app core.App, user string) (*core.Record, error) {
	if user == "" {
		return nil, nil
	}
	collection, id, named := strings.Cut(user, "/")
	if !named {
		collection, id = "", user
	}
	collections, err := app.FindAllCollections(core.CollectionTypeAuth)
	if err != nil {
		return nil, fmt.Errorf("find the collections of users: %w", err)
	}
	for _, c := range collections {
		if named && c.Name != collection && c.Id != collection {
			continue
		}
		record, err := app.FindRecordById(c, id)
		if err == nil {
			return record, nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("find user %q: %w", user, err)
		}
	}
	return nil, fmt.Errorf("%w: there is no user %q", api.ErrRefused, user)
}
