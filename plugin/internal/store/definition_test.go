package store

import (
	"context"
	"database/sql"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

func newVersion(key, hash string) workflow.Version {
	rule := `@request.auth.id != ""`
	return workflow.Version{
		Workflow: key, Hash: hash, File: key + ".js", Script: "// " + hash,
		Modules: map[string]string{"lib/x.js": "// x"},
		Definition: workflow.Definition{
			Key: key, Title: "Title " + key, Tags: []string{"t"}, Mode: workflow.ModeSync, Enabled: true, Rule: &rule,
			On:   workflow.Trigger{Type: workflow.TriggerAction, Collection: "demo2"},
			File: key + ".js", Line: 3, Timeout: 1500,
		},
	}
}

func row(t testing.TB, app core.App, key string) *core.Record {
	t.Helper()
	record, err := app.FindFirstRecordByData(workflowsName, "key", key)
	require.NoError(t, err)
	return record
}

func byKey(entries []*workflow.Entry, key string) *workflow.Entry {
	for _, e := range entries {
		if e.Version.Workflow == key {
			return e
		}
	}
	return nil
}

func TestSyncDefinitions_Life(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	ctx := context.Background()
	sync := func(loaded []workflow.Version, problems ...FileProblem) *workflow.Entry {
		t.Helper()
		entries, err := s.SyncDefinitions(ctx, loaded, problems)
		require.NoError(t, err)
		again, err := s.Entries(ctx)
		require.NoError(t, err)
		require.Equal(t, entries, again)
		return byKey(entries, "a")
	}
	broken := FileProblem{File: "a.js", Problem: &workflow.Problem{File: "a.js", Line: 2, Message: "Unexpected token"}}
	one, two := newVersion("a", "1"), newVersion("a", "2")

	e := sync([]workflow.Version{one})
	want := one
	want.Number = 1
	require.Equal(t, &workflow.Entry{Version: want, Enabled: true}, e)
	r := row(t, app, "a")
	require.Equal(t, "Title a", r.GetString("title"))
	require.Equal(t, "sync", r.GetString("mode"))
	require.Equal(t, "file", r.GetString("source"))
	require.JSONEq(t, `"@request.auth.id != \"\""`, r.GetString("rule"))
	require.JSONEq(t, `{"type":"action","collection":"demo2"}`, r.GetString("trigger"))
	require.True(t, r.GetBool("valid"))

	app.ResetEventCalls()
	sync([]workflow.Version{one})
	require.Zero(t, app.EventCalls["OnModelUpdate"], "what did not change is not saved")

	require.Equal(t, 2, sync([]workflow.Version{two}).Version.Number)
	require.Equal(t, 1, sync([]workflow.Version{one}).Version.Number, "an old source has its old number")
	require.Equal(t, 2, sync([]workflow.Version{two}).Version.Number)

	e = sync(nil, broken)
	require.True(t, e.Usable(), "the last good version keeps running")
	require.Equal(t, 2, e.Version.Number)
	r = row(t, app, "a")
	require.False(t, r.GetBool("valid"))
	require.False(t, r.GetBool("missing"))
	require.Equal(t, "a.js:2: Unexpected token", r.GetString("error"))

	e = sync([]workflow.Version{one})
	require.Equal(t, 1, e.Version.Number)
	r = row(t, app, "a")
	require.True(t, r.GetBool("valid"))
	require.Empty(t, r.GetString("error"))

	e = sync(nil)
	require.True(t, e.Missing)
	require.False(t, e.Usable())
	require.True(t, row(t, app, "a").GetBool("missing"))

	e = sync([]workflow.Version{one})
	require.False(t, e.Missing)
	require.Equal(t, 1, e.Version.Number)
	total, err := app.CountRecords(versionsName)
	require.NoError(t, err)
	require.EqualValues(t, 2, total)

	v, err := s.Version(ctx, "a", 2)
	require.NoError(t, err)
	two.Number = 2
	require.Equal(t, &two, v)
	_, err = s.Version(ctx, "a", 3)
	require.ErrorIs(t, err, sql.ErrNoRows)
}

func TestSyncDefinitions_Switch(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	ctx := context.Background()
	off := newVersion("a", "1")
	off.Definition.Enabled = false
	entries, err := s.SyncDefinitions(ctx, []workflow.Version{off}, nil)
	require.NoError(t, err)
	require.False(t, entries[0].Enabled, "the option is the initial value")

	r := row(t, app, "a")
	r.Set("enabled", true)
	require.NoError(t, app.Save(r))
	off.Hash = "2"
	entries, err = s.SyncDefinitions(ctx, []workflow.Version{off}, nil)
	require.NoError(t, err)
	require.True(t, entries[0].Enabled, "and no more than that")
	require.Equal(t, 2, entries[0].Version.Number)
}

func TestSyncDefinitions_NeverValid(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	ctx := context.Background()
	problem := &workflow.Problem{File: "a.js", Line: 4, Option: "on.type", Message: "expected a string"}
	entries, err := s.SyncDefinitions(ctx, []workflow.Version{newVersion("b", "1")},
		[]FileProblem{{File: "a.js", Keys: []string{"a", "not a key!"}, Problem: problem}})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	e := byKey(entries, "a")
	require.Equal(t, problem, e.Problem)
	require.False(t, e.Usable())
	require.Equal(t, problem.Error(), row(t, app, "a").GetString("error"))
	require.True(t, byKey(entries, "b").Usable())

	late := newVersion("a", "1")
	late.Definition.Enabled = false
	entries, err = s.SyncDefinitions(ctx, []workflow.Version{late, newVersion("b", "1")}, nil)
	require.NoError(t, err)
	e = byKey(entries, "a")
	require.True(t, e.Usable())
	require.False(t, e.Enabled, "its own first value")
	require.Equal(t, 1, e.Version.Number)
}

func TestSyncDefinitions_OnePartOfAFile(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	ctx := context.Background()
	a, b := newVersion("a", "1"), newVersion("b", "1")
	b.File, b.Definition.File, b.Definition.Line = "a.js", "a.js", 1
	entries, err := s.SyncDefinitions(ctx, []workflow.Version{a, b}, nil)
	require.NoError(t, err)
	require.Equal(t, "b", entries[0].Version.Workflow, "in the order of the file")

	a.Hash = "2"
	_, err = s.SyncDefinitions(ctx, []workflow.Version{a},
		[]FileProblem{{File: "a.js", Keys: []string{"b"}, Problem: &workflow.Problem{File: "a.js", Message: "no"}}})
	require.NoError(t, err)
	require.True(t, row(t, app, "a").GetBool("valid"))
	require.Equal(t, 2, row(t, app, "a").GetInt("version"))
	require.False(t, row(t, app, "b").GetBool("valid"))
	require.Equal(t, 1, row(t, app, "b").GetInt("version"))
}

func TestSyncDefinitions_RenamedFile(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	ctx := context.Background()
	a := newVersion("a", "1")
	_, err := s.SyncDefinitions(ctx, []workflow.Version{a}, nil)
	require.NoError(t, err)
	a.File, a.Definition.File = "z.js", "z.js"
	entries, err := s.SyncDefinitions(ctx, []workflow.Version{a}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, entries[0].Version.Number, "the same source")
	require.Equal(t, "z.js", entries[0].Version.File)
	require.Equal(t, "z.js", row(t, app, "a").GetString("file"))
}

func TestSetProblem(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	s := New(app)
	type own struct{}
	ctx := context.WithValue(context.Background(), own{}, true)
	var seen []any
	app.OnRecordAfterUpdateSuccess(workflowsName).BindFunc(func(e *core.RecordEvent) error {
		seen = append(seen, e.Context.Value(own{}))
		return e.Next()
	})
	a := newVersion("a", "1")
	_, err := s.SyncDefinitions(ctx, []workflow.Version{a}, nil)
	require.NoError(t, err)
	unknown := &workflow.Problem{File: "a.js", Option: "on.collection", Message: `no collection "demo9"`}
	require.NoError(t, s.SetProblem(ctx, "a", nil))
	require.Empty(t, seen, "nothing changed")
	require.NoError(t, s.SetProblem(ctx, "a", unknown))
	require.Equal(t, []any{true}, seen, "hooks see the context")
	r := row(t, app, "a")
	require.False(t, r.GetBool("valid"))
	require.Equal(t, unknown.Error(), r.GetString("error"))
	entries, err := s.Entries(ctx)
	require.NoError(t, err)
	require.Nil(t, entries[0].Problem, "it is to be judged anew")

	broken := FileProblem{File: "a.js", Problem: &workflow.Problem{File: "a.js", Message: "syntax"}}
	_, err = s.SyncDefinitions(ctx, nil, []FileProblem{broken})
	require.NoError(t, err)
	require.Equal(t, "a.js: syntax\n"+unknown.Error(), row(t, app, "a").GetString("error"))
	require.NoError(t, s.SetProblem(ctx, "a", nil))
	r = row(t, app, "a")
	require.False(t, r.GetBool("valid"), "the file is still broken")
	require.Equal(t, "a.js: syntax", r.GetString("error"))
	require.ErrorIs(t, s.SetProblem(ctx, "zzz", nil), sql.ErrNoRows)
}
