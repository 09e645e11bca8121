package store

import (
	"database/sql"
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
)

// statement is SQL with "?" placeholders, also in dbx's form, once.
type statement struct {
	plain string
	named string
	names []string
}

func newStatement(plain string) *statement {
	s := &statement{plain: plain}
	var b strings.Builder
	parts := strings.Split(plain, "?")
	for i, part := range parts {
		b.WriteString(part)
		if i == len(parts)-1 {
			break
		}
		name := "p" + strconv.Itoa(i)
		s.names = append(s.names, name)
		b.WriteString("{:" + name + "}")
	}
	s.named = b.String()
	return s
}

func (s *statement) bind(args []any) dbx.Params {
	params := make(dbx.Params, len(args))
	for i, arg := range args {
		params[s.names[i]] = arg
	}
	return params
}

// batch runs statements on one open transaction.
type batch struct {
	db dbx.Builder
	// tx and prepared are set where the writer owns the transaction; statements
	// that are not prepared go through db, which is the same transaction.
	tx       *sql.Tx
	prepared map[*statement]*sql.Stmt
}

// exec returns how many rows were written.
func (b *batch) exec(s *statement, args ...any) (int64, error) {
	res, err := b.execute(s, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (b *batch) execute(s *statement, args []any) (sql.Result, error) {
	if stmt := b.prepared[s]; stmt != nil {
		return b.tx.Stmt(stmt).Exec(args...) //nolint:noctx,sqlclosecheck // a batch is committed whole, whoever gave up waiting; the transaction closes its copy
	}
	return b.db.NewQuery(s.named).Bind(s.bind(args)).Execute()
}

// lock makes a transaction the only writer before it has read anything. Without
// it, one that reads first and writes then fails, and can't be helped by trying
// the write again, when another process has committed in between: SQLite lets
// nobody write on what is old by now.
var lock = newStatement("UPDATE " + workflowsName + " SET paused=paused WHERE 0")
