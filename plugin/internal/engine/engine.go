package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// page is how many executions one refill reads.
	page = 256
	// maxEnds is how many ends are stored at a time; they share commits.
	maxEnds = 64
)

// finishRetry is how long a failed write of an execution's end or a failed
// refill waits before it is tried again; it doubles up to finishRetryMax.
const (
	finishRetry    = time.Second
	finishRetryMax = 30 * time.Second
)

// Engine runs executions. It can be stopped and started again.
type Engine struct {
	config   Config
	executor *Executor
	marker   *marker

	mu      sync.Mutex
	running bool // between Start and Stop
	paused  bool
	started time.Time
	workers int
	busy    int // workers that have an execution
	buffer  []*workflow.Execution
	// held are the ids that are buffered or running, so that none runs twice.
	held map[string]struct{}
	// dirty are the ids that ran in this process without a stored end: these
	// have a journal though they are not from an earlier process.
	dirty map[string]struct{}
	// released are the ids that were let go of during the present read of a
	// refill, which may still have seen them as active.
	released map[string]struct{}
	// ends bounds the ends that are on their way into the store.
	ends chan struct{}
	// backlog is true when the store may have executions that are not held. Until
	// those up to cursor and beyond are read, new ones queue up behind them: else
	// a busy server would starve the old ones.
	backlog   bool
	cursor    string
	overflow  bool // some came since the pass from the start began
	refilling bool
	// passed is the highest id that a refill has read. What is submitted with a
	// lower one may have run already: its committer was late.
	passed string
	idle   []chan struct{} // waiting Drain calls
	ctx    context.Context //nolint:containedctx // the life of the engine between Start and Stop
	cancel context.CancelCauseFunc
	// taking ends as soon as Stop is called, ctx when what ran has ended.
	taking     context.Context //nolint:containedctx // as ctx
	stopTaking context.CancelFunc
	jobs       sync.WaitGroup
}

// New makes an engine that is stopped. Run works before Start too.
func New(config Config) *Engine {
	config = config.withDefaults()
	e := &Engine{
		config:   config,
		executor: &Executor{Store: config.Store, Runner: config.Runner, Now: config.Now, Timeout: config.Timeout},
		held:     map[string]struct{}{},
		dirty:    map[string]struct{}{},
		released: map[string]struct{}{},
		ends:     make(chan struct{}, maxEnds),
	}
	e.marker = newMarker(e)
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
	e.started = e.config.Now()
	e.backlog, e.cursor = true, ""
	e.dispatch()
	return nil
}

// Stop takes nothing up any more, waits up to ShutdownTimeout for what runs,
// interrupts the rest and returns when all of it has ended.
func (e *Engine) Stop() {
	e.mu.Lock()
	e.running = false
	for _, x := range e.buffer {
		delete(e.held, x.ID)
	}
	e.buffer = nil
	e.signalIdle()
	e.stopTaking()
	cancel := e.cancel
	e.mu.Unlock()

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
	e.marker.stop()
}

// Submit hands over executions whose rows have committed. It never blocks: what
// finds no room in memory is read from the store later.
func (e *Engine) Submit(executions ...*workflow.Execution) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running {
		return // the next Start reads the rows
	}
	for _, x := range executions {
		if e.backlog || len(e.buffer) >= e.config.Buffer || x.ID <= e.passed {
			e.backlog, e.overflow = true, true
			break
		}
		e.hold(x)
	}
	e.dispatch()
}

// hold buffers x unless it is held already. The lock is held.
func (e *Engine) hold(x *workflow.Execution) {
	if _, ok := e.held[x.ID]; ok {
		return
	}
	e.held[x.ID] = struct{}{}
	e.buffer = append(e.buffer, x)
}

// dispatch starts workers for what waits, and a refill when there is room and
// a backlog. The lock is held.
func (e *Engine) dispatch() {
	defer e.signalIdle()
	if !e.running || e.paused {
		return
	}
	for e.workers < e.config.Workers && e.workers-e.busy < len(e.buffer) {
		e.workers++
		e.jobs.Add(1)
		go e.work()
	}
	if e.backlog && !e.refilling && len(e.buffer) <= e.config.Buffer/2 {
		e.refilling = true
		e.jobs.Add(1)
		go e.refill()
	}
}

// work runs buffered executions until none is left.
func (e *Engine) work() {
	defer e.jobs.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.running && !e.paused && len(e.buffer) > 0 {
		x := e.buffer[0]
		e.buffer[0] = nil
		e.buffer = e.buffer[1:]
		e.busy++
		e.dispatch()
		ctx := e.ctx
		e.mu.Unlock()
		outcome, err := e.run(ctx, x)
		// The worker does not wait for the end to be stored: that lets many ends
		// share one commit.
		e.ends <- struct{}{}
		e.jobs.Add(1)
		go func() {
			defer e.jobs.Done()
			e.end(ctx, x, outcome, err)
			<-e.ends
		}()
		e.mu.Lock()
		e.busy--
	}
	e.workers--
	e.dispatch()
}

