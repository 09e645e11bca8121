package e2e

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"
)

// database opens an instance's data.db, for what clients can neither see nor
// do. No server should run on it meanwhile, unless it is only read.
func (in *instance) database() *dbx.DB {
	in.t.Helper()
	db, err := core.DefaultDBConnect(filepath.Join(in.dir, "pb_data", "data.db"))
	require.NoError(in.t, err)
	in.t.Cleanup(func() { _ = db.Close() })
	return db
}

// exec runs one statement on an instance's database.
func (in *instance) exec(sql string, params dbx.Params) {
	in.t.Helper()
	db := in.database()
	_, err := db.NewQuery(sql).Bind(params).Execute()
	require.NoErrorf(in.t, err, "%s", sql)
	require.NoError(in.t, db.Close())
}

// countEnds makes the database itself note every change of an execution's
// status into a final one, and every change of a final one.
func (in *instance) countEnds() {
	in.t.Helper()
	const final = "('completed','failed','error','aborted','canceled','rejected')"
	in.exec("CREATE TABLE ends (execution TEXT, was TEXT, became TEXT)", nil)
	in.exec("CREATE TRIGGER ends AFTER UPDATE OF status ON _workflowExecutions WHEN NEW.status IN "+final+" OR OLD.status IN "+final+
		" BEGIN INSERT INTO ends VALUES (NEW.id, OLD.status, NEW.status); END", nil)
}

// executionRow and the others are rows as the database has them.
type executionRow struct {
	ID       string `db:"id"`
	Workflow string `db:"workflow"`
	Status   string `db:"status"`
	Reason   string `db:"reason"`
	Record   string `db:"record"`
	Step     string `db:"step"`
	Parent   string `db:"parent"`
	Output   string `db:"output"`
	Error    string `db:"error"`
	Attempt  int    `db:"attempt"`
}

type stepRow struct {
	ID        string `db:"id"`
	Execution string `db:"execution"`
	Branch    string `db:"branch"`
	Name      string `db:"name"`
	Kind      string `db:"kind"`
	Status    string `db:"status"`
	Result    string `db:"result"`
	Ref       string `db:"ref"`
	Attempt   int    `db:"attempt"`
	StartedAt string `db:"startedAt"`
}

type eventRow struct {
	ID        string `db:"id"`
	Execution string `db:"execution"`
	Name      string `db:"name"`
	Payload   string `db:"payload"`
	Step      string `db:"step"`
	Created   string `db:"created"`
}

type endRow struct {
	Execution string `db:"execution"`
	Was       string `db:"was"`
	Became    string `db:"became"`
}

// history is all that an instance's executions have left behind.
type history struct {
	executions []executionRow
	steps      []stepRow
	events     []eventRow
	ends       []endRow // with countEnds
	posts      []string // ids
	logs       []string // in the order of their commits
}

// history reads the database; countEnds has to have been called.
func (in *instance) history() *history {
	in.t.Helper()
	db := in.database()
	defer db.Close()
	h := &history{}
	all := func(sql string, into any) {
		require.NoErrorf(in.t, db.NewQuery(sql).All(into), "%s", sql)
	}
	all(`SELECT id, workflow, status, reason, parent, attempt, COALESCE(output, 'null') AS output, COALESCE(error, '') AS error,
		COALESCE(json_extract("trigger", '$.record'), '') AS record, COALESCE(json_extract("trigger", '$.step'), '') AS step
		FROM _workflowExecutions ORDER BY id`, &h.executions)
	all(`SELECT id, execution, branch, name, kind, status, COALESCE(result, 'null') AS result, ref, attempt, startedAt
		FROM _workflowSteps ORDER BY execution, branch, seq, name`, &h.steps)
	all("SELECT id, execution, name, payload, step, created FROM _workflowEvents ORDER BY id", &h.events)
	all("SELECT execution, was, became FROM ends ORDER BY rowid", &h.ends)
	require.NoError(in.t, db.NewQuery("SELECT id FROM posts").Column(&h.posts))
	require.NoError(in.t, db.NewQuery("SELECT message FROM logs ORDER BY rowid").Column(&h.logs))
	return h
}

// journal prints an execution with its steps, events and children, once it is
// needed.
type journal struct {
	history *history
	id      string
}

func (h *history) describe(id string) fmt.Stringer { return journal{h, id} }

func (j journal) String() string {
	var b strings.Builder
	for _, e := range j.history.executions {
		if e.ID == j.id || e.Parent == j.id {
			fmt.Fprintln(&b, "\nexecution", e.ID, e.Workflow, e.Status, e.Reason, "step="+e.Step, e.Output, e.Error)
		}
	}
	for _, s := range j.history.steps {
		if s.Execution == j.id {
			fmt.Fprintln(&b, "  step", s.ID, s.Branch, s.Kind, s.Name, s.Status, s.Result, "ref="+s.Ref)
		}
	}
	for _, v := range j.history.events {
		if v.Execution == j.id {
			fmt.Fprintln(&b, "  event", v.ID, v.Name, v.Payload, "step="+v.Step)
		}
	}
	return b.String()
}
