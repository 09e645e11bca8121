package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// sleep is ctx.step.sleep(name, duration).
func (x *run) sleep(call goja.FunctionCall) goja.Value {
	name := x.stepName("sleep", call)
	x.mayWait("sleep", name)
	d, err := workflow.ParseDuration(call.Argument(1).Export())
	if err != nil {
		x.throw("ctx.step.sleep(%q): %w", name, err)
	}
	return x.sleepStep(name, workflow.StepSleep, x.journal.Now().Add(d), map[string]any{"duration": d.Milliseconds()})
}

// sleepUntil is ctx.step.sleepUntil(name, date).
func (x *run) sleepUntil(call goja.FunctionCall) goja.Value {
	name := x.stepName("sleepUntil", call)
	x.mayWait("sleepUntil", name)
	at, err := PointInTime(call.Argument(1))
	if err != nil {
		x.throw("ctx.step.sleepUntil(%q): %w", name, err)
	}
	return x.sleepStep(name, workflow.StepSleepUntil, at, map[string]any{"until": at.UTC().Format(types.DefaultDateLayout)})
}

func (x *run) sleepStep(name string, kind workflow.StepKind, at time.Time, options map[string]any) goja.Value {
	step, err := x.journal.Begin(name, kind, encode(options))
	if err != nil {
		return x.halt(err)
	}
	if step.Status.Final() {
		return goja.Undefined()
	}
	if step.Status != workflow.StatusWaiting {
		step.WakeAt = at
	}
	if !x.due(step) {
		return x.park(step, workflow.Park{WakeAt: step.WakeAt})
	}
	x.complete(step, nil)
	return goja.Undefined()
}

// PointInTime reads a Date, a PocketBase DateTime, a date as text, or
// milliseconds since 1970.
func PointInTime(v goja.Value) (time.Time, error) {
	switch d := v.Export().(type) {
	case time.Time:
		if !d.IsZero() {
			return d, nil
		}
	case types.DateTime:
		if !d.IsZero() {
			return d.Time(), nil
		}
	case int64:
		if t := time.UnixMilli(d); inCalendar(t) {
			return t, nil
		}
	case float64: // NaN is less than nothing
		if t := time.UnixMilli(int64(d)); d > -1e15 && d < 1e15 && inCalendar(t) {
			return t, nil
		}
	case string:
		if t, err := types.ParseDateTime(d); err == nil && !t.IsZero() {
			return t.Time(), nil
		}
	}
	return time.Time{}, fmt.Errorf("expected a Date, a DateTime, a date as text or milliseconds since 1970, got %s", show(v))
}

// inCalendar reports whether a date can be stored: with a year of four digits.
func inCalendar(t time.Time) bool { return t.UTC().Year() >= 0 && t.UTC().Year() <= 9999 }

func encode(v any) json.RawMessage {
	raw, _ := json.Marshal(v) // strings, numbers and lists of them
	return raw
}

// waitOptions are the options of waitForEvent.
type waitOptions struct {
	event   string
	filter  string
	timeout time.Duration
	timed   bool // a time-out was given
}

// waitForEvent is ctx.step.waitForEvent(name, {event, timeout, if}): the event's
// payload, or null when the time is over.
func (x *run) waitForEvent(call goja.FunctionCall) goja.Value {
	name := x.stepName("waitForEvent", call)
	x.mayWait("waitForEvent", name)
	options, err := x.readWaitOptions(name, call.Argument(1))
	if err != nil {
		x.throw("ctx.step.waitForEvent(%q): %w", name, err)
	}
	step, err := x.journal.Begin(name, workflow.StepWaitForEvent, encode(map[string]any{
		"event": options.event, "if": options.filter, "timeout": options.timeout.Milliseconds(),
	}))
	if err != nil {
		return x.halt(err)
	}
	if step.Status.Final() {
		return x.replay(step, false)
	}
	step.Ref = options.event
	if step.Status != workflow.StatusWaiting && options.timed {
		step.WakeAt = x.journal.Now().Add(options.timeout)
	}
	found, last := false, ""
	err = x.clock.waiting(func() (err error) {
		found, last, err = x.journal.Event(x.ctx, step, options.event, func(payload []byte) (bool, error) {
			if options.filter == "" {
				return true, nil
			}
			return x.runner.config.MatchEvent(x.ctx, options.filter, payload)
		})
		return err
	})
	switch {
	case err != nil:
		return x.halt(err)
	case found:
		return x.replay(step, false)
	case x.due(step):
		x.complete(step, json.RawMessage("null"))
		return goja.Null()
	default:
		return x.park(step, workflow.Park{WakeAt: step.WakeAt, Events: []workflow.Awaited{{Name: options.event, After: last}}})
	}
}

