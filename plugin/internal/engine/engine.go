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
