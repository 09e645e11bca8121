package trigger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// momentLayout is how scripts get times.
const momentLayout = "2006-01-02T15:04:05.000Z07:00"

// firing starts executions of one schedule in one transaction.
type firing struct {
	*scheduleRun
	tx    core.App
	state *workflow.ScheduleState
	// pending are to be stored together, started are stored.
	pending, started []*workflow.Execution
	after            []func()
}

func newFiring(r *scheduleRun) *firing { return &firing{scheduleRun: r} }

// commit calls fn in a transaction that stores the state after it, and hands what
// was started to the engine. A schedule that has become another one meanwhile is
// left alone.
func (f *firing) commit(ctx context.Context, fn func(state *workflow.ScheduleState) (time.Time, error)) (next time.Time, err error) {
	config := f.trigger.config
	err = config.Executions.Atomic(ctx, func(tx core.App) error {
		state, err := config.Schedules.Schedule(tx, f.key)
		if err != nil {
			return err
		}
		if !state.Active || state.Fingerprint != f.scheduleRun.state.Fingerprint {
			next = f.look.Now
			return nil
		}
		f.tx, f.state = tx, &state
		if next, err = fn(&state); err != nil {
			return err
		}
		return config.Schedules.SaveSchedule(tx, f.key, state)
	})
	if err != nil {
		return time.Time{}, err
	}
	for _, after := range f.after {
		after()
	}
	if len(f.started) > 0 {
		config.Executions.Start(f.started...)
	}
	return next, nil
}

// start makes the execution of a tick, for a record or none. Run is its number.
func (f *firing) start(tick workflow.Tick, run int, record *core.Record) error {
	def := &f.entry.Version.Definition
	params, err := json.Marshal(workflow.ScheduleParams{
		ScheduledAt: tick.At.UTC().Format(momentLayout), FiredAt: f.look.Now.Format(momentLayout), Run: run, Missed: tick.Missed,
	})
	if err != nil {
		return fmt.Errorf("encode the params of a schedule: %w", err)
	}
	e := &workflow.Execution{
		ID: f.trigger.config.NewID(), Workflow: def.Key, Version: f.entry.Version.Number, Status: workflow.StatusQueued,
		Mode:  workflow.ModeAsync,
		Cause: workflow.Cause{Type: workflow.TriggerSchedule},
		Input: workflow.Input{Data: json.RawMessage("null"), Params: params},
	}
	if record != nil {
		name := record.Collection().Name
		e.Cause.Collection, e.Cause.Record, e.Input.Collection = name, record.Id, name
		if e.Input.Data, err = export(f.tx, record, def.On.Expand); err != nil {
			return err
		}
	}
	stays, err := f.mayStart(def, e)
	if err != nil || stays {
		return err
	}
	f.state.Runs++
	f.state.Last = &workflow.ScheduledRun{ScheduledAt: tick.At.UTC(), FiredAt: f.look.Now, Run: run, Execution: e.ID}
	f.pending = append(f.pending, e)
	return nil
}

// mayStart applies the options overlap and dedup; skip is true where an earlier
// execution stays.
func (f *firing) mayStart(def *workflow.Definition, e *workflow.Execution) (skip bool, err error) {
	if def.On.Overlap == workflow.OverlapAllow && def.Dedup.Key == "" {
		return false, nil
	}
	if err := f.flush(); err != nil { // those before count too
		return false, err
	}
	var earlier string
	var after func()
	if def.On.Overlap == workflow.OverlapAllow {
		earlier, after, err = f.trigger.dedup(f.tx, def, e)
	} else {
		earlier, after, err = f.overlap(def, e)
	}
	if after != nil {
		f.after = append(f.after, after)
	}
	return earlier != "", err
}

// overlap finds an earlier execution by a dedup key: the record, or the schedule
// as a whole.
func (f *firing) overlap(def *workflow.Definition, e *workflow.Execution) (earlier string, after func(), err error) {
	if e.DedupKey = "schedule"; e.Cause.Record != "" {
		e.DedupKey = e.Cause.Record
	}
	duplicates := f.trigger.config.Duplicates
	earlier, err = duplicates.Active(f.tx, def.Key, e.DedupKey)
	if err != nil || earlier == "" || def.On.Overlap == workflow.OverlapSkip {
		return earlier, nil, err
	}
	after, err = duplicates.Replace(f.tx, earlier)
	return "", after, err
}

// flush stores what is pending.
func (f *firing) flush() error {
	if len(f.pending) == 0 {
		return nil
	}
	if err := f.trigger.config.Executions.Insert(f.tx, f.pending...); err != nil {
		return err
	}
	f.started, f.pending = append(f.started, f.pending...), nil
	return nil
}
