// Package conformance holds the tests of what a step of every kind promises,
// with real scripts, the real engine and a real database: it is replayed, not
// run again; a crash at any point loses and doubles nothing; a cancel and a
// time-out end what waits.
//
// It has no code of its own. Only here engine, script and store meet below the
// plugin, so that a test can cut a process off from its database at any write.
package conformance
