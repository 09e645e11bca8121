package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const entriesSQL = "SELECT w.[[key]], w.[[enabled]], w.[[paused]], w.[[missing]], w.[[problems]], w.[[file]]," +
	" COALESCE(v.[[number]], 0) AS [[number]], COALESCE(v.[[hash]], '') AS [[hash]], COALESCE(v.[[script]], '') AS [[script]], v.[[modules]], v.[[definition]]" +
	" FROM {{" + workflowsName + "}} w LEFT JOIN {{" + versionsName + "}} v ON v.[[workflow]] = w.[[key]] AND v.[[number]] = w.[[version]]"

type entryRow struct {
	Key        string   `db:"key"`
	Enabled    bool     `db:"enabled"`
	Paused     bool     `db:"paused"`
	Missing    bool     `db:"missing"`
	Problems   jsonText `db:"problems"`
	File       string   `db:"file"`
	Number     int      `db:"number"`
	Hash       string   `db:"hash"`
	Script     string   `db:"script"`
	Modules    jsonText `db:"modules"`
	Definition jsonText `db:"definition"`
}

// Entries returns all stored workflows with their current versions, in the
// order of their files and of their places in them.
//
// An entry has a Problem only when no version of it ever loaded (or the stored
// one can't be read): a broken file leaves the last good version running. What
// SetProblem stored is not in the entries, so that it is judged anew.
func (s *Store) Entries(ctx context.Context) ([]*workflow.Entry, error) {
	return readEntries(ctx, s.app.ConcurrentDB())
}

func readEntries(ctx context.Context, db dbx.Builder) ([]*workflow.Entry, error) {
	var rows []entryRow
	if err := db.NewQuery(entriesSQL).WithContext(ctx).All(&rows); err != nil {
		return nil, fmt.Errorf("read workflows: %w", err)
	}
	entries := make([]*workflow.Entry, len(rows))
	for i := range rows {
		entries[i] = rows[i].entry()
	}
	slices.SortFunc(entries, func(a, b *workflow.Entry) int {
		x, y := a.Version, b.Version
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		if c := x.Definition.Line - y.Definition.Line; c != 0 {
			return c
		}
		return strings.Compare(x.Workflow, y.Workflow)
	})
	return entries, nil
}

func (r *entryRow) entry() *workflow.Entry {
	e := &workflow.Entry{Enabled: r.Enabled, Paused: r.Paused, Missing: r.Missing}
	if r.Number == 0 {
		e.Version = workflow.Version{Workflow: r.Key, File: r.File, Definition: workflow.Definition{Key: r.Key, File: r.File}}
		var known problems
		if err := r.Problems.decode(&known); err == nil {
			e.Problem = known.Load.problem()
		}
		if e.Problem == nil {
			e.Problem = &workflow.Problem{File: r.File, Message: "no version of the workflow could be loaded"}
		}
		return e
	}
	row := versionRow{r.Key, r.Number, r.Hash, r.Script, r.Modules, r.Definition}
	v, err := row.version()
	if err != nil {
		e.Problem = &workflow.Problem{File: r.File, Message: "the stored version can't be read: " + err.Error()}
	}
	e.Version = v
	return e
}
