package trigger

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// ticksPerDate is how many times of one date are made up for at once.
const ticksPerDate = 100

// runDates starts what is due by the dates of records. Records are read outside
// of the transaction that starts them; it looks only at those that were found.
func (r *scheduleRun) runDates(ctx context.Context, settled bool) (time.Time, error) {
	if settled {
		r.look.From = time.Time{}
	}
	if err := r.findCollection(); err != nil {
		return time.Time{}, err
	}
	app, schedules, on := r.trigger.app, r.trigger.config.Schedules, r.on()
	unseen, err := schedules.UnseenDates(app, r.key, on, r.from(), r.stored(r.look.Now), schedulePage)
	if err != nil {
		return time.Time{}, err
	}
	repeated, err := schedules.RepeatedDates(app, r.key, on, formatMoment(r.look.Now), schedulePage)
	if err != nil {
		return time.Time{}, err
	}
	found := append(unseen, repeated...)
	if len(found) > 0 {
		f := newFiring(r)
		again, err := f.commit(ctx, func(state *workflow.ScheduleState) (time.Time, error) { return time.Time{}, f.fire(state, found) })
		if err != nil || !again.IsZero() {
			return again, err
		}
		if len(unseen) == schedulePage || len(repeated) > 0 {
			return r.look.Now, nil // there may be more
		}
	}
	return r.await(ctx)
}

// findCollection makes on name the collection, which the file may call by its id.
func (r *scheduleRun) findCollection() error {
	c, err := r.trigger.app.FindCachedCollectionByNameOrId(r.on().Collection)
	if err != nil {
		return fmt.Errorf("find collection %q: %w", r.on().Collection, err)
	}
	r.collection = c.Name
	return nil
}

// from is the first stored date that may be due and was not looked at. Of dates
// that come again even the oldest may be.
func (r *scheduleRun) from() string {
	if r.on().Repeat != 0 {
		if r.look.From.IsZero() {
			return ""
		}
		return r.stored(r.look.From)
	}
	from := workflow.Later(r.look.Now.Add(-r.on().Window()), r.state.Since.Add(time.Millisecond))
	return r.stored(workflow.Later(from, r.look.From))
}

// stored is the date of a record that is due at t.
func (r *scheduleRun) stored(t time.Time) string {
	return formatMoment(t.Add(-time.Duration(r.on().Offset)))
}

// fire starts the executions of due dates and remembers that these were looked
// at, whether their records satisfy the condition or not.
func (f *firing) fire(state *workflow.ScheduleState, found []workflow.DatedRecord) error {
	schedules := f.trigger.config.Schedules
	valid, old, err := schedules.CheckDates(f.tx, f.key, f.on(), found)
	if err != nil {
		return err
	}
	if len(old) > 0 {
		if err := schedules.DropDates(f.tx, f.key, old); err != nil {
			return err
		}
	}
	ticks := make([][]workflow.Tick, len(valid))
	var ids []any
	for i := range valid {
		if ticks[i] = f.dueOf(state, &valid[i]); len(ticks[i]) > 0 {
			ids = append(ids, valid[i].ID)
		}
	}
	records, err := f.records(ids)
	if err != nil {
		return err
	}
	for i, d := range valid {
		for _, tick := range ticks[i] {
			record := records[d.ID]
			if record == nil {
				break // the condition is false
			}
			date, _ := types.ParseDateTime(d.Value)
			if err := f.start(tick, f.on().GridOf(date.Time()).Number(tick.At), record); err != nil {
				return err
			}
		}
	}
	if err := f.flush(); err != nil {
		return err
	}
	return schedules.MarkDates(f.tx, f.key, valid)
}

// dueOf are the times of a date that are to run now; it sets when it comes again.
func (f *firing) dueOf(state *workflow.ScheduleState, d *workflow.DatedRecord) []workflow.Tick {
	date, err := types.ParseDateTime(d.Value)
	if err != nil || date.IsZero() { // written past PocketBase: it never comes
		d.Next = ""
		return nil
	}
	after := state.Since
	if next, _ := types.ParseDateTime(d.Next); !next.IsZero() {
		after = workflow.Later(after, next.Time().Add(-time.Millisecond))
	}
	times := f.on().TimesOf(date.Time())
	ticks := f.on().Due(times, after, f.look.Now, ticksPerDate)
	looked := f.look.Now
	if len(ticks) == ticksPerDate {
		looked = ticks[len(ticks)-1].At
	}
	d.Next = ""
	if f.on().Repeat != 0 {
		d.Next = formatMoment(times.Next(looked))
	}
	return ticks
}

// records reads those of the records that satisfy the condition.
func (f *firing) records(ids []any) (map[string]*core.Record, error) {
	out := map[string]*core.Record{}
	if len(ids) == 0 {
		return out, nil
	}
	collection, err := f.tx.FindCachedCollectionByNameOrId(f.on().Collection)
	if err != nil {
		return nil, fmt.Errorf("find collection %q: %w", f.on().Collection, err)
	}
	query := f.tx.RecordQuery(collection).AndWhere(dbx.In(collection.Name+".id", ids...))
	if f.on().Condition != "" {
		info := &core.RequestInfo{Context: core.RequestInfoContextDefault}
		resolver := core.NewRecordFieldResolver(f.tx, collection, info, true)
		expr, err := search.FilterData(f.on().Condition).BuildExpr(resolver)
		if err != nil {
			return nil, fmt.Errorf("condition: %w", err)
		}
		query.AndWhere(expr)
		if err := resolver.UpdateQuery(query); err != nil {
			return nil, fmt.Errorf("condition: %w", err)
		}
	}
	var records []*core.Record
	if err := query.All(&records); err != nil {
		return nil, fmt.Errorf("read due records: %w", err)
	}
	for _, record := range records {
		out[record.Id] = record
	}
	return out, nil
}

// await finds out when the next date is due, stores that when it is another one
// than before, and forgets dates that are too old to be looked at again.
func (r *scheduleRun) await(ctx context.Context) (time.Time, error) {
	var next time.Time
	coming, err := r.comingDates(1)
	if err != nil {
		return next, err
	}
	if len(coming) > 0 {
		next = coming[0]
	}
	if next.Equal(r.state.Next) && !r.look.Began {
		return next, nil
	}
	f := newFiring(r)
	return f.commit(ctx, func(state *workflow.ScheduleState) (time.Time, error) {
		state.Next = next
		if r.on().Repeat != 0 {
			return next, nil // what has come to its end must not begin again
		}
		return next, r.trigger.config.Schedules.ForgetDates(f.tx, r.key, r.stored(r.look.Now.Add(-r.on().Window())))
	})
}

// formatMoment is how PocketBase stores a date; "" for none.
func formatMoment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(types.DefaultDateLayout)
}
