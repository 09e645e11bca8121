package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// versionRow is a version as its columns hold it.
type versionRow struct {
	Workflow   string   `db:"workflow"`
	Number     int      `db:"number"`
	Hash       string   `db:"hash"`
	Script     string   `db:"script"`
	Modules    jsonText `db:"modules"`
	Definition jsonText `db:"definition"`
}

func (r *versionRow) version() (workflow.Version, error) {
	v := workflow.Version{Workflow: r.Workflow, Number: r.Number, Hash: r.Hash, Script: r.Script}
	if err := r.Modules.decode(&v.Modules); err != nil {
		return v, fmt.Errorf("modules: %w", err)
	}
	if err := r.Definition.decode(&v.Definition); err != nil {
		return v, fmt.Errorf("definition: %w", err)
	}
	v.File = v.Definition.File
	return v, nil
}

const versionSQL = "SELECT [[workflow]], [[number]], [[hash]], [[script]], [[modules]], [[definition]] FROM {{" + versionsName + "}}" +
	" WHERE [[workflow]] = {:workflow} AND [[number]] = {:number}"

// Version returns one version of a workflow, or sql.ErrNoRows.
func (s *Store) Version(ctx context.Context, key string, number int) (*workflow.Version, error) {
	var row versionRow
	err := s.app.ConcurrentDB().NewQuery(versionSQL).WithContext(ctx).
		Bind(dbx.Params{"workflow": key, "number": number}).One(&row)
	if err != nil {
		return nil, fmt.Errorf("find version %d of workflow %q: %w", number, key, err)
	}
	v, err := row.version()
	if err != nil {
		return nil, fmt.Errorf("read version %d of workflow %q: %w", number, key, err)
	}
	return &v, nil
}

// version returns the number of v's source, storing it when it is new. The
// definition of a known source is kept up to date: a newer plugin may read the
// same source with other defaults, and a file may be renamed.
func (d *definitionSync) version(v *workflow.Version) (int, error) {
	collection, err := d.app.FindCachedCollectionByNameOrId(versionsName)
	if err != nil {
		return 0, fmt.Errorf("find collection %s: %w", versionsName, err)
	}
	known, err := d.app.FindAllRecords(collection, dbx.HashExp{"workflow": v.Workflow})
	if err != nil {
		return 0, fmt.Errorf("read versions of workflow %q: %w", v.Workflow, err)
	}
	definition, err1 := json.Marshal(v.Definition)
	modules, err2 := json.Marshal(v.Modules)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("encode workflow %q: %w", v.Workflow, firstError(err1, err2))
	}
	row, number := core.NewRecord(collection), 1
	for _, one := range known {
		number = max(number, one.GetInt("number")+1)
		if one.GetString("hash") == v.Hash {
			row = one
		}
	}
	if row.IsNew() {
		row.Set("workflow", v.Workflow)
		row.Set("number", number)
		row.Set("hash", v.Hash)
		row.Set("script", v.Script)
		row.Set("modules", types.JSONRaw(modules))
	} else if sameJSON([]byte(row.GetString("definition")), definition) {
		return row.GetInt("number"), nil
	}
	row.Set("definition", types.JSONRaw(definition))
	if err := d.app.SaveWithContext(d.ctx, row); err != nil {
		return 0, fmt.Errorf("save a version of workflow %q: %w", v.Workflow, err)
	}
	return row.GetInt("number"), nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
