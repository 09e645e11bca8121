package plugin

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func (p *Plugin) newSchedules() *schedules {
	return newSchedules(schedulesConfig{
		run:    p.trigger.RunSchedule,
		keys:   p.scheduleKeys,
		now:    func() time.Time { return p.clock() },
		logger: p.app.Logger,
	})
}

// scheduleKeys lists the workflows with a schedule and those that are stored as
// having one.
func (p *Plugin) scheduleKeys(ctx context.Context) ([]string, error) {
	keys, err := p.store.Awaited(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range p.definitions.current().Scheduled() {
		if key := e.Version.Workflow; !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// dateWatch tells the schedules which records' dates move.
type dateWatch struct {
	// fields are the schedules of a collection, by its name and by its id.
	fields atomic.Pointer[map[string][]dateField]
	moved  func(key string, old, due time.Time)
}

type dateField struct {
	key, field string
	offset     time.Duration
	repeats    bool
}

// follow takes up the schedules of a catalog.
func (w *dateWatch) follow(catalog *workflow.Catalog) {
	fields := map[string][]dateField{}
	for _, e := range catalog.Scheduled() {
		on := e.Version.Definition.On
		if on.Field != "" && e.Enabled && e.Usable() {
			fields[on.Collection] = append(fields[on.Collection], dateField{
				key: e.Version.Workflow, field: on.Field, offset: time.Duration(on.Offset), repeats: on.Repeat != 0,
			})
		}
	}
	if len(fields) == 0 {
		w.fields.Store(nil)
		return
	}
	w.fields.Store(&fields)
}

// bind follows every record that is saved or deleted through app, once that has
// committed.
func (w *dateWatch) bind(app core.App) {
	on := func(deleted bool) *hook.Handler[*core.RecordEvent] {
		return &hook.Handler[*core.RecordEvent]{Id: hookID + "Dates", Func: func(e *core.RecordEvent) error {
			if fields := w.fields.Load(); fields != nil {
				w.look(*fields, e.Record, deleted)
			}
			return e.Next()
		}}
	}
	app.OnRecordAfterCreateSuccess().Bind(on(false))
	app.OnRecordAfterUpdateSuccess().Bind(on(false))
	app.OnRecordAfterDeleteSuccess().Bind(on(true))
}

func (w *dateWatch) look(fields map[string][]dateField, record *core.Record, deleted bool) {
	c := record.Collection()
	watched := fields[c.Name]
	if c.Id != c.Name {
		watched = append(slices.Clip(watched), fields[c.Id]...)
	}
	for _, f := range watched {
		old, date := record.Original().GetDateTime(f.field), record.GetDateTime(f.field)
		if deleted {
			w.moved(f.key, due(date.Time(), f.offset), time.Time{})
			continue
		}
		if f.repeats && old.Equal(date) && date.Time().Before(time.Now()) {
			continue // it comes again as before
		}
		w.moved(f.key, due(old.Time(), f.offset), due(date.Time(), f.offset))
	}
}

func due(date time.Time, offset time.Duration) time.Time {
	if date.IsZero() {
		return date
	}
	return date.Add(offset)
}

// forget follows the deletion of a workflow: nobody asks for its dates again.
func (p *Plugin) forget(e *core.RecordEvent) error {
	if err := p.store.ForgetDates(e.App, e.Record.GetString("key"), ""); err != nil {
		e.App.Logger().Warn("The dates of a deleted workflow stay", "workflow", e.Record.GetString("key"), "error", err)
	}
	return e.Next()
}

// moved is told of a record's date.
func (p *Plugin) moved(key string, old, due time.Time) {
	if p.owner.Owns() {
		p.schedules.Moved(key, old, due)
		return
	}
	p.executions.ring()
}

// nextTimes is how many times the route of a schedule shows.
const nextTimes = 5

// Schedule shows when a workflow runs; nil for one without a schedule.
func (s service) Schedule(key string) (*workflow.ScheduleView, error) {
	return s.plugin.trigger.Schedule(key, s.plugin.clock(), nextTimes)
}
