package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Session is the journal of one run of an execution. It belongs to the
// goroutine of that run.
type Session struct {
	store    Store
	now      func() time.Time
	e        *workflow.Execution
	recorded map[stepKey]*workflow.Step
	bySeq    map[int]*workflow.Step
	uses     map[string]int
	seq      int
	replay   int // recorded final steps that the script has not reached yet
}

type stepKey struct {
	name  string
	index int
}

func newSession(store Store, now func() time.Time, e *workflow.Execution, journal []*workflow.Step) *Session {
	s := &Session{store: store, now: now, e: e, uses: map[string]int{}}
	if len(journal) > 0 {
		s.recorded = make(map[stepKey]*workflow.Step, len(journal))
		s.bySeq = make(map[int]*workflow.Step, len(journal))
	}
	for _, step := range journal {
		s.recorded[stepKey{step.Name, step.Index}] = step
		s.bySeq[step.Seq] = step
		if step.Status.Final() {
			s.replay++
		}
	}
	return s
}

// Begin returns the next step: one with a final status was recorded by an
// earlier run and is to be replayed, one that is running is to be executed.
// An error says that the script asks for other steps than the journal holds.
func (s *Session) Begin(name string, kind workflow.StepKind) (*workflow.Step, error) {
	key := stepKey{name, s.uses[name]}
	seq := s.seq
	if at := s.bySeq[seq]; at != nil && (at.Name != key.name || at.Index != key.index || at.Kind != kind) {
		return nil, fmt.Errorf("non-deterministic workflow: the journal has %s %q as step %d, the script asks for %s %q",
			at.Kind, at.Name, seq+1, kind, name)
	}
	s.uses[name]++
	s.seq++
	if step := s.recorded[key]; step != nil {
		if step.Kind != kind {
			return nil, fmt.Errorf("non-deterministic workflow: the journal has %s %q, the script asks for %s %q", step.Kind, step.Name, kind, name)
		}
		if step.Status.Final() {
			s.replay--
			return step, nil
		}
		step.Attempt++
		step.StartedAt = s.now()
		return step, nil
	}
	return &workflow.Step{
		Execution: s.e.ID, Name: name, Index: key.index, Seq: seq, Kind: kind,
		Status: workflow.StatusRunning, Attempt: 1, StartedAt: s.now(),
	}, nil
}

// Replaying reports whether recorded steps lie ahead.
func (s *Session) Replaying() bool { return s.replay > 0 }

// Save stores a step that has ended; it is durable when Save returns.
func (s *Session) Save(ctx context.Context, step *workflow.Step) error {
	step.FinishedAt = s.now()
	if err := s.store.SaveStep(ctx, s.e, step); err != nil {
		return fmt.Errorf("save step %q: %w", step.Name, err)
	}
	return nil
}

// Transaction runs fn in a database transaction that also stores the step. fn
// fills in the step's result; when it fails nothing is stored.
func (s *Session) Transaction(ctx context.Context, step *workflow.Step, fn func(tx any) error) error {
	return s.store.Transaction(ctx, s.e, step, func(tx any) error {
		if err := fn(tx); err != nil {
			return err
		}
		step.Status = workflow.StatusCompleted
		step.FinishedAt = s.now()
		return nil
	})
}
