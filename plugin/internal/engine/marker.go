package engine

import (
	"context"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// slow is how long an execution runs before its row says so. Most end sooner,
// and a write that nobody could see is not worth its transaction.
const slow = 100 * time.Millisecond

// marker stores "running" for the executions that take a while. Its timer is
// armed only while some run.
type marker struct {
	engine *Engine

	mu    sync.Mutex
	since map[*workflow.Execution]watched
	timer *time.Timer
	busy  sync.WaitGroup
}

// watched is an execution that runs since a time; its StartedAt is that of its
// first attempt.
type watched struct {
	since time.Time
	// row is a copy: the worker goes on writing to its own.
	row workflow.Execution
}

func newMarker(e *Engine) *marker {
	return &marker{engine: e, since: map[*workflow.Execution]watched{}}
}

func (m *marker) watch(e *workflow.Execution) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := watched{since: m.engine.config.Now(), row: workflow.Execution{ID: e.ID, StartedAt: e.StartedAt, Attempt: e.Attempt + 1}}
	if w.row.StartedAt.IsZero() {
		w.row.StartedAt = w.since
	}
	m.since[e] = w
	m.arm()
}

func (m *marker) forget(e *workflow.Execution) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.since, e)
}

// arm sets the timer unless it is set. The lock is held.
func (m *marker) arm() {
	if m.timer == nil && len(m.since) > 0 {
		m.timer = time.AfterFunc(slow, m.mark)
	}
}

func (m *marker) mark() {
	m.mu.Lock()
	m.timer = nil
	now := m.engine.config.Now()
	var due []*workflow.Execution
	for key, w := range m.since {
		if now.Sub(w.since) >= slow {
			due = append(due, &w.row)
			delete(m.since, key)
		}
	}
	m.arm()
	m.busy.Add(1)
	m.mu.Unlock()
	defer m.busy.Done()
	if len(due) == 0 {
		return
	}
	if err := m.engine.config.Store.MarkRunning(context.Background(), due); err != nil {
		m.engine.config.Logger().Warn("Marking slow executions as running failed", "error", err)
	}
}

// stop ends the timer and waits for a write that is under way.
func (m *marker) stop() {
	m.mu.Lock()
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	m.mu.Unlock()
	m.busy.Wait()
}
