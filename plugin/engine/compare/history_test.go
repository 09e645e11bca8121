package compare

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// defaultHistory is how many finished executions the tables hold, unless
// COMPARE_HISTORY says otherwise.
const defaultHistory = 100_000

// fillRows is how many executions one statement copies.
const fillRows = 10_000

// table says how the rows of an execution are copied in one table.
type table struct {
	name string
	// key is the column with the execution's id.
	key string
	// own are the columns that every copy has its own value in: SQL in which i is
	// the number of the copy, from 1.
	own map[string]string
}

// historySize is how many finished executions the tables shall hold.
func historySize(b *testing.B) int {
	b.Helper()
	value := os.Getenv("COMPARE_HISTORY")
	if value == "" {
		return defaultHistory
	}
	n, err := strconv.Atoi(value)
	require.NoError(b, err, "COMPARE_HISTORY")
	return n
}

// fill runs one execution and copies its rows n times, then moves all of it from
// the write-ahead log into the database file.
func fill(b *testing.B, e engine, n int) {
	b.Helper()
	id, err := e.start(b.Context(), newWork(1))
	require.NoError(b, err)
	drain(b, e)
	before := completed(b, e)
	for _, t := range e.rows() {
		statement := t.copySQL(b, e)
		for first := 1; first <= n; first += fillRows {
			_, err := e.database().ExecContext(b.Context(), statement, first, min(first+fillRows-1, n), id)
			require.NoError(b, err, t.name)
		}
	}
	require.Equal(b, before+n, completed(b, e), "copies")
	_, err = e.database().ExecContext(b.Context(), "PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(b, err)
}

// copySQL copies the rows of an execution; its parameters are the numbers of the
// first and the last copy and the execution's id.
func (t table) copySQL(b *testing.B, e engine) string {
	b.Helper()
	names := columns(b, e, t.name)
	values := slices.Clone(names)
	for i, name := range names {
		if own, ok := t.own[name]; ok {
			values[i] = own
		} else {
			values[i] = quote(name)
		}
		names[i] = quote(name)
	}
	return "WITH RECURSIVE numbers(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM numbers WHERE i < ?) " +
		"INSERT INTO " + quote(t.name) + " (" + strings.Join(names, ", ") + ") " +
		"SELECT " + strings.Join(values, ", ") + " FROM numbers, " + quote(t.name) + " WHERE " + quote(t.key) + " = ?"
}

func columns(b *testing.B, e engine, tableName string) []string {
	b.Helper()
	rows, err := e.database().QueryContext(b.Context(), "SELECT name FROM pragma_table_info(?)", tableName)
	require.NoError(b, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		require.NoError(b, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(b, rows.Err())
	require.NotEmpty(b, names, tableName)
	return names
}

func quote(name string) string { return `"` + name + `"` }
