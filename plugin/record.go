package plugin

import (
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// commits lets the record trigger take part in anybody's transactions.
type commits struct{ *store.Store }

// HandOver gives the engine what one transaction has committed, or tells the
// process that has it.
func (x *executions) HandOver(whole []*workflow.Execution, others []workflow.Waiter) {
	if !x.owner.Owns() {
		x.ring()
		return
	}
	x.engine.Submit(whole...)
	x.engine.Wake(others...)
}
