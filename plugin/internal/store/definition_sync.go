package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// sourceFile marks workflows that come from files. Only these are synced.
const sourceFile = "file"

// SyncDefinitions brings the stored workflows in line with what was loaded, in
// one transaction, and returns all of them as Entries does.
//
//   - A new key gets a row, switched as its Definition says, and version 1.
//   - Another source gets the next number; one that was there before gets its
//     old number back.
//   - A key with a problem becomes invalid, with the reason; its last good
//     version stays current.
//   - A key that is neither loaded nor has a problem is marked missing, and
//     unmarked when it returns. Nothing is ever deleted.
//
// The Number of loaded versions is ignored. Rows are saved through the app with
// ctx, and only those that change.
func (s *Store) SyncDefinitions(ctx context.Context, loaded []workflow.Version, found []FileProblem) ([]*workflow.Entry, error) {
	var entries []*workflow.Entry
	err := s.alone(func(tx core.App) error {
		d, err := newDefinitionSync(ctx, tx)
		if err != nil {
			return err
		}
		if err := d.run(loaded, found); err != nil {
			return err
		}
		entries, err = readEntries(ctx, tx.NonconcurrentDB())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sync workflow definitions: %w", err)
	}
	return entries, nil
}

// definitionSync is one run of SyncDefinitions.
type definitionSync struct {
	ctx        context.Context //nolint:containedctx // one run, one context
	app        core.App
	collection *core.Collection
	rows       []*core.Record
	byKey      map[string]*core.Record
}

func newDefinitionSync(ctx context.Context, tx core.App) (*definitionSync, error) {
	collection, err := tx.FindCachedCollectionByNameOrId(workflowsName)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", workflowsName, err)
	}
	rows, err := tx.FindAllRecords(collection)
	if err != nil {
		return nil, fmt.Errorf("read workflows: %w", err)
	}
	d := &definitionSync{ctx: ctx, app: tx, collection: collection, rows: rows, byKey: map[string]*core.Record{}}
	for _, row := range rows {
		d.byKey[row.GetString("key")] = row
	}
	return d, nil
}

func (d *definitionSync) run(loaded []workflow.Version, found []FileProblem) error {
	good := map[string]workflow.Version{}
	for _, v := range loaded {
		if _, twice := good[v.Workflow]; !twice {
			good[v.Workflow] = v
		}
	}
	bad := d.problemsByKey(good, found)
	for _, v := range loaded {
		if good[v.Workflow].Hash != v.Hash {
			continue
		}
		if err := d.save(v.Workflow, &v, bad[v.Workflow]); err != nil {
			return err
		}
	}
	for key, p := range bad {
		if _, done := good[key]; done {
			continue
		}
		if err := d.save(key, nil, p); err != nil {
			return err
		}
	}
	for _, row := range d.rows {
		key := row.GetString("key")
		_, isGood := good[key]
		if isGood || bad[key] != nil || row.GetString("source") != sourceFile {
			continue
		}
		if err := d.saveMissing(row); err != nil {
			return err
		}
	}
	return nil
}

// problemsByKey finds the first problem of every key: by name, or because its
// file has one and it did not load from anywhere.
func (d *definitionSync) problemsByKey(good map[string]workflow.Version, found []FileProblem) map[string]*workflow.Problem {
	bad := map[string]*workflow.Problem{}
	for _, f := range found {
		for _, key := range f.Keys {
			if bad[key] == nil && workflow.ValidKey(key) {
				bad[key] = f.Problem
			}
		}
	}
	for _, f := range found {
		for _, row := range d.rows {
			key := row.GetString("key")
			_, isGood := good[key]
			if !isGood && bad[key] == nil && row.GetString("source") == sourceFile && row.GetString("file") == f.File {
				bad[key] = f.Problem
			}
		}
	}
	return bad
}

// save brings one workflow's row in line: v is its present version, nil when
// there is none to be had, and p what is wrong with its file, if anything.
func (d *definitionSync) save(key string, v *workflow.Version, p *workflow.Problem) error {
	row := d.byKey[key]
	if row == nil {
		row = core.NewRecord(d.collection)
		row.Set("key", key)
		row.Set("enabled", true)
		row.Set("mode", string(workflow.ModeAsync))
		if p != nil {
			row.Set("file", p.File)
		}
	}
	row.Set("source", sourceFile)
	row.Set("missing", false)
	if v != nil {
		if row.GetInt("version") == 0 && !v.Definition.Enabled {
			row.Set("enabled", false) // the first version that loads has the first word
		}
		number, err := d.version(v)
		if err != nil {
			return err
		}
		if err := describe(row, v, number); err != nil {
			return fmt.Errorf("workflow %q: %w", key, err)
		}
	}
	known := rowProblems(row)
	known.Load = newProblem(p)
	setProblems(row, known)
	return saveChanged(d.ctx, d.app, row)
}

func (d *definitionSync) saveMissing(row *core.Record) error {
	row.Set("missing", true)
	known := rowProblems(row)
	known.Load = nil
	setProblems(row, known)
	return saveChanged(d.ctx, d.app, row)
}

// describe copies what the definition says into the row, but for the switch.
func describe(row *core.Record, v *workflow.Version, number int) error {
	def := v.Definition
	tags := def.Tags
	if tags == nil {
		tags = []string{}
	}
	for name, value := range map[string]any{"tags": tags, "trigger": def.On, "rule": def.Rule} {
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		row.Set(name, types.JSONRaw(raw)) // a plain string would be guessed at
	}
	row.Set("title", def.Title)
	row.Set("description", def.Description)
	row.Set("mode", string(def.Mode))
	row.Set("file", v.File)
	row.Set("version", number)
	return nil
}

func rowProblems(row *core.Record) problems {
	var p problems
	_ = row.UnmarshalJSONField("problems", &p) // unreadable is as good as none: it is written anew
	return p
}

func setProblems(row *core.Record, p problems) {
	raw, _ := json.Marshal(p) // strings and numbers only
	row.Set("problems", types.JSONRaw(raw))
	row.Set("error", p.text())
	row.Set("valid", p == problems{})
}

// saveChanged saves a row that is new or has another value than stored.
func saveChanged(ctx context.Context, app core.App, row *core.Record) error {
	original := row.Original()
	same := func(f core.Field) bool { return sameField(f, row, original) }
	if !row.IsNew() && !slices.ContainsFunc(row.Collection().Fields, func(f core.Field) bool { return !same(f) }) {
		return nil
	}
	if err := app.SaveWithContext(ctx, row); err != nil {
		return fmt.Errorf("save workflow %q: %w", row.GetString("key"), err)
	}
	return nil
}
