// Package trigger turns what happened, a REST write or a call of $workflows,
// into executions: it reads triggerWorkflows, checks rights, finds targets and
// stores the executions in the write's own transaction.
//
// It must not know JavaScript, SQL tables of the plugin, or how executions run.
package trigger
