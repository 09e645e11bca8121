package conformance

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/engine"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

var errDead = errors.New("the process is dead")

// crash is a point at which a process dies: before or after the commit of its
// n-th write, from 0.
type crash struct {
	write int
	after bool
}

// process is the database as one process sees it until it crashes: from then on
// none of its calls returns before the test ends.
type process struct {
	store *store.Store
	crash crash

	mu     sync.Mutex
	writes []string
	dead   bool
	calls  sync.WaitGroup // under way
	// crashed is closed once it is dead and none of its calls can write any more,
	// buried when the test ends.
	crashed, buried chan struct{}
}

func newProcess(s *store.Store, at crash) *process {
	return &process{store: s, crash: at, crashed: make(chan struct{}), buried: make(chan struct{})}
}

// read is a call that writes nothing that counts.
func (p *process) read(work func() error) error {
	return p.write("", func(bool) error { return work() })
}

// write is a call that commits something. When the process is to die before
// that, work is told to fail and to leave nothing.
func (p *process) write(what string, work func(fail bool) error) error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		<-p.buried
		return errDead
	}
	hit := what != "" && len(p.writes) == p.crash.write
	if what != "" {
		p.writes = append(p.writes, what)
	}
	p.calls.Add(1)
	p.mu.Unlock()

	err := work(hit && !p.crash.after)
	p.mu.Lock()
	p.dead = p.dead || hit
	dead := p.dead
	p.mu.Unlock()
	p.calls.Done()
	if hit {
		p.calls.Wait()
		close(p.crashed)
	}
	if dead {
		<-p.buried
		return errDead
	}
	return err
}

// committed lists the writes so far.
func (p *process) committed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.writes...)
}

func unless(fail bool, work func() error) error {
	if fail {
		return errDead
	}
	return work()
}

func get[T any](p *process, work func() (T, error)) (out T, err error) {
	err = p.read(func() (err error) {
		out, err = work()
		return err
	})
	return out, err
}

func put[T any](p *process, what string, work func() (T, error)) (out T, err error) {
	err = p.write(what, func(fail bool) error {
		return unless(fail, func() (err error) {
			out, err = work()
			return err
		})
	})
	return out, err
}

func (p *process) Active(ctx context.Context, after string, limit int) ([]workflow.Waiter, error) {
	return get(p, func() ([]workflow.Waiter, error) { return p.store.Active(ctx, after, limit) })
}

func (p *process) Load(ctx context.Context, ids []string) ([]*workflow.Execution, error) {
	return get(p, func() ([]*workflow.Execution, error) { return p.store.Load(ctx, ids) })
}

func (p *process) Begun(ctx context.Context, key string) ([]*workflow.Execution, error) {
	return get(p, func() ([]*workflow.Execution, error) { return p.store.Begun(ctx, key) })
}

func (p *process) NextWake(ctx context.Context) (time.Time, error) {
	return get(p, func() (time.Time, error) { return p.store.NextWake(ctx) })
}

func (p *process) Find(ctx context.Context, id string) (*workflow.Execution, error) {
	return get(p, func() (*workflow.Execution, error) { return p.store.Find(ctx, id) })
}

func (p *process) Steps(ctx context.Context, id string) ([]*workflow.Step, error) {
	return get(p, func() ([]*workflow.Step, error) { return p.store.Steps(ctx, id) })
}

func (p *process) Events(ctx context.Context, execution, name string) ([]*workflow.Event, error) {
	return get(p, func() ([]*workflow.Event, error) { return p.store.Events(ctx, execution, name) })
}

// MarkRunning is no point to crash at: when it comes depends on the time.
func (p *process) MarkRunning(ctx context.Context, executions []*workflow.Execution) error {
	return p.read(func() error { return p.store.MarkRunning(ctx, executions) })
}

// Due is one when something is: before it nothing is lost that is not before the
// write that comes next.
func (p *process) Due(ctx context.Context, now time.Time, limit int) ([]*workflow.Execution, error) {
	found, err := get(p, func() ([]*workflow.Execution, error) { return p.store.Due(ctx, now, limit) })
	if len(found) > 0 {
		err = p.write("due", func(bool) error { return err })
	}
	return found, err
}

func (p *process) Cancel(ctx context.Context, ids []string, reason string) (workflow.Canceled, error) {
	return put(p, "cancel", func() (workflow.Canceled, error) { return p.store.Cancel(ctx, ids, reason) })
}

func (p *process) Finish(ctx context.Context, e *workflow.Execution) (workflow.Ended, error) {
	return put(p, "finish "+e.Workflow, func() (workflow.Ended, error) { return p.store.Finish(ctx, e) })
}

func (p *process) Park(ctx context.Context, e *workflow.Execution, w workflow.Park) (bool, error) {
	what := "park"
	for _, step := range w.Steps {
		what += " " + step.Name
	}
	return put(p, what, func() (bool, error) { return p.store.Park(ctx, e, w) })
}

func (p *process) SaveStep(ctx context.Context, e *workflow.Execution, step *workflow.Step) error {
	return p.write("save "+step.Name+" "+string(step.Status), func(fail bool) error {
		return unless(fail, func() error { return p.store.SaveStep(ctx, e, step) })
	})
}

func (p *process) TakeEvent(ctx context.Context, e *workflow.Execution, step *workflow.Step, event string) error {
	return p.write("take "+step.Name, func(fail bool) error {
		return unless(fail, func() error { return p.store.TakeEvent(ctx, e, step, event) })
	})
}

func (p *process) StartChild(ctx context.Context, e *workflow.Execution, step *workflow.Step, child *workflow.Execution) error {
	return p.write("invoke "+step.Name, func(fail bool) error {
		return unless(fail, func() error { return p.store.StartChild(ctx, e, step, child) })
	})
}

// Transaction rolls back what its function wrote when the process is to die.
func (p *process) Transaction(ctx context.Context, e *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	return p.write("transaction "+step.Name, func(fail bool) error {
		return p.store.Transaction(ctx, e, step, func(tx core.App) error {
			err := fn(tx)
			if err == nil && fail {
				err = errDead
			}
			return err
		})
	})
}

func (p *process) NewChild(e *workflow.Execution, step *workflow.Step, key string, data []byte, wait bool) (*workflow.Execution, error) {
	return &workflow.Execution{
		ID: store.NewID(), Workflow: key, Version: 1, Status: workflow.StatusQueued, Mode: workflow.ModeAsync, Parent: e.ID, Root: e.Root, Depth: e.Depth + 1,
		Cause: workflow.Cause{Type: workflow.TriggerInvoke, Step: step.Name, Wait: wait}, Input: workflow.Input{Data: data},
	}, nil
}

var (
	_ engine.Store   = (*process)(nil)
	_ engine.Journal = (*process)(nil)
	_ engine.Waits   = (*process)(nil)
)
