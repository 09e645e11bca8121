package script

import (
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestRetention_Option: the option in every form, and what is wrong with others.
func TestRetention_Option(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	// load reads a workflow whose option begins on line 3.
	load := func(t *testing.T, option string) *Result {
		t.Helper()
		dir := t.TempDir()
		write(t, dir, "all.js", "workflow(\"w\", {\n    on: { type: \"action\", collection: \"posts\" },\n"+option+"\n}, (ctx) => 1);\n")
		result, err := Load(app, dir)
		require.NoError(t, err)
		return result
	}
	type (
		limit     = workflow.RetentionLimit
		retention = workflow.Retention
		statuses  = map[workflow.Status]limit
	)
	const day = 24 * time.Hour
	for option, want := range map[string]*retention{
		``:                                     nil,
		`retention: undefined,`:                nil,
		`retention: "30d",`:                    {RetentionLimit: limit{Age: 30 * day}},
		`retention: 1500,`:                     {RetentionLimit: limit{Age: 1500 * time.Millisecond}},
		`retention: { age: "2w" },`:            {RetentionLimit: limit{Age: 14 * day}},
		`retention: { count: 3 },`:             {RetentionLimit: limit{Count: 3}},
		`retention: { count: 1e3, age: 500 },`: {RetentionLimit: limit{Count: 1000, Age: 500 * time.Millisecond}},
		`retention: { age: "30d", count: 1000, statuses: { completed: "1d", failed: { age: "90d", count: 500 } } },`: {
			RetentionLimit: limit{Age: 30 * day, Count: 1000},
			Statuses:       statuses{"completed": {Age: day}, "failed": {Age: 90 * day, Count: 500}},
		},
		`retention: { statuses: { error: "1h", aborted: { count: 1 }, canceled: "1h", rejected: "1h", failed: undefined } },`: {
			Statuses: statuses{"error": {Age: time.Hour}, "aborted": {Count: 1}, "canceled": {Age: time.Hour}, "rejected": {Age: time.Hour}},
		},
	} {
		t.Run(option, func(t *testing.T) {
			result := load(t, option)
			require.Empty(t, result.Problems)
			require.Equal(t, want, result.Versions[0].Definition.Retention)
		})
	}

	const (
		limitOf  = `expected a duration over 0 (as "30d") or an object with age or count, got `
		wholeOf  = `expected a duration over 0 (as "30d") or an object with age, count or statuses, got `
		countOf  = `expected a whole number over 0, got `
		lifetime = `expected a duration (milliseconds, or "1500ms", "30s", "5m", "2h", "3d", "1w"), got `
	)
	for _, c := range []struct {
		option string
		line   int
		at     string
		says   string
	}{
		{`retention: null,`, 3, "retention", wholeOf + `null`},
		{`retention: 0,`, 3, "retention", wholeOf + `0`},
		{`retention: -1,`, 3, "retention", wholeOf + `-1`},
		{`retention: "0d",`, 3, "retention", wholeOf + `"0d"`},
		{`retention: "-1d",`, 3, "retention", wholeOf + `"-1d"`},
		{`retention: "1 month",`, 3, "retention", wholeOf + `"1 month"`},
		{`retention: NaN,`, 3, "retention", wholeOf + `NaN`},
		{`retention: true,`, 3, "retention", wholeOf + `true`},
		{`retention: ["30d"],`, 3, "retention", wholeOf + `30d`},
		{`retention: () => "30d",`, 3, "retention", wholeOf + `() => "30d"`},
		{`retention: {},`, 3, "retention", wholeOf + `an empty one`},
		{`retention: { statuses: {} },`, 3, "retention", wholeOf + `an empty one`},
		{"retention: {\n    days: 30\n},", 4, "retention.days", `is unknown; did you mean "age"?`},
		{"retention: {\n    counts: 30\n},", 4, "retention.counts", `is unknown; did you mean "count"?`},
		{"retention: {\n    status: {}\n},", 4, "retention.status", `is unknown; did you mean "statuses"?`},
		{"retention: {\n    age: 0\n},", 4, "retention.age", `expected a duration over 0, got 0`},
		{"retention: {\n    age: \"soon\"\n},", 4, "retention.age", lifetime + `"soon"`},
		{"retention: {\n    age: null\n},", 4, "retention.age", lifetime},
		{"retention: {\n    age: \"1d\",\n    count: 0\n},", 5, "retention.count", countOf + `0`},
		{"retention: {\n    count: -5\n},", 4, "retention.count", countOf + `-5`},
		{"retention: {\n    count: 2.5\n},", 4, "retention.count", countOf + `2.5`},
		{"retention: {\n    count: \"3\"\n},", 4, "retention.count", countOf + `"3"`},
		{"retention: {\n    count: 1e12\n},", 4, "retention.count", countOf + `1000000000000`},
		{"retention: {\n    count: null\n},", 4, "retention.count", countOf + `null`},
		{"retention: {\n    statuses: \"1d\"\n},", 4, "retention.statuses", `expected an object, got "1d"`},
		{"retention: {\n    statuses: {\n        complete: \"1d\"\n    }\n},", 5, "retention.statuses.complete", `is unknown; did you mean "completed"?`},
		{"retention: {\n    statuses: {\n        running: \"1d\"\n    }\n},", 5, "retention.statuses.running", `is unknown; did you mean `},
		{"retention: {\n    statuses: {\n        completed: 0\n    }\n},", 5, "retention.statuses.completed", limitOf + `0`},
		{"retention: {\n    statuses: {\n        completed: false\n    }\n},", 5, "retention.statuses.completed", limitOf + `false`},
		{"retention: {\n    statuses: {\n        completed: {}\n    }\n},", 5, "retention.statuses.completed", limitOf + `an empty one`},
		{"retention: {\n    statuses: {\n        completed: {\n            age: \"x\"\n        }\n    }\n},", 6, "retention.statuses.completed.age", lifetime},
		{"retention: {\n    statuses: {\n        completed: {\n            count: 0\n        }\n    }\n},", 6, "retention.statuses.completed.count", countOf},
		{"retention: {\n    statuses: {\n        completed: {\n            statuses: {}\n        }\n    }\n},", 6, "retention.statuses.completed.statuses", `is unknown; did you mean `},
	} {
		t.Run(c.option, func(t *testing.T) {
			result := load(t, c.option)
			require.Empty(t, result.Versions)
			require.Len(t, result.Problems, 1)
			require.Equal(t, []string{"w"}, result.Problems[0].Keys)
			p := result.Problems[0].Problem
			require.Equal(t, "all.js", p.File)
			require.Equal(t, c.at, p.Option)
			require.Equal(t, c.line, p.Line)
			require.Contains(t, p.Message, c.says)
		})
	}
}
