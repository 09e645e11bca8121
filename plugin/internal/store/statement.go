package store

import (
	"strconv"
	"strings"

	"github.com/pocketbase/dbx"
)

// statement is SQL whose "?" have become dbx's named placeholders, once.
type statement struct {
	sql   string
	names []string
}

func newStatement(sql string) *statement {
	s := &statement{}
	var b strings.Builder
	parts := strings.Split(sql, "?")
	for i, part := range parts {
		b.WriteString(part)
		if i == len(parts)-1 {
			break
		}
		name := "p" + strconv.Itoa(i)
		s.names = append(s.names, name)
		b.WriteString("{:" + name + "}")
	}
	s.sql = b.String()
	return s
}

func (s *statement) bind(args []any) dbx.Params {
	params := make(dbx.Params, len(args))
	for i, arg := range args {
		params[s.names[i]] = arg
	}
	return params
}

// batch runs statements on one transaction. With prepare set it compiles every
// statement once, which pays when they come again.
type batch struct {
	db       dbx.Builder
	prepare  bool
	prepared map[*statement]*dbx.Query
}

// exec returns how many rows were written.
func (b *batch) exec(s *statement, args ...any) (int64, error) {
	res, err := b.query(s).Bind(s.bind(args)).Execute()
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (b *batch) query(s *statement) *dbx.Query {
	if !b.prepare {
		return b.db.NewQuery(s.sql)
	}
	q := b.prepared[s]
	if q == nil {
		q = b.db.NewQuery(s.sql).Prepare()
		if b.prepared == nil {
			b.prepared = map[*statement]*dbx.Query{}
		}
		b.prepared[s] = q
	}
	return q
}

func (b *batch) close() {
	for _, q := range b.prepared {
		_ = q.Close() // the transaction's end releases it anyway
	}
}
