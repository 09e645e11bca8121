package engine_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The methods of the store, as the fake is told to fail and counts its calls.
const (
	active      = "Active"
	steps       = "Steps"
	markRunning = "MarkRunning"
	saveStep    = "SaveStep"
	transaction = "Transaction"
	finish      = "Finish"
)

// call is one call of the fake store.
type call struct {
	method string
	at     time.Time
	ids    []string
}

// fakeStore keeps rows and journals in memory. As a database would, it hands
// out and keeps copies only.
type fakeStore struct {
	mu      sync.Mutex
	rows    map[string]workflow.Execution
	journal map[string][]workflow.Step
	calls   []call
	errs    map[string][]error
	delays  map[string]time.Duration
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		rows: map[string]workflow.Execution{}, journal: map[string][]workflow.Step{},
		errs: map[string][]error{}, delays: map[string]time.Duration{},
	}
}

// add commits rows.
func (s *fakeStore) add(executions ...*workflow.Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range executions {
		s.rows[x.ID] = *x
	}
}

// fail makes the next calls of a method return errs, one each.
func (s *fakeStore) fail(method string, errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs[method] = append(s.errs[method], errs...)
}

// delay makes a method take d between its work and its return.
func (s *fakeStore) delay(method string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays[method] = d
}

func (s *fakeStore) row(id string) workflow.Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[id]
}

// called lists the calls of a method.
func (s *fakeStore) called(method string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(c call) bool { return c.method != method })
}

// do is one call: it notes it, and unless it is to fail does work.
func (s *fakeStore) do(method string, ids []string, work func() error) error {
	s.mu.Lock()
	s.calls = append(s.calls, call{method, time.Now(), ids})
	delay := s.delays[method]
	var err error
	if errs := s.errs[method]; len(errs) > 0 {
		err, s.errs[method] = errs[0], errs[1:]
	} else {
		err = work()
	}
	s.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay)
	}
	return err
}

func (s *fakeStore) Active(_ context.Context, after string, limit int) (found []*workflow.Execution, err error) {
	err = s.do(active, []string{after}, func() error {
		for _, id := range slices.Sorted(maps.Keys(s.rows)) {
			if x := s.rows[id]; id > after && !x.Status.Final() && len(found) < limit {
				found = append(found, &x)
			}
		}
		return nil
	})
	return found, err
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

func (s *fakeStore) MarkRunning(_ context.Context, executions []*workflow.Execution) error {
	var ids []string
	for _, x := range executions {
		ids = append(ids, x.ID)
	}
	return s.do(markRunning, ids, func() error {
		for _, x := range executions {
			if row, ok := s.rows[x.ID]; ok && !row.Status.Final() {
				row.Status, row.StartedAt, row.Attempt = workflow.StatusRunning, x.StartedAt, x.Attempt
				s.rows[x.ID] = row
			}
		}
		return nil
	})
}

func (s *fakeStore) SaveStep(_ context.Context, x *workflow.Execution, step *workflow.Step) error {
	return s.do(saveStep, []string{x.ID}, func() error { return s.record(x, step) })
}

func (s *fakeStore) Transaction(_ context.Context, x *workflow.Execution, step *workflow.Step, fn func(tx any) error) error {
	return s.do(transaction, []string{x.ID}, func() error {
		if err := fn("tx"); err != nil {
			return err
		}
		return s.record(x, step)
	})
}

// record puts a step into the journal, in place of one that has not ended.
func (s *fakeStore) record(x *workflow.Execution, step *workflow.Step) error {
	if row, ok := s.rows[x.ID]; !ok || row.Status.Final() {
		return workflow.ErrGone
	}
	at := slices.IndexFunc(s.journal[x.ID], func(old workflow.Step) bool { return old.Seq == step.Seq })
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

func (s *fakeStore) Finish(_ context.Context, x *workflow.Execution) error {
	return s.do(finish, []string{x.ID}, func() error {
		if row, ok := s.rows[x.ID]; !ok || row.Status.Final() {
			return workflow.ErrGone
		}
		s.rows[x.ID] = *x
		return nil
	})
}
