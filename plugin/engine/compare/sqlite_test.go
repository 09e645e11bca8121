package compare

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// pragmas are those that PocketBase opens its databases with. Transactions take
// the write lock at once: one that reads first and is overtaken before it writes
// would fail instead of waiting.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)" +
	"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)" +
	"&_txlock=immediate"

// openSQLite makes a database in a directory of its own. An engine that is
// stopped by a later Cleanup is stopped before the database closes.
//
// It has one connection, as River's driver recommends. For DBOS, which opens
// eight by default, that is faster too: with several, writers sleep in SQLite's
// busy handler until they get their turn.
func openSQLite(b *testing.B) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "data.db")+pragmas)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	db.SetMaxOpenConns(1)
	return db
}
