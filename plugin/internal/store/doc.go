// Package store keeps definitions, executions and steps in PocketBase's own
// database: the system collections, the SQL of the hot path, the group
// commit and the realtime messages.
//
// What happens often (enqueue, claim, journal, finish) is plain SQL; what
// happens rarely (definitions) goes through app.Save, so that hooks and
// dashboards see it. The package knows nothing of JavaScript, of HTTP triggers
// or of who runs an execution.
//
// Errors by situation:
//
//	no such row                                  sql.ErrNoRows
//	the execution was deleted or has ended       workflow.ErrGone
//	the step is recorded with another result     workflow.ErrStepConflict
package store
