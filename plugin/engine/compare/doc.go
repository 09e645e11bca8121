// Package compare measures this project's engine beside other durable engines
// that run on SQLite inside a Go program:
//
//	ours        this project's plugin in a PocketBase app that serves
//	dbos        DBOS Transact Go, workflows started directly: RunWorkflow
//	            stores the workflow and runs it on a goroutine of its own
//	dbos-queue  the same with a DBOS queue, polled every 10 ms
//	river       River with its SQLite driver, a job queue
//
// All use the same modernc.org/sqlite, PocketBase's pragmas, a database file in
// a temporary directory of its own, and run one after the other in one process.
// It is a module of its own, so that nobody who uses the plugin gets the others
// as dependencies. To run it, in this folder:
//
//	go test -run '^$' -bench . -benchtime 5000x -timeout 60m
//
// BenchmarkEngines compares them with a history of finished executions in their
// tables: executions with one step and with five, started by 64 goroutines,
// timed from the first start until the last end is stored (exec/s); and one
// execution at a time on an idle engine, from start to stored end (p50-ms).
// River has no five, and worked-p50-ms besides: until the function of the job
// has returned, its end not yet stored.
//
// BenchmarkHistory is about ours alone: what an enqueue costs and how many
// executions the queue runs must not depend on how many have finished already.
// Numbers of one size should be within 20 % of those of another.
//
// Every benchmark checks in the database that each execution has completed.
//
// The environment variable COMPARE_HISTORY is how many finished executions the
// tables hold, 100000 by default; BenchmarkHistory measures a hundredth of it,
// all of it, and ten times as many. The finished executions are copies of a real
// one with one step.
package compare
