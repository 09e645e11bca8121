package workflow

import "context"

type runningKey struct{}

// WithRunning marks what is done with the returned context as done by the script
// of an execution.
func WithRunning(ctx context.Context, e *Execution) context.Context {
	return context.WithValue(ctx, runningKey{}, e)
}

// Running is the execution whose script does what ctx is used for, or nil.
func Running(ctx context.Context) *Execution {
	if ctx == nil {
		return nil
	}
	e, _ := ctx.Value(runningKey{}).(*Execution)
	return e
}
