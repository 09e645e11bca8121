package engine

import (
	"context"
	"slices"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// read runs one read of the store in the background, again and again until it
// succeeds or the engine stops. The lock is held.
func (e *Engine) read(once func(ctx context.Context) error) {
	e.reads++
	ctx := e.taking
	e.jobs.Add(1)
	go func() {
		defer e.jobs.Done()
		for wait := finishRetry; ; wait = min(2*wait, finishRetryMax) {
			err := once(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			e.config.Logger().Error("Reading the waiting executions failed; trying again", "error", err)
			if !sleep(ctx, wait) {
				break
			}
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.reads--
		e.dispatch()
	}()
}

// scan queues all executions that are stored as queued or running and not held
// here: an earlier process or another one has left them.
func (e *Engine) scan(ctx context.Context) error {
	e.mu.Lock()
	occupied := e.occupied
	e.mu.Unlock()
	arrange := e.vacate
	if !occupied {
		arrange = e.occupy
	}
	if err := arrange(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		found, err := e.config.Store.Active(ctx, after, 4*page)
		if err != nil {
			return err
		}
		e.mu.Lock()
		if !e.running || ctx.Err() != nil {
			e.mu.Unlock()
			return nil
		}
		for _, w := range found {
			after, e.scanned = w.ID, max(e.scanned, w.ID)
			if j := e.held[w.ID]; j != nil && j.parks {
				j.again = true // another process may have woken it since
				continue
			}
			e.hold(&entry{id: w.ID, workflow: w.Workflow, stored: true})
		}
		e.dispatch()
		e.mu.Unlock()
		if len(found) < 4*page {
			return nil
		}
	}
}

// occupy gives the executions that are in progress back the places that they
// have in their groups.
func (e *Engine) occupy(ctx context.Context) error {
	for _, key := range e.config.Limited() {
		begun, err := e.config.Store.Begun(ctx, key)
		if err != nil {
			return err
		}
		e.mu.Lock()
		for _, x := range begun {
			if policy := e.config.Policy(x); policy.Limit > 0 && e.running {
				e.limits.occupy(policy.Group, x.ID)
			}
		}
		e.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.occupied = true
	e.dispatch()
	return nil
}

// vacate takes the places of parked executions that have ended without our doing:
// another process has canceled them.
func (e *Engine) vacate(ctx context.Context) error {
	e.mu.Lock()
	var parked []string
	for id := range e.limits.group {
		if e.held[id] == nil {
			parked = append(parked, id)
		}
	}
	e.mu.Unlock()
	for ids := range slices.Chunk(parked, page) {
		found, err := e.config.Store.Load(ctx, ids)
		if err != nil {
			return err
		}
		live := map[string]struct{}{}
		for _, x := range found {
			if !x.Status.Final() {
				live[x.ID] = struct{}{}
			}
		}
		e.mu.Lock()
		for _, id := range ids {
			if _, is := live[id]; !is && e.held[id] == nil {
				e.freeGroup(id)
			}
		}
		e.mu.Unlock()
	}
	return nil
}

// load brings the ids whose turn is next into memory.
func (e *Engine) load(ctx context.Context) error {
	defer func() {
		e.mu.Lock()
		e.loading = false
		e.mu.Unlock()
	}()
	for {
		e.mu.Lock()
		entries := e.queue.unloaded(page)
		e.mu.Unlock()
		if len(entries) == 0 || ctx.Err() != nil {
			return nil
		}
		ids := make([]string, len(entries))
		for i, n := range entries {
			ids[i] = n.id
		}
		found, err := e.config.Store.Load(ctx, ids)
		if err != nil {
			return err
		}
		byID := make(map[string]*entry, len(found))
		for _, x := range found {
			n := &entry{x: x}
			n.judge(e.config.Policy)
			byID[x.ID] = n
		}
		e.mu.Lock()
		gone := map[string]struct{}{}
		for _, n := range entries {
			switch read := byID[n.id]; {
			case read != nil:
				if j := e.held[n.id]; j != nil && j.waits() { // else it reads its own
					n.x, n.known, n.group, n.limit = read.x, read.known, read.group, read.limit
				}
			default:
				if j := e.held[n.id]; j != nil && j.waits() && j.entry == n {
					gone[n.id] = struct{}{}
					delete(e.held, n.id)
					e.freeGroup(n.id)
				}
			}
		}
		e.queue.settle(gone)
		e.dispatch()
		e.mu.Unlock()
	}
}

// ring takes up what is due. The alarm calls it.
func (e *Engine) ring() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		e.read(e.due)
	}
}

// due queues the parked executions whose time has come and sets the alarm to the
// next one.
func (e *Engine) due(ctx context.Context) error {
	for {
		found, err := e.config.Store.Due(ctx, e.config.Now(), page)
		if err != nil {
			return err
		}
		entries := make([]*entry, len(found))
		for i, x := range found {
			entries[i] = &entry{id: x.ID, workflow: x.Workflow, stored: true, x: x}
			entries[i].judge(e.config.Policy)
		}
		e.mu.Lock()
		if !e.running {
			e.mu.Unlock()
			return nil // the next Start reads the rows
		}
		for _, n := range entries {
			if j := e.held[n.id]; j != nil {
				j.again = true
				continue
			}
			e.hold(n)
		}
		e.dispatch()
		e.mu.Unlock()
		if len(found) == page {
			continue
		}
		next, err := e.config.Store.NextWake(ctx)
		if err != nil {
			return err
		}
		e.alarm.set(next)
		return nil
	}
}

// slow is how long an execution runs before its row says so, and how long a
// script may keep a slot. Most end sooner, and a write that nobody could see is
// not worth its transaction.
const slow = 100 * time.Millisecond

// tick sets the ticker unless it is set. The lock is held.
func (e *Engine) tick() {
	if e.ticker == nil && len(e.active) > 0 {
		e.ticker = time.AfterFunc(slow, e.lookAfter)
	}
}

// lookAfter stores "running" for the executions that take a while, and takes
// their slots from scripts that keep the CPU.
func (e *Engine) lookAfter() {
	e.mu.Lock()
	e.ticker = nil
	if len(e.active) == 0 {
		e.mu.Unlock()
		return
	}
	now := e.config.Now()
	var marks []*workflow.Execution
	var scripts []*slot
	for j := range e.active {
		if now.Sub(j.began) < slow {
			continue
		}
		if !j.marked {
			j.marked = true
			marks = append(marks, &j.row)
		}
		scripts = append(scripts, j.scripts()...)
	}
	e.tick()
	e.jobs.Add(1)
	e.mu.Unlock()
	defer e.jobs.Done()
	for _, s := range scripts {
		s.expire(slow)
	}
	if len(marks) == 0 {
		return
	}
	if err := e.config.Store.MarkRunning(context.Background(), marks); err != nil {
		e.config.Logger().Warn("Marking slow executions as running failed", "error", err)
	}
}
