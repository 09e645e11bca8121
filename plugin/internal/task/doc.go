// Package task is what people do with tasks: it finds those who are asked, checks
// their answers against the fields that were asked for, writes to them, and lets
// them answer, delegate, add others and withdraw.
//
// Who decides what is the domain's (package workflow). It must not know how tasks
// are stored or how executions run: a task that ends sends its execution an event.
package task
