package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// page is how many executions one read of the store brings.
	page = 256
	// perWorker is how many executions of one workflow may be under way for each
	// worker: most of them wait for a commit.
	perWorker = 16
	// allPerWorker bounds the same over all workflows.
	allPerWorker = 128
)

// finishRetry is how long a failed write of an execution's end or a failed
// read waits before it is tried again; it doubles up to finishRetryMax.
const (
	finishRetry    = time.Second
	finishRetryMax = 30 * time.Second
)

// Engine runs executions. It can be stopped and started again.
type Engine struct {
	config   Config
	executor *Executor
	slots    *slots
	alarm    *alarm

	mu      sync.Mutex
	running bool // between Start and Stop
	paused  bool
	queue   *queue
	limits  *limiter
	// held are the executions that wait here or run, so that none runs twice.
	held map[string]*job
	// active are the jobs that run.
	active map[*job]struct{}
	// inFlight counts the jobs of the pool that run.
	inFlight int
	// reads are the reads of the store that may bring more to do.
	reads   int
	loading bool
	// occupied is true once parked executions have their places in their groups
	// back: nothing starts before.
	occupied bool
	// scanned is the highest id that a scan has found. What is submitted with a
	// lower one may have run already: its committer was late.
	scanned string
	ticker  *time.Timer
	// waiters are the callers of Run, by execution.
	waiters map[string][]chan ending
	// reserved are executions that Run will be called for.
	reserved map[string]struct{}
	idle     []chan struct{} // waiting Drain calls

	ctx    context.Context //nolint:containedctx // the life of the engine between Start and Stop
	cancel context.CancelCauseFunc
	// taking ends as soon as Stop is called, ctx when what ran has ended.
	taking     context.Context //nolint:containedctx // as ctx
	stopTaking context.CancelFunc
	jobs       sync.WaitGroup
}

// ending is what a caller of Run waits for.
type ending struct {
	outcome workflow.Outcome
	err     error
}

// New makes an engine that is stopped. Run works before Start too.
func New(config Config) *Engine {
	config = config.withDefaults()
	e := &Engine{
		config:  config,
		queue:   newQueue(config.Buffer),
		limits:  newLimiter(),
		held:    map[string]*job{},
		active:  map[*job]struct{}{},
		waiters: map[string][]chan ending{}, reserved: map[string]struct{}{},
		slots: &slots{free: config.Workers, now: config.Now},
	}
	e.executor = &Executor{
		Journal: config.Journal, Waits: config.Waits, Tasks: config.Tasks, Runner: config.Runner, Now: config.Now, Policy: config.Policy,
		started: func(child *workflow.Execution) { e.Submit(child) },
	}
	e.slots.freed = func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.dispatch()
	}
	e.alarm = &alarm{now: config.Now, ring: e.ring}
	e.alarm.off = true
	e.live()
	return e
}

// live begins the time until the next Stop.
func (e *Engine) live() {
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	e.taking, e.stopTaking = context.WithCancel(e.ctx)
}

// Start takes up what the store holds and from then on what is submitted.
// Starting twice does nothing.
func (e *Engine) Start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		return nil
	}
	e.live()
	e.running = true
	e.queue.clear() // what was put there while the last ones ended
	e.limits = newLimiter()
	e.occupied = false
	e.alarm.start()
	e.read(e.scan)
	e.read(e.due)
	return nil
}

// Stop takes nothing up any more, waits up to ShutdownTimeout for what runs,
// interrupts the rest and returns when all of it has ended.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.running = false
	for id, j := range e.held {
		if j.waits() {
			delete(e.held, id)
		}
	}
	e.queue.clear()
	e.limits = newLimiter()
	e.signalIdle()
	e.stopTaking()
	cancel := e.cancel
	e.mu.Unlock()
	e.alarm.stop()

	done := make(chan struct{})
	go func() {
		e.jobs.Wait()
		close(done)
	}()
	timer := time.NewTimer(e.config.ShutdownTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	cancel(ErrStopping)
	<-done
	e.mu.Lock()
	defer e.mu.Unlock()
	for id := range e.waiters {
		if e.held[id] == nil { // parked, or left to the next start
			e.tell(id, ending{outcome: workflow.Outcome{Status: workflow.StatusQueued}})
		}
	}
}

// Pause takes nothing up until Resume; what runs goes on.
func (e *Engine) Pause() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = true
}

// Resume ends a Pause.
func (e *Engine) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = false
	e.dispatch()
}

// Drain waits until nothing waits for its turn and nothing runs, or until ctx
// ends. Parked executions do not count.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	done := make(chan struct{})
	e.idle = append(e.idle, done)
	e.signalIdle()
	e.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the engine to be idle: %w", context.Cause(ctx))
	}
}

// signalIdle wakes the Drain calls when there is nothing left to do. The lock
// is held.
func (e *Engine) signalIdle() {
	if len(e.held) > 0 || e.reads > 0 {
		return
	}
	for _, done := range e.idle {
		close(done)
	}
	e.idle = nil
}

// sleep waits for d and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
