package engine

import (
	"context"
	"fmt"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Cancel ends executions from outside, with the children that they wait for, and
// returns the ids of those that this ended. What runs is interrupted.
func (e *Engine) Cancel(ctx context.Context, ids []string, reason string) ([]string, error) {
	done, err := e.config.Store.Cancel(ctx, ids, reason)
	if err != nil {
		return nil, fmt.Errorf("cancel executions: %w", err)
	}
	e.interrupt(done)
	return done.IDs, nil
}

// Canceled is told of executions that were ended in the store otherwise.
func (e *Engine) Canceled(done workflow.Canceled) { e.interrupt(done) }

// interrupt stops the jobs of executions that were ended in the store.
func (e *Engine) interrupt(done workflow.Canceled) {
	if len(done.IDs) == 0 && len(done.Woken) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	waiting := map[string]struct{}{}
	for _, id := range done.IDs {
		j := e.held[id]
		if j != nil {
			if !j.waits() {
				j.canceled = true
				if j.cancel != nil {
					j.cancel(ErrCanceled)
				}
				continue
			}
			waiting[id] = struct{}{}
			delete(e.held, id)
		}
		e.freeGroup(id)
		e.tell(id, ending{outcome: workflow.Outcome{Status: workflow.StatusCanceled, Reason: "canceled"}})
	}
	if len(waiting) > 0 {
		e.limits.drop(waiting)
		e.queue.settle(waiting)
	}
	for _, w := range done.Woken {
		if e.running {
			e.wake(w)
		}
	}
	e.dispatch()
}
