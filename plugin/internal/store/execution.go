package store

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// executionRow is an execution as its columns hold it.
type executionRow struct {
	ID             string   `db:"id"`
	Workflow       string   `db:"workflow"`
	Version        int      `db:"version"`
	Status         string   `db:"status"`
	Reason         string   `db:"reason"`
	Mode           string   `db:"mode"`
	Trigger        jsonText `db:"trigger"`
	Input          jsonText `db:"input"`
	Output         jsonText `db:"output"`
	Error          jsonText `db:"error"`
	ErrorStack     string   `db:"errorStack"`
	Logs           jsonText `db:"logs"`
	Chain          jsonText `db:"chain"`
	Messages       jsonText `db:"messages"`
	Response       jsonText `db:"response"`
	User           string   `db:"user"`
	UserCollection string   `db:"userCollection"`
	RoleName       string   `db:"roleName"`
	Parent         string   `db:"parent"`
	Root           string   `db:"root"`
	Depth          int      `db:"depth"`
	RerunOf        string   `db:"rerunOf"`
	DedupKey       string   `db:"dedupKey"`
	Attempt        int      `db:"attempt"`
	WakeAt         string   `db:"wakeAt"`
	StartedAt      string   `db:"startedAt"`
	FinishedAt     string   `db:"finishedAt"`
	Created        string   `db:"created"`
}

// executionColumns are the columns of executionRow.
const executionColumns = "id, workflow, version, status, reason, mode, \"trigger\", input, output, " +
	"error, errorStack, logs, chain, messages, response, user, userCollection, roleName, " +
	"parent, root, depth, rerunOf, dedupKey, attempt, wakeAt, startedAt, finishedAt, created"

func (r *executionRow) execution() (*workflow.Execution, error) {
	e := &workflow.Execution{
		ID: r.ID, Workflow: r.Workflow, Version: r.Version,
		Status: workflow.Status(r.Status), Reason: r.Reason, Mode: workflow.Mode(r.Mode),
		User: r.User, UserCollection: r.UserCollection, RoleName: r.RoleName,
		Parent: r.Parent, Root: r.Root, Depth: r.Depth, RerunOf: r.RerunOf, DedupKey: r.DedupKey, Attempt: r.Attempt,
		WakeAt:    parseDate(r.WakeAt),
		StartedAt: parseDate(r.StartedAt), FinishedAt: parseDate(r.FinishedAt), Created: parseDate(r.Created),
		Output: r.Output.raw(),
	}
	for _, c := range []struct {
		column jsonText
		into   any
	}{
		{r.Trigger, &e.Cause}, {r.Input, &e.Input}, {r.Logs, &e.Logs}, {r.Chain, &e.Chain},
		{r.Messages, &e.Messages}, {r.Response, &e.Response}, {r.Error, &e.Failure},
	} {
		if err := c.column.decode(c.into); err != nil {
			return nil, err
		}
	}
	if e.Failure != nil {
		e.Failure.Stack = r.ErrorStack
	}
	return e, nil
}

// jsonText is a JSON column as text: SQLite turns JSON numbers into its own,
// and absent values are NULL.
type jsonText struct{ types.JSONRaw }

func (j jsonText) raw() json.RawMessage {
	if len(j.JSONRaw) == 0 {
		return nil
	}
	return json.RawMessage(j.JSONRaw)
}

func (j jsonText) decode(into any) error {
	if len(j.JSONRaw) == 0 {
		return nil
	}
	return json.Unmarshal(j.JSONRaw, into)
}

// rawColumn is what a JSON column stores for raw.
func rawColumn(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	return string(raw)
}

// column is what a JSON column stores for a value.
func column(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return string(raw), nil
}

// failureColumns splits a failure into what its owner may see and the stack,
// which only superusers may.
func failureColumns(f *workflow.Failure) (public any, stack string, err error) {
	if f == nil {
		return nil, "", nil
	}
	shown := *f
	shown.Stack = ""
	public, err = column(shown)
	return public, f.Stack, err
}

// formatDate is a time in PocketBase's format, "" for none.
func formatDate(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(types.DefaultDateLayout)
}

func parseDate(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(types.DefaultDateLayout, s)
	if err != nil {
		// Dates written by SQL functions or by hand may look different.
		d, _ := types.ParseDateTime(s)
		return d.Time()
	}
	return t
}

// sameJSON compares values, not spellings: SQLite stores 1.0 as 1.
func sameJSON(a, b json.RawMessage) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	if decodeOrNull(a, &x) != nil || decodeOrNull(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

func decodeOrNull(raw json.RawMessage, into *any) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, into)
}
