//go:build !race

package e2e

// manyParked is how many executions sleep in TestTimers_Many.
const manyParked = 100_000