func (e *Engine) run(ctx context.Context, x *workflow.Execution) (workflow.Outcome, error) {
	e.marker.watch(x)
	defer e.marker.forget(x)
	return e.executor.Run(ctx, x)
}

// end stores how an execution ended and lets go of it. A failing write is tried
// again while the engine runs; runErr is why it could not be run at all.
func (e *Engine) end(ctx context.Context, x *workflow.Execution, outcome workflow.Outcome, runErr error) {
	err := runErr
	if outcome.Status.Final() {
		err = e.executor.Finish(ctx, x, outcome)
		for wait := finishRetry; err != nil && !gone(err); wait = min(2*wait, finishRetryMax) {
			e.config.Logger().Error("An execution ended but this could not be stored; trying again", "execution", x.ID, "workflow", x.Workflow, "error", err)
			if !sleep(ctx, wait) {
				break // left to the next start
			}
			err = e.executor.Finish(ctx, x, outcome)
		}
	}
	if err == nil && outcome.Status.Final() {
		e.config.OnFinish(x)
	}
	if runErr != nil {
		e.config.Logger().Error("An execution could not be run", "execution", x.ID, "workflow", x.Workflow, "error", runErr)
		sleep(ctx, finishRetry) // it is held meanwhile: else a refill would take it up at once
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.held, x.ID)
	if e.refilling {
		e.released[x.ID] = struct{}{}
	}
	if err != nil && !gone(err) && e.running {
		e.dirty[x.ID] = struct{}{}
		e.backlog, e.overflow = true, true
	}
	e.dispatch() //nolint:contextcheck // workers have the engine's context
}

// refill reads executions that memory had no room for, or that an earlier
// process left behind. One pass goes through them by id, over several calls when
// the buffer fills up in between.
func (e *Engine) refill() {
	defer e.jobs.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	for wait := finishRetry; e.running && e.backlog && len(e.buffer) <= e.config.Buffer/2; {
		if e.cursor == "" {
			e.overflow = false // what overflows from here on needs another pass
		}
		clear(e.released)
		ctx, after := e.taking, e.cursor
		e.mu.Unlock()
		found, err := e.config.Store.Active(ctx, after, page)
		if err != nil && ctx.Err() == nil {
			e.config.Logger().Error("Reading the waiting executions failed; trying again", "error", err)
			sleep(ctx, wait)
			wait = min(2*wait, finishRetryMax)
		}
		e.mu.Lock()
		if err != nil || !e.running {
			continue
		}
		for _, x := range found {
			e.cursor = x.ID
			e.passed = max(e.passed, x.ID)
			e.takeBack(x)
		}
		if len(found) < page {
			e.cursor, e.backlog = "", e.overflow
		}
		e.dispatch()
	}
	e.refilling = false
	e.dispatch()
}

// takeBack holds an execution that was read from the store, unless it has ended
// since. A sync execution of this process belongs to the request that waits for
// it; one of an earlier process has nobody but us. The lock is held.
func (e *Engine) takeBack(x *workflow.Execution) {
	earlier := x.Created.Before(e.started)
	_, dirty := e.dirty[x.ID]
	if _, ended := e.released[x.ID]; ended && !dirty {
		return
	}
	x.Stored = earlier || dirty
	if x.Mode != workflow.ModeSync || earlier || dirty {
		delete(e.dirty, x.ID)
		e.hold(x)
	}
}

// Run runs a committed execution now, outside the pool, and returns when it has
// ended. When ctx ends first, Run returns its error and the execution goes on.
// An error of the journal leaves the execution to the pool.
func (e *Engine) Run(ctx context.Context, x *workflow.Execution) (workflow.Outcome, error) { //nolint:contextcheck // the execution outlives the call: it has the engine's context
	e.mu.Lock()
	if _, ok := e.held[x.ID]; ok {
		e.mu.Unlock()
		return workflow.Outcome{}, fmt.Errorf("execution %s runs already", x.ID)
	}
	e.held[x.ID] = struct{}{}
	life := e.ctx
	e.jobs.Add(1)
	e.mu.Unlock()

	var outcome workflow.Outcome
	var err error
	done := make(chan struct{})
	go func() {
		defer e.jobs.Done()
		defer close(done)
		outcome, err = e.run(life, x)
		e.end(life, x, outcome, err)
	}()
	select {
	case <-done:
		return outcome, err
	case <-ctx.Done():
		return workflow.Outcome{}, context.Cause(ctx)
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

// Drain waits until nothing waits and nothing runs, or until ctx ends.
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
	if len(e.held) > 0 || e.refilling || e.running && e.backlog {
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
