package script

import (
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/calendar"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// minInterval is the shortest distance of two runs.
const minInterval = time.Second

// The forms of a schedule, each with the options that it alone may have.
var scheduleForms = map[string][]string{
	"cron":     {"timezone", "start", "end", "limit"},
	"interval": {"start", "end", "limit"},
	"field":    {"collection", "offset", "repeat", "condition", "expand", "end", "limit"},
}

// onSchedule is { type: "schedule", … }: at times of the clock, or of the dates of
// records.
var onSchedule = triggerKind{
	options: []string{
		"cron", "timezone", "interval", "start", "end", "limit",
		"collection", "field", "offset", "repeat", "condition", "expand",
		"catchUp", "catchUpWindow", "overlap",
	},
	modes: []workflow.Mode{workflow.ModeAsync},
	read: func(_ *goja.Runtime, o map[string]goja.Value, on *workflow.Trigger) *optionError {
		s := &workflow.Schedule{CatchUp: workflow.CatchUpOnce, Overlap: workflow.OverlapAllow}
		on.Schedule = s
		form, err := scheduleForm(o)
		if err != nil {
			return err
		}
		readers := []func() *optionError{
			func() *optionError { return readForm(form, o, on) },
			func() *optionError { return moment(o, "on.start", &s.Start) },
			func() *optionError { return moment(o, "on.end", &s.End) },
			func() *optionError { return readLimitOfRuns(o, s) },
			func() *optionError { return readCatchUp(o, s) },
			func() *optionError { return choice(o, "on.overlap", workflow.Overlaps, &s.Overlap) },
		}
		for _, read := range readers {
			if err := read(); err != nil {
				return err
			}
		}
		return inOrder(s)
	},
}

// scheduleForm is which of the three forms the options are, without options of
// another one.
func scheduleForm(o map[string]goja.Value) (string, *optionError) {
	var forms []string
	for _, name := range []string{"cron", "interval", "field"} {
		if _, ok := o["on."+name]; ok {
			forms = append(forms, name)
		}
	}
	switch {
	case len(forms) == 0:
		return "", wrong("on", `a schedule needs "cron", "interval", or "collection" and "field"`)
	case len(forms) > 1:
		return "", wrong("on."+forms[1], `a schedule has only one of "cron", "interval" and "field", and "on.%s" is there too`, forms[0])
	}
	allowed := map[string]bool{}
	for _, name := range scheduleForms[forms[0]] {
		allowed[name] = true
	}
	for _, name := range []string{"timezone", "start", "end", "limit", "collection", "offset", "repeat", "condition", "expand"} {
		if _, ok := o["on."+name]; ok && !allowed[name] {
			return "", wrong("on."+name, "has no meaning for a schedule with %q", forms[0])
		}
	}
	return forms[0], nil
}

func readForm(form string, o map[string]goja.Value, on *workflow.Trigger) *optionError {
	switch form {
	case "cron":
		return readCron(o, on.Schedule)
	case "interval":
		return span(o, "on.interval", minInterval, &on.Interval)
	default:
		return readDateField(o, on)
	}
}

func readCron(o map[string]goja.Value, s *workflow.Schedule) *optionError {
	if err := str(o, "on.timezone", &s.Timezone); err != nil {
		return err
	}
	if _, err := calendar.Zone(s.Timezone); err != nil {
		return wrong("on.timezone", "%s", err)
	}
	if err := str(o, "on.cron", &s.Cron); err != nil {
		return err
	}
	s.Cron = strings.Join(strings.Fields(s.Cron), " ")
	if _, err := calendar.Parse(s.Cron, s.Timezone); err != nil {
		return wrong("on.cron", "%q: %s", s.Cron, err)
	}
	return nil
}

func readDateField(o map[string]goja.Value, on *workflow.Trigger) *optionError {
	if err := readCollection(o, on); err != nil {
		return err
	}
	if err := str(o, "on.field", &on.Field); err != nil {
		return err
	}
	if on.Field == "" {
		return wrong("on.field", "expected the name of a date field")
	}
	if v, ok := o["on.offset"]; ok {
		d, err := workflow.ParseSpan(v.Export())
		if err != nil {
			return wrong("on.offset", `expected a duration with an optional sign, such as "-30m", got %s`, show(v))
		}
		on.Offset = d
	}
	if _, ok := o["on.repeat"]; ok {
		if err := span(o, "on.repeat", minInterval, &on.Repeat); err != nil {
			return err
		}
	}
	if err := str(o, "on.condition", &on.Condition); err != nil {
		return err
	}
	if err := list(o, "on.expand", &on.Expand); err != nil {
		return err
	}
	return filter("on.condition", on.Condition)
}

func readLimitOfRuns(o map[string]goja.Value, s *workflow.Schedule) *optionError {
	v, ok := o["on.limit"]
	if !ok {
		return nil
	}
	if s.Field != "" && s.Repeat == 0 {
		return wrong("on.limit", `needs "repeat": without it every date comes once`)
	}
	n, ok := wholeNumber(v)
	if !ok || n < 1 {
		return wrong("on.limit", "expected a whole number over 0, got %s", show(v))
	}
	s.Limit = n
	return nil
}

func readCatchUp(o map[string]goja.Value, s *workflow.Schedule) *optionError {
	if err := choice(o, "on.catchUp", workflow.CatchUps, &s.CatchUp); err != nil {
		return err
	}
	if _, ok := o["on.catchUpWindow"]; !ok {
		return nil
	}
	if s.CatchUp == workflow.CatchUpNone {
		return wrong("on.catchUpWindow", `has no meaning with catchUp "none"`)
	}
	return span(o, "on.catchUpWindow", minInterval, &s.CatchUpWindow)
}

// inOrder refuses a schedule that ends before it runs for the first time.
func inOrder(s *workflow.Schedule) *optionError {
	if s.End.IsZero() {
		return nil
	}
	if !s.Start.IsZero() && s.End.Before(s.Start) {
		return wrong("on.end", "is before on.start")
	}
	if s.Field != "" {
		return nil
	}
	var times workflow.Times
	if s.Cron != "" {
		c, err := calendar.Parse(s.Cron, s.Timezone)
		if err != nil {
			return wrong("on.cron", "%s", err)
		}
		times = c
	}
	if !s.Start.IsZero() && s.Times(times).Next(s.Start.Add(-time.Nanosecond)).IsZero() {
		return wrong("on", "never fires: nothing is due between on.start and on.end")
	}
	return nil
}

// span reads a duration of at least a length.
func span(o map[string]goja.Value, path string, least time.Duration, dst *workflow.Span) *optionError {
	d, err := workflow.ParseDuration(o[path].Export())
	if err != nil {
		return wrong(path, "%s", err)
	}
	if d < least {
		return wrong(path, "expected at least %s, got %s", least, show(o[path]))
	}
	*dst = workflow.Span(d.Truncate(time.Millisecond))
	return nil
}

// moment reads a date.
func moment(o map[string]goja.Value, path string, dst *time.Time) *optionError {
	v, ok := o[path]
	if !ok {
		return nil
	}
	t, err := PointInTime(v)
	if err != nil {
		return wrong(path, "%s", err)
	}
	*dst = t.UTC().Truncate(time.Millisecond)
	return nil
}

// choice reads one of some words.
func choice[T ~string](o map[string]goja.Value, path string, known []T, dst *T) *optionError {
	name := string(*dst)
	if err := str(o, path, &name); err != nil {
		return err
	}
	for _, k := range known {
		if string(k) == name {
			*dst = k
			return nil
		}
	}
	return wrong(path, "expected %s, got %q", quoted(known), name)
}

// overlapOrDedup refuses two answers to the same question.
func overlapOrDedup(def *workflow.Definition) *optionError {
	if def.On.Scheduled() && def.On.Overlap != workflow.OverlapAllow && def.Dedup.Key != "" {
		return wrong("dedup", "can't be had together with on.overlap %q: both say what happens to an earlier execution", string(def.On.Overlap))
	}
	return nil
}

// checkDateField tells why a schedule can't follow the field of a collection.
func checkDateField(c *core.Collection, on workflow.Trigger) (message string) {
	if !on.Scheduled() || on.Field == "" {
		return ""
	}
	f := c.Fields.GetByName(on.Field)
	switch {
	case f == nil:
		return "collection \"" + c.Name + "\" has no field \"" + on.Field + "\""
	case f.Type() != core.FieldTypeDate && f.Type() != core.FieldTypeAutodate:
		return "expected a date, the field \"" + on.Field + "\" of \"" + c.Name + "\" is of type " + f.Type()
	default:
		return ""
	}
}
