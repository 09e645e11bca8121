package engine

import (
	"context"
	"fmt"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// work runs one execution of the pool.
func (e *Engine) work(ctx context.Context, j *job) {
	defer e.jobs.Done()
	n := j.entry
	x, err := e.loaded(ctx, n)
	if !e.enter(j) {
		return
	}
	outcome := workflow.Outcome{Status: workflow.StatusQueued}
	if err == nil && x != nil {
		outcome, err = e.run(ctx, j, x)
	}
	j.slot.leave()
	switch {
	case x == nil && err == nil:
		e.settle(j, nil, workflow.Outcome{}, workflow.ErrGone)
	default:
		e.end(ctx, j, x, outcome, err)
	}
}

// loaded is the entry's execution, read if need be; nil when it does not wait
// any more.
func (e *Engine) loaded(ctx context.Context, n *entry) (*workflow.Execution, error) {
	if n.x == nil {
		found, err := e.config.Store.Load(ctx, []string{n.id})
		if err != nil {
			return nil, fmt.Errorf("read execution %s: %w", n.id, err)
		}
		if len(found) > 0 {
			n.x = found[0]
		}
	}
	if n.x == nil || n.x.Status.Final() {
		return nil, nil
	}
	n.x.Stored = n.x.Stored || n.stored
	return n.x, nil
}

// enter takes a place in the group of an entry that was just read; without one
// the job's turn ends, and it waits aside.
func (e *Engine) enter(j *job) bool {
	n := j.entry
	if n.known {
		return true // its place was taken with its turn
	}
	n.judge(e.config.Policy)
	e.mu.Lock()
	l := e.queue.lane(n.workflow)
	l.opening = nil
	mine := j.slot
	may := n.limit <= 0 || j.canceled || !e.running || e.limits.enter(n)
	if !may {
		j.slot = nil
		e.inFlight--
		l.inFlight--
	}
	e.dispatch()
	e.mu.Unlock()
	if !may {
		mine.leave()
	}
	return may
}

func (e *Engine) run(ctx context.Context, j *job, x *workflow.Execution) (workflow.Outcome, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.mu.Lock()
	if j.canceled || !e.running && !j.outside {
		e.mu.Unlock()
		return workflow.Outcome{Status: workflow.StatusQueued}, nil
	}
	j.cancel, j.began = cancel, e.config.Now()
	j.row = workflow.Execution{ID: x.ID, StartedAt: x.StartedAt, Attempt: x.Attempt + 1}
	if j.row.StartedAt.IsZero() {
		j.row.StartedAt = j.began
	}
	e.active[j] = struct{}{}
	e.tick()
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.active, j)
	}()
	return e.executor.run(ctx, x, j)
}

// end stores how an execution ended or what it waits for, and lets go of it. A
// failing write is tried again while the engine runs; runErr is why it could not
// be run at all.
func (e *Engine) end(ctx context.Context, j *job, x *workflow.Execution, outcome workflow.Outcome, runErr error) {
	if e.isCanceled(j) {
		e.settle(j, x, outcome, workflow.ErrGone)
		return
	}
	err := runErr
	if runErr != nil && ctx.Err() == nil {
		e.config.Logger().Error("An execution could not be run", "execution", j.entry.id, "workflow", j.entry.workflow, "error", runErr)
		sleep(ctx, finishRetry) // it is held meanwhile: else it would be taken up at once
	} else if runErr == nil && outcome.Status != workflow.StatusQueued {
		err = e.store(ctx, x, outcome, j)
		for wait := finishRetry; err != nil && !gone(err); wait = min(2*wait, finishRetryMax) {
			e.config.Logger().Error("An execution ended but this could not be stored; trying again", "execution", x.ID, "workflow", x.Workflow, "error", err)
			if !sleep(ctx, wait) {
				break // left to the next start
			}
			err = e.store(ctx, x, outcome, j)
		}
	}
	e.settle(j, x, outcome, err)
}

func (e *Engine) isCanceled(j *job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return j.canceled
}

// store writes an end or a wait.
func (e *Engine) store(ctx context.Context, x *workflow.Execution, outcome workflow.Outcome, j *job) error {
	ctx = context.WithoutCancel(ctx) // also while the engine stops
	if outcome.Status == workflow.StatusWaiting {
		x.Status = workflow.StatusWaiting
		e.mu.Lock()
		j.parks = true
		e.mu.Unlock()
		ready, err := e.config.Waits.Park(ctx, x, outcome.Park)
		if err != nil {
			return fmt.Errorf("park execution %s: %w", x.ID, err)
		}
		if ready {
			e.mu.Lock()
			j.again = true
			e.mu.Unlock()
		}
		return nil
	}
	outcome.Apply(x)
	if x.FinishedAt.IsZero() {
		x.FinishedAt = e.config.Now()
	}
	if x.Sequel == nil { // else this is not the first try
		x.Sequel = e.config.Sequel(x)
	}
	ended, err := e.config.Store.Finish(ctx, x)
	if err != nil {
		return fmt.Errorf("store the end of execution %s: %w", x.ID, err)
	}
	e.Wake(ended.Woken...)
	e.interrupt(ended.Canceled)
	if x.Sequel != nil {
		e.Submit(x.Sequel)
	}
	return nil
}

// settle lets go of a job and starts what that makes room for.
func (e *Engine) settle(j *job, x *workflow.Execution, outcome workflow.Outcome, err error) {
	final := err == nil && outcome.Status.Final()
	if final {
		e.config.OnFinish(x)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	n := j.entry
	if !j.outside {
		e.inFlight--
		e.queue.lane(n.workflow).inFlight--
	}
	if e.held[n.id] == j {
		delete(e.held, n.id)
	}
	parked := err == nil && outcome.Status == workflow.StatusWaiting
	failed := err != nil && !gone(err)
	if !parked && !failed {
		e.freeGroup(n.id)
	}
	if final || gone(err) {
		if gone(err) {
			outcome = workflow.Outcome{Status: workflow.StatusCanceled, Reason: "canceled"}
		}
		e.tell(n.id, ending{outcome: outcome})
	} else if outcome.Status == workflow.StatusQueued || !e.running {
		e.tell(n.id, ending{outcome: workflow.Outcome{Status: workflow.StatusQueued}, err: err})
	}
	if !e.running {
		e.signalIdle()
		return
	}
	switch {
	case parked && j.again, failed:
		e.hold(&entry{id: n.id, workflow: n.workflow, stored: true})
	case parked:
		e.alarm.set(outcome.Park.WakeAt)
	}
	e.dispatch()
}

// freeGroup gives back an execution's place in its group. The lock is held.
func (e *Engine) freeGroup(id string) {
	if next := e.limits.leave(id); next != nil {
		e.queue.pushFront(next)
	}
}

// tell lets the callers of Run know. The lock is held.
func (e *Engine) tell(id string, how ending) {
	for _, w := range e.waiters[id] {
		w <- how
	}
	delete(e.waiters, id)
}
