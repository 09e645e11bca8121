package engine

import (
	"context"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Reserve keeps executions for calls of Run: they are not taken up before. Free
// ends that for those that are not to be run.
func (e *Engine) Reserve(ids ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		e.reserved[id] = struct{}{}
	}
}

// Free ends a Reserve.
func (e *Engine) Free(ids ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		delete(e.reserved, id)
	}
}

// Run runs a committed execution now, outside the pool, and returns when it has
// ended, over all its waits. When ctx ends first, Run returns its error and the
// execution goes on.
func (e *Engine) Run(ctx context.Context, x *workflow.Execution) (workflow.Outcome, error) {
	end := make(chan ending, 1)
	n := &entry{id: x.ID, workflow: x.Workflow, x: x}
	n.judge(e.config.Policy)
	e.mu.Lock()
	e.waiters[x.ID] = append(e.waiters[x.ID], end)
	delete(e.reserved, x.ID)
	switch {
	case e.held[x.ID] != nil:
	case e.running && n.limit > 0: // its group's turn has to come
		e.hold(n)
		e.dispatch()
	default:
		j := &job{entry: n, outside: true, branchesRun: &e.jobs}
		e.held[x.ID] = j
		life := e.ctx
		e.jobs.Add(1)
		go func() {
			defer e.jobs.Done()
			outcome, err := e.run(life, j, x)
			e.end(life, j, x, outcome, err)
		}()
	}
	e.mu.Unlock()
	select {
	case how := <-end:
		return how.outcome, how.err
	case <-ctx.Done():
		return workflow.Outcome{}, context.Cause(ctx)
	}
}
