package script

import (
	"context"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/core"
)

type recordKey struct{}

// WithRecord makes record the ctx.record of runs with the returned context: the
// one that a request is about to write.
func WithRecord(ctx context.Context, record *core.Record) context.Context {
	return context.WithValue(ctx, recordKey{}, record)
}

// setRecord adds ctx.record, for executions that have one.
func (x *run) setRecord(ctx *goja.Object) {
	if record, ok := x.ctx.Value(recordKey{}).(*core.Record); ok {
		_ = ctx.Set("record", x.vm.ToValue(record))
	}
}
