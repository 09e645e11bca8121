package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// fakeEvent is an event and the step that took it.
type fakeEvent struct {
	workflow.Event
	step string
}

func (s *fakeStore) Steps(_ context.Context, id string) (found []*workflow.Step, err error) {
	err = s.do(steps, []string{id}, func() error {
		for _, step := range s.journal[id] {
			found = append(found, &step)
		}
		return nil
	})
	return found, err
}

func (s *fakeStore) SaveStep(ctx context.Context, x *workflow.Execution, step *workflow.Step) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.do(saveStep, []string{x.ID}, func() error { return s.record(x, step) })
}

func (s *fakeStore) Transaction(ctx context.Context, x *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.do(transaction, []string{x.ID}, func() error {
		if err := fn("tx"); err != nil {
			return err
		}
		return s.record(x, step)
	})
}

// record puts a step into the journal, in place of one that has not ended.
func (s *fakeStore) record(x *workflow.Execution, step *workflow.Step) error {
	if !s.open(x.ID) {
		return workflow.ErrGone
	}
	if step.ID == "" {
		step.ID = s.newID("step")
	}
	at := slices.IndexFunc(s.journal[x.ID], func(old workflow.Step) bool {
		return old.Branch == step.Branch && old.Name == step.Name && old.Index == step.Index
	})
	switch {
	case at < 0:
		s.journal[x.ID] = append(s.journal[x.ID], *step)
	case s.journal[x.ID][at].Status.Final():
		return workflow.ErrStepConflict
	default:
		s.journal[x.ID][at] = *step
	}
	return nil
}

func (s *fakeStore) Park(_ context.Context, x *workflow.Execution, p workflow.Park) (ready bool, err error) {
	err = s.do(park, []string{x.ID}, func() error {
		row, ok := s.rows[x.ID]
		if !ok || row.Status.Final() {
			return workflow.ErrGone
		}
		for _, step := range p.Steps {
			if err := s.record(x, step); err != nil {
				return err
			}
		}
		row.Status, row.WakeAt, row.StartedAt, row.Attempt = workflow.StatusWaiting, p.WakeAt, x.StartedAt, x.Attempt
		if ready = s.arrived(x.ID, p); ready {
			row.Status, row.WakeAt = workflow.StatusQueued, time.Time{}
		}
		s.rows[x.ID] = row
		return nil
	})
	return ready, err
}

// arrived reports whether what p waits for is there already.
func (s *fakeStore) arrived(id string, p workflow.Park) bool {
	for _, v := range s.events {
		isAwaited := func(a workflow.Awaited) bool { return a.Name == v.Name && a.After < v.ID }
		if v.Execution == id && v.step == "" && slices.ContainsFunc(p.Events, isAwaited) {
			return true
		}
	}
	return slices.ContainsFunc(p.Children, func(child string) bool { return s.rows[child].Status.Final() })
}

func (s *fakeStore) Events(_ context.Context, execution, name string) (found []*workflow.Event, err error) {
	err = s.do(events, []string{execution}, func() error {
		for _, v := range s.events {
			if v.Execution == execution && v.Name == name && v.step == "" {
				found = append(found, &v.Event)
			}
		}
		return nil
	})
	return found, err
}

func (s *fakeStore) TakeEvent(_ context.Context, x *workflow.Execution, step *workflow.Step, event string) error {
	return s.do(takeEvent, []string{x.ID}, func() error {
		at := slices.IndexFunc(s.events, func(v fakeEvent) bool { return v.ID == event })
		if at < 0 || s.events[at].step != "" {
			return workflow.ErrStepConflict
		}
		if err := s.record(x, step); err != nil {
			return err
		}
		s.events[at].step = step.ID
		return nil
	})
}

// SendEvent keeps an event and, if its execution waits for it, queues that.
func (s *fakeStore) SendEvent(execution, name, payload string) (woken []workflow.Waiter, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open(execution) {
		return nil, workflow.ErrGone
	}
	v := workflow.Event{ID: s.newID("event"), Execution: execution, Name: name, Payload: []byte(payload)}
	s.events = append(s.events, fakeEvent{Event: v})
	waits := slices.ContainsFunc(s.journal[execution], func(step workflow.Step) bool {
		return step.Status == workflow.StatusWaiting && (step.Kind == workflow.StepWaitForEvent || step.Kind == workflow.StepTask) && step.Ref == name
	})
	if waits {
		woken = s.wakeParent(execution)
	}
	return woken, nil
}

// NewChild knows every workflow but "unknown".
func (s *fakeStore) NewChild(x *workflow.Execution, step *workflow.Step, key string, data []byte, wait bool) (*workflow.Execution, error) {
	if key == "unknown" {
		return nil, errors.New("there is no workflow \"unknown\"")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &workflow.Execution{
		ID: s.newID("child"), Workflow: key, Status: workflow.StatusQueued, Mode: workflow.ModeAsync, Created: time.Now(), Parent: x.ID,
		Cause: workflow.Cause{Type: workflow.TriggerInvoke, Step: step.Name, Wait: wait}, Input: workflow.Input{Data: data},
	}, nil
}

func (s *fakeStore) StartChild(_ context.Context, x *workflow.Execution, step *workflow.Step, child *workflow.Execution) error {
	return s.do(startChild, []string{x.ID, child.ID}, func() error {
		if err := s.record(x, step); err != nil {
			return err
		}
		s.rows[child.ID] = *child
		return nil
	})
}

func (s *fakeStore) Find(_ context.Context, id string) (found *workflow.Execution, err error) {
	err = s.do(find, []string{id}, func() error {
		x, ok := s.rows[id]
		if !ok {
			return sql.ErrNoRows
		}
		found = &x
		return nil
	})
	return found, err
}
