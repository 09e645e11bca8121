package script

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func TestOnSchedule(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	c := core.NewBaseCollection("events")
	c.Fields.Add(&core.DateField{Name: "starts"}, &core.TextField{Name: "title"}, &core.AutodateField{Name: "created", OnCreate: true})
	require.NoError(t, app.Save(c))
	load := func(t *testing.T, on, more string) *Result {
		t.Helper()
		dir := t.TempDir()
		write(t, dir, "all.js", "workflow(\"w\", {\n    on: { type: \"schedule\", "+on+" },"+more+"\n}, (ctx) => 1);\n")
		result, err := Load(app, dir)
		require.NoError(t, err)
		return result
	}

	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for on, want := range map[string]workflow.Schedule{
		`cron: "@daily"`: {Cron: "@daily"},
		`cron: " 0  9 * * 1-5", timezone: "Europe/Berlin", catchUp: "all", catchUpWindow: "2h", overlap: "skip", start: "2026-05-01 12:00:00Z", limit: 7`: {
			Cron: "0 9 * * 1-5", Timezone: "Europe/Berlin", CatchUp: workflow.CatchUpAll, CatchUpWindow: workflow.Span(2 * time.Hour),
			Overlap: workflow.OverlapSkip, Start: start, Limit: 7,
		},
		`interval: "30s", catchUp: "none"`: {Interval: workflow.Span(30 * time.Second), CatchUp: workflow.CatchUpNone},
		`interval: 1500, start: new Date(Date.UTC(2026, 4, 1, 12)), end: "2026-05-02T00:00:00+02:00", overlap: "cancel"`: {
			Interval: workflow.Span(1500 * time.Millisecond), Start: start, End: start.Add(10 * time.Hour), Overlap: workflow.OverlapCancel,
		},
		`collection: "events", field: "starts"`:                {Field: "starts"},
		`collection: "events", field: "created", offset: "2h"`: {Field: "created", Offset: workflow.Span(2 * time.Hour)},
		`collection: "events", field: "starts", offset: "-30m", repeat: "1d", limit: 3, condition: "title != 'x'", expand: [], end: "2027-01-01"`: {
			Field: "starts", Offset: workflow.Span(-30 * time.Minute), Repeat: workflow.Span(24 * time.Hour), Limit: 3,
			End: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		},
	} {
		t.Run(on, func(t *testing.T) {
			if want.CatchUp == "" {
				want.CatchUp = workflow.CatchUpOnce
			}
			if want.Overlap == "" {
				want.Overlap = workflow.OverlapAllow
			}
			result := load(t, on, "")
			require.Empty(t, result.Problems)
			def := result.Versions[0].Definition
			require.Equal(t, &want, def.On.Schedule)
			require.Nil(t, Check(app, def))
		})
	}

	const form = `a schedule needs "cron", "interval", or "collection" and "field"`
	for on, want := range map[string][2]string{
		``:                               {"on", form},
		`collection: "events"`:           {"on", form},
		`cron: "@daily", interval: 5000`: {"on.interval", `a schedule has only one of "cron", "interval" and "field", and "on.cron" is there too`},
		`interval: "1m", collection: "events", field: "starts"`:      {"on.field", `a schedule has only one of`},
		`cron: "@daily", offset: "1h"`:                               {"on.offset", `has no meaning for a schedule with "cron"`},
		`interval: "1m", timezone: "UTC"`:                            {"on.timezone", `has no meaning for a schedule with "interval"`},
		`collection: "events", field: "starts", start: "2026-01-01"`: {"on.start", `has no meaning for a schedule with "field"`},
		`cron: 5`:                          {"on.cron", `expected a string, got 5`},
		`cron: "every day"`:                {"on.cron", `"every day": expected five cron fields or a macro such as "@daily"`},
		`cron: "0 0 31 2 *"`:               {"on.cron", `"0 0 31 2 *": never fires`},
		`cron: "@daily", timezone: "Mars"`: {"on.timezone", `expected an IANA time zone such as "Europe/Berlin", got "Mars"`},
		`cron: "@daily", timezone: 2`:      {"on.timezone", `expected a string, got 2`},
		`cron: "0 0 1 1 *", start: "2026-02-01", end: "2026-03-01"`: {"on", `never fires: nothing is due between on.start and on.end`},
		`interval: "soon"`:                  {"on.interval", `expected a duration`},
		`interval: "500ms"`:                 {"on.interval", `expected at least 1s, got "500ms"`},
		`interval: 0`:                       {"on.interval", `expected at least 1s, got 0`},
		`interval: "-1m"`:                   {"on.interval", `expected a duration`},
		`interval: "1m", start: "tomorrow"`: {"on.start", `expected a`},
		`interval: "1m", end: true`:         {"on.end", `expected a`},
		`interval: "1m", start: "2026-02-01", end: "2026-01-01"`:      {"on.end", `is before on.start`},
		`interval: "1m", limit: 0`:                                    {"on.limit", `expected a whole number over 0, got 0`},
		`interval: "1m", limit: 1.5`:                                  {"on.limit", `expected a whole number over 0, got 1.5`},
		`interval: "1m", limit: "3"`:                                  {"on.limit", `expected a whole number over 0, got "3"`},
		`field: "starts"`:                                             {"on.collection", `is required`},
		`collection: "events", field: ""`:                             {"on.field", `expected the name of a date field`},
		`collection: "events", field: "starts", offset: "early"`:      {"on.offset", `expected a duration with an optional sign, such as "-30m", got "early"`},
		`collection: "events", field: "starts", repeat: "1ms"`:        {"on.repeat", `expected at least 1s`},
		`collection: "events", field: "starts", limit: 2`:             {"on.limit", `needs "repeat"`},
		`collection: "events", field: "starts", condition: "title ="`: {"on.condition", `expected a PocketBase filter`},
		`collection: "events", field: "starts", expand: "title"`:      {"on.expand", `expected a list of strings`},
		`interval: "1m", catchUp: "some"`:                             {"on.catchUp", `expected "none", "once" or "all", got "some"`},
		`interval: "1m", catchUp: true`:                               {"on.catchUp", `expected a string, got true`},
		`interval: "1m", catchUp: "none", catchUpWindow: "1h"`:        {"on.catchUpWindow", `has no meaning with catchUp "none"`},
		`interval: "1m", catchUpWindow: "0s"`:                         {"on.catchUpWindow", `expected at least 1s`},
		`interval: "1m", overlap: "queue"`:                            {"on.overlap", `expected "allow", "skip" or "cancel", got "queue"`},
		`interval: "1m", intervall: 1`:                                {"on.intervall", `is unknown; did you mean "interval"?`},
	} {
		t.Run(on, func(t *testing.T) {
			result := load(t, on, "")
			require.Len(t, result.Problems, 1)
			p := result.Problems[0].Problem
			require.Equal(t, want[0], p.Option, p.Error())
			require.Contains(t, p.Message, want[1])
		})
	}
	for more, want := range map[string][2]string{
		` mode: "sync"`:        {"mode", `trigger type "schedule" can't have mode "sync", only "async"`},
		` mode: "transaction"`: {"mode", `trigger type "schedule" can't have mode "transaction", only "async"`},
		` dedup: "data.id"`:    {"dedup", `can't be had together with on.overlap "skip"`},
	} {
		result := load(t, `interval: "1m", overlap: "skip"`, more)
		require.Len(t, result.Problems, 1)
		require.Equal(t, want[0], result.Problems[0].Problem.Option)
		require.Contains(t, result.Problems[0].Problem.Message, want[1])
	}

	for on, want := range map[string][2]string{
		`collection: "nothing", field: "starts"`:                       {"on.collection", `there is no collection "nothing"`},
		`collection: "events", field: "ends"`:                          {"on.field", `collection "events" has no field "ends"`},
		`collection: "events", field: "title"`:                         {"on.field", `expected a date, the field "title" of "events" is of type text`},
		`collection: "events", field: "starts", condition: "nope = 1"`: {"on.condition", `nope`},
		`collection: "events", field: "starts", expand: ["title"]`:     {"on.expand", `has no relation "title"`},
	} {
		result := load(t, on, "")
		require.Empty(t, result.Problems, on)
		p := Check(app, result.Versions[0].Definition)
		require.NotNil(t, p, on)
		require.Equal(t, want[0], p.Option)
		require.Contains(t, p.Message, want[1])
	}
}
