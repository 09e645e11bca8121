//go:build race

package e2e

// manyParked is fewer with the race detector: the database runs in the test
// itself while it inserts them, and some twenty times slower.
const manyParked = 5_000
