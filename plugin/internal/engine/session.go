package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// recorded is the journal of one run of an execution, shared by its branches.
type recorded struct {
	mu    sync.Mutex
	steps map[stepKey]*workflow.Step
	bySeq map[seqKey]*workflow.Step
	// open counts the final steps of each branch that the script has not reached
	// yet.
	open map[string]int
	// unended are the stored steps that have no final status.
	unended map[stepKey]struct{}
	// invoked is true when a step has started another execution.
	invoked bool
}

type stepKey struct {
	branch, name string
	index        int
}

type seqKey struct {
	branch string
	seq    int
}

// Session is the journal as the script of one run sees it. It belongs to the
// goroutine of that run, or of one branch.
type Session struct {
	executor *Executor
	e        *workflow.Execution
	journal  *recorded
	slot     *slot
	job      *job

	branch string // where Begin counts
	prefix string // of the names there
	uses   map[string]int
	seq    int
	// follow is true while a branch's script runs up to its step: it meets only
	// what the main script has passed.
	follow bool
	lost   func() bool
}

func newSession(x *Executor, e *workflow.Execution, journal []*workflow.Step, j *job) *Session {
	r := &recorded{steps: make(map[stepKey]*workflow.Step, len(journal)), bySeq: map[seqKey]*workflow.Step{}, open: map[string]int{}, unended: map[stepKey]struct{}{}}
	for _, step := range journal {
		r.steps[stepKey{step.Branch, step.Name, step.Index}] = step
		if !step.Status.Final() {
			r.unended[stepKey{step.Branch, step.Name, step.Index}] = struct{}{}
		}
		r.invoked = r.invoked || step.Kind == workflow.StepInvoke
		if step.Kind == workflow.StepBranch {
			continue
		}
		r.bySeq[seqKey{step.Branch, step.Seq}] = step
		if step.Status.Final() {
			r.open[step.Branch]++
		}
	}
	s := &Session{executor: x, e: e, journal: r, uses: map[string]int{}, job: j}
	if j != nil {
		s.slot = j.slot
	}
	return s
}

// Begin returns the next step: one with a final status was recorded by an
// earlier run and is to be replayed, a waiting one was parked, one that is
// running is to be executed. Options are kept with it. An error says that the
// script asks for other steps than the journal holds, or that it is to stop.
func (s *Session) Begin(name string, kind workflow.StepKind, options []byte) (*workflow.Step, error) {
	if s.lost != nil && s.lost() {
		return nil, workflow.ErrLost
	}
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	name = s.prefix + name
	index, seq := s.uses[name], s.seq
	if at := s.journal.bySeq[seqKey{s.branch, seq}]; at != nil && (at.Name != name || at.Index != index || at.Kind != kind) {
		return nil, fmt.Errorf("non-deterministic workflow: the journal has %s %q as step %d, the script asks for %s %q",
			at.Kind, at.Name, seq+1, kind, name)
	}
	step := s.journal.steps[stepKey{s.branch, name, index}]
	if step != nil && step.Kind != kind {
		return nil, fmt.Errorf("non-deterministic workflow: the journal has %s %q, the script asks for %s %q", step.Kind, step.Name, kind, name)
	}
	s.uses[name]++
	s.seq++
	if kind == workflow.StepInvoke {
		s.journal.invoked = true
	}
	switch {
	case s.follow:
		if step == nil {
			return nil, fmt.Errorf("non-deterministic workflow: a branch asks for %s %q, which the script has not passed", kind, name)
		}
		return step, nil
	case step == nil:
		return &workflow.Step{
			Execution: s.e.ID, Name: name, Index: index, Branch: s.branch, Seq: seq, Kind: kind,
			Status: workflow.StatusRunning, Attempt: 1, Options: options, StartedAt: s.executor.Now(),
		}, nil
	case step.Status.Final():
		s.journal.open[s.branch]--
		return step, nil
	case step.Status == workflow.StatusRunning:
		step.Attempt++
		step.StartedAt = s.executor.Now()
	}
	return step, nil
}

// Now is the time of the engine's clock.
func (s *Session) Now() time.Time { return s.executor.Now() }

// Replaying reports whether recorded steps lie ahead.
func (s *Session) Replaying() bool {
	if s.follow {
		return true
	}
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	return s.journal.open[s.branch] > 0
}

// Waiting runs fn, which waits for something else than the CPU.
func (s *Session) Waiting(ctx context.Context, fn func() error) error {
	if s.slot == nil {
		return fn()
	}
	s.slot.leave()
	defer s.slot.enter(ctx)
	return fn()
}

// Save stores a step; it is durable when Save returns.
func (s *Session) Save(ctx context.Context, step *workflow.Step) error {
	s.ended(step)
	err := s.Waiting(ctx, func() error { return s.executor.Journal.SaveStep(ctx, s.e, step) })
	if err != nil {
		return fmt.Errorf("save step %q: %w", step.Name, err)
	}
	s.keep(step)
	return s.abandon(ctx, step)
}

// Transaction runs fn in a database transaction that also stores the step. fn
// fills in the step's result; when it fails nothing is stored.
func (s *Session) Transaction(ctx context.Context, step *workflow.Step, fn func(tx any) error) error {
	err := s.executor.Journal.Transaction(ctx, s.e, step, func(tx any) error {
		if err := fn(tx); err != nil {
			return err
		}
		step.Status = workflow.StatusCompleted
		s.ended(step)
		return nil
	})
	if err == nil {
		s.keep(step)
	}
	return err
}