func (x *run) readWaitOptions(name string, v goja.Value) (waitOptions, error) {
	options := waitOptions{event: name}
	if goja.IsUndefined(v) {
		return options, checkEventName(name)
	}
	o, wrong := object(x.vm, "options", v, []string{"event", "timeout", "if"})
	if wrong != nil {
		return options, fmt.Errorf("%s %s", wrong.option, wrong.message)
	}
	for path, dst := range map[string]*string{"event": &options.event, "if": &options.filter} {
		if wrong := str(o, path, dst); wrong != nil {
			return options, fmt.Errorf("%s: %s", wrong.option, wrong.message)
		}
	}
	if err := checkEventName(options.event); err != nil {
		return options, err
	}
	if t, ok := o["timeout"]; ok {
		var err error
		options.timed = true
		if options.timeout, err = workflow.ParseDuration(t.Export()); err != nil {
			return options, fmt.Errorf("timeout: %w", err)
		}
	}
	if options.filter != "" {
		if _, err := x.runner.config.MatchEvent(x.ctx, options.filter, nil); err != nil {
			return options, fmt.Errorf("if: %w", err)
		}
	}
	return options, nil
}

func checkEventName(event string) error {
	if !workflow.ValidEventName(event) {
		return fmt.Errorf("event: expected a name of 1 to %d characters without / and control characters, got %q", workflow.MaxEventName, event)
	}
	return nil
}

// eventURL is ctx.step.eventUrl(event, {expires}): a URL by which an outside
// system without an account can send the event once. The journal keeps what the
// URL is for, not the URL.
func (x *run) eventURL(call goja.FunctionCall) goja.Value {
	event, _ := call.Argument(0).Export().(string)
	x.mayStep("eventUrl", event)
	x.mayWait("eventUrl", event)
	if err := checkEventName(event); err != nil {
		x.throw("ctx.step.eventUrl(event, options): %w", err)
	}
	var lasts time.Duration
	if v := call.Argument(1); !goja.IsUndefined(v) {
		o, wrong := object(x.vm, "options", v, []string{"expires"})
		if wrong != nil {
			x.throw("ctx.step.eventUrl(%q): %s %s", event, wrong.option, wrong.message)
		}
		if e, ok := o["expires"]; ok {
			var err error
			if lasts, err = workflow.ParseDuration(e.Export()); err != nil || lasts == 0 {
				x.throw("ctx.step.eventUrl(%q): expires: expected a duration over 0, got %s", event, show(e))
			}
		}
	}
	step, err := x.journal.Begin("eventUrl "+event, workflow.StepEventURL, encode(map[string]any{"event": event, "expires": lasts.Milliseconds()}))
	if err != nil {
		return x.halt(err)
	}
	if !step.Status.Final() {
		var until any
		if lasts > 0 {
			until = x.journal.Now().Add(lasts).UTC().Format(time.RFC3339Nano)
		}
		x.complete(step, encode(until))
		if x.halted {
			return goja.Undefined()
		}
	}
	var until string
	var expires time.Time
	if json.Unmarshal(step.Result, &until) == nil && until != "" {
		if expires, err = time.Parse(time.RFC3339Nano, until); err != nil {
			return x.halt(errors.New("the recorded expiry of an event URL can't be read"))
		}
	}
	return x.vm.ToValue(x.runner.config.EventURL(x.execution, step, event, expires))
}
