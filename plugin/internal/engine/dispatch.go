package engine

import (
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Submit hands over executions whose rows have committed. It never blocks: what
// finds no room in memory is read from the store when its turn comes.
func (e *Engine) Submit(executions ...*workflow.Execution) {
	entries := make([]*entry, len(executions))
	for i, x := range executions {
		entries[i] = &entry{id: x.ID, workflow: x.Workflow, stored: x.Stored, x: x}
		entries[i].judge(e.config.Policy)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running {
		return // the next Start reads the rows
	}
	for _, n := range entries {
		if n.x.Status == workflow.StatusWaiting {
			e.alarm.set(n.x.WakeAt)
			continue
		}
		if n.id <= e.scanned {
			n.x, n.stored = nil, true
		}
		e.hold(n)
	}
	e.dispatch()
}

// Wake takes up executions that something has queued which were parked.
func (e *Engine) Wake(woken ...workflow.Waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running {
		return
	}
	for _, w := range woken {
		e.wake(w)
	}
	e.dispatch()
}

// wake is Wake with the lock held.
func (e *Engine) wake(w workflow.Waiter) {
	if j := e.held[w.ID]; j != nil {
		j.again = true // it is about to park
		return
	}
	e.hold(&entry{id: w.ID, workflow: w.Workflow, stored: true})
}

// Look reads the store for executions that others have queued.
func (e *Engine) Look() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		e.read(e.scan)
		e.read(e.due)
	}
}

// Kick starts what may run now that it could not before: a workflow's pause has
// ended, or its priority has changed.
func (e *Engine) Kick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dispatch()
}

// hold queues an entry unless its execution is held already. The lock is held.
func (e *Engine) hold(n *entry) {
	if _, kept := e.reserved[n.id]; kept || e.held[n.id] != nil {
		return
	}
	e.held[n.id] = &job{entry: n, branchesRun: &e.jobs}
	e.queue.push(n)
}

// may reports whether a lane's next entry may run. The lock is held.
func (e *Engine) may(l *lane) bool {
	return l.opening == nil && l.inFlight < perWorker*e.config.Workers && l.busy.Load() < int64(e.config.Workers) && !e.config.Paused(l.workflow)
}

// next takes the entry whose turn it is; those whose group is full wait aside.
// The lock is held.
func (e *Engine) next() *entry {
	for {
		n := e.queue.pop(e.may, e.config.Priority)
		if n == nil || n.limit <= 0 || e.limits.enter(n) {
			return n
		}
	}
}

// dispatch starts what may run. The lock is held.
func (e *Engine) dispatch() {
	defer e.signalIdle()
	if !e.running || e.paused || !e.occupied {
		return
	}
	for e.queue.size > 0 && e.inFlight < allPerWorker*e.config.Workers && e.slots.try() {
		n := e.next()
		if n == nil {
			e.slots.mu.Lock()
			e.slots.handOver()
			e.slots.mu.Unlock()
			break
		}
		l := e.queue.lane(n.workflow)
		if !n.known {
			l.opening = n
		}
		l.inFlight++
		e.inFlight++
		j := e.held[n.id]
		j.slot = &slot{slots: e.slots, busy: &l.busy}
		j.slot.took()
		e.jobs.Add(1)
		go e.work(e.ctx, j)
	}
	if !e.loading && e.queue.size > e.queue.loaded && e.queue.loaded <= e.config.Buffer/2 {
		e.loading = true
		e.read(e.load)
	}
}