// ended fills in the end of a step that is about to be stored, if it has one.
func (s *Session) ended(step *workflow.Step) {
	if step.Status.Final() {
		step.FinishedAt = s.executor.Now()
		step.WakeAt = time.Time{}
		return
	}
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.unended[stepKey{step.Branch, step.Name, step.Index}] = struct{}{}
}

// Fork lets the scripts of branches find the step that they belong to.
func (s *Session) Fork(parallel *workflow.Step) { s.keep(parallel) }

// keep lets branches of this run see the step.
func (s *Session) keep(step *workflow.Step) {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	key := stepKey{step.Branch, step.Name, step.Index}
	s.journal.steps[key] = step
	if step.Status.Final() {
		delete(s.journal.unended, key)
	} else {
		s.journal.unended[key] = struct{}{}
	}
}

// Waits reports whether the execution may wait for anything.
func (s *Session) Waits() bool { return s.executor.Waits != nil }

// Event ends a wait with the first event of a name, not yet taken, for which
// match is true; result is what it is to end with. False when there is none yet;
// last is the id of the last one that was looked at.
func (s *Session) Event(ctx context.Context, step *workflow.Step, name string, match func(payload []byte) (bool, error)) (found bool, last string, err error) {
	err = s.Waiting(ctx, func() error {
		events, err := s.executor.Waits.Events(ctx, s.e.ID, name)
		if err != nil {
			return err
		}
		for _, v := range events {
			last = v.ID
			ok, err := match(v.Payload)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			ended := *step
			ended.Status, ended.Result, ended.Ref = workflow.StatusCompleted, v.Payload, v.ID
			s.ended(&ended)
			err = s.executor.Waits.TakeEvent(ctx, s.e, &ended, v.ID)
			if errors.Is(err, workflow.ErrStepConflict) {
				continue // another branch was quicker
			}
			if err == nil {
				*step, found = ended, true
			}
			return err
		}
		return nil
	})
	if found {
		s.keep(step)
	}
	return found, last, err
}

// Invoke starts an execution of another workflow with the step, which is saved
// as it is. A refusal is for the script.
func (s *Session) Invoke(ctx context.Context, step *workflow.Step, key string, data []byte, wait bool) (refused, err error) {
	child, refused := s.executor.Waits.NewChild(s.e, step, key, data, wait)
	if refused != nil {
		return refused, nil
	}
	step.Ref = child.ID
	if step.Status.Final() { // nobody waits: the id is the result
		step.Result = json.RawMessage(strconv.Quote(child.ID))
	}
	s.ended(step)
	err = s.Waiting(ctx, func() error { return s.executor.Waits.StartChild(ctx, s.e, step, child) })
	if err != nil {
		return nil, fmt.Errorf("start the child of step %q: %w", step.Name, err)
	}
	s.keep(step)
	if s.executor.started != nil {
		s.executor.started(child)
	}
	return nil, nil
}

// Child reads the execution that a step has started.
func (s *Session) Child(ctx context.Context, step *workflow.Step) (child *workflow.Execution, err error) {
	err = s.Waiting(ctx, func() (err error) {
		child, err = s.executor.Waits.Find(ctx, step.Ref)
		return err
	})
	return child, err
}

// BranchStep is the entry of one branch of a parallel step: final when an
// earlier run recorded its end.
func (s *Session) BranchStep(parallel *workflow.Step, key string) *workflow.Step {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	name, branch := parallel.Name+"/"+key, branchOf(parallel, key)
	if step := s.journal.steps[stepKey{branch, name, parallel.Index}]; step != nil {
		return step
	}
	return &workflow.Step{
		Execution: s.e.ID, Name: name, Index: parallel.Index, Branch: branch, Seq: -1,
		Kind: workflow.StepBranch, Status: workflow.StatusRunning, Attempt: 1, StartedAt: s.executor.Now(),
	}
}

// Branch calls fn, on a goroutine of its own, with the session for a script of
// its own that runs up to a branch of the execution. Lost tells when that has
// become useless. The engine does not stop before fn has returned.
func (s *Session) Branch(ctx context.Context, lost func() bool, fn func(s *Session)) {
	own := &Session{executor: s.executor, e: s.e, journal: s.journal, uses: map[string]int{}, follow: true, lost: lost, job: s.job}
	if s.job == nil {
		go fn(own)
		return
	}
	s.job.branchesRun.Add(1)
	go func() {
		defer s.job.branchesRun.Done()
		if s.slot != nil {
			own.slot = s.job.branchSlot()
			defer s.job.forget(own.slot)
			own.slot.enter(ctx)
			defer own.slot.leave()
		}
		fn(own)
	}()
}

// Enter goes into a branch of a parallel step that the script has reached. When
// it is the last on the way, steps are executed from here on.
func (s *Session) Enter(parallel *workflow.Step, key string, last bool) {
	s.branch = branchOf(parallel, key)
	s.prefix = parallel.Name + "/" + key + "/"
	if parallel.Index > 0 {
		s.prefix = parallel.Name + "#" + strconv.Itoa(parallel.Index+1) + "/" + key + "/"
	}
	s.uses, s.seq, s.follow = map[string]int{}, 0, !last
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.open[s.branch] = 0 // the branch may run again in the same run
	for key, step := range s.journal.steps {
		if key.branch == s.branch && step.Kind != workflow.StepBranch && step.Status.Final() {
			s.journal.open[s.branch]++
		}
	}
}

func branchOf(parallel *workflow.Step, key string) string {
	hop := strconv.Itoa(parallel.Seq) + ":" + url.PathEscape(key)
	if parallel.Branch == "" {
		return hop
	}
	return parallel.Branch + "/" + hop
}
