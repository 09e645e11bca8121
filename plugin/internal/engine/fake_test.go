package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The methods of the store, as the fake is told to fail and counts its calls.
const (
	active      = "Active"
	load        = "Load"
	begun       = "Begun"
	markRunning = "MarkRunning"
	finish      = "Finish"
	due         = "Due"
	nextWake    = "NextWake"
	cancel      = "Cancel"
	steps       = "Steps"
	saveStep    = "SaveStep"
	transaction = "Transaction"
	park        = "Park"
	events      = "Events"
	takeEvent   = "TakeEvent"
	startChild  = "StartChild"
	find        = "Find"
)

// call is one call of the fake store.
type call struct {
	method string
	at     time.Time
	ids    []string
}

// fakeStore keeps rows, journals and events in memory. As a database would, it
// hands out and keeps copies only.
type fakeStore struct {
	mu      sync.Mutex
	rows    map[string]workflow.Execution
	journal map[string][]workflow.Step
	events  []fakeEvent
	made    int // events and children
	calls   []call
	errs    map[string][]error
	before  map[string]func(ids []string)
	after   map[string]func(ids []string)
}

func newFakeStore() *fakeStore {
	return &fakeStore{
		rows: map[string]workflow.Execution{}, journal: map[string][]workflow.Step{}, errs: map[string][]error{},
		before: map[string]func([]string){}, after: map[string]func([]string){},
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

// onCall and onReturn do something before and after a method's work, with the
// ids that it is about.
func (s *fakeStore) onCall(method string, do func(ids []string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[method] = do
}

func (s *fakeStore) onReturn(method string, do func(ids []string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after[method] = do
}

// delay makes a method take d between its work and its return.
func (s *fakeStore) delay(method string, d time.Duration) {
	s.onReturn(method, func([]string) { time.Sleep(d) })
}

func (s *fakeStore) row(id string) workflow.Execution {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[id]
}

// recorded is the journal of an execution as "name status".
func (s *fakeStore) recorded(id string) (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, step := range s.journal[id] {
		list = append(list, step.Name+" "+string(step.Status))
	}
	return list
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
	before := s.before[method]
	s.mu.Unlock()
	if before != nil {
		before(ids)
	}
	s.mu.Lock()
	s.calls = append(s.calls, call{method, time.Now(), ids})
	after := s.after[method]
	var err error
	if errs := s.errs[method]; len(errs) > 0 {
		err, s.errs[method] = errs[0], errs[1:]
	} else {
		err = work()
	}
	s.mu.Unlock()
	if after != nil {
		after(ids)
	}
	return err
}

// sorted calls do for the rows in the order of their ids.
func (s *fakeStore) sorted(do func(x workflow.Execution)) {
	for _, id := range slices.Sorted(maps.Keys(s.rows)) {
		do(s.rows[id])
	}
}

func (s *fakeStore) Active(_ context.Context, after string, limit int) (found []workflow.Waiter, err error) {
	err = s.do(active, []string{after}, func() error {
		s.sorted(func(x workflow.Execution) {
			isActive := x.Status == workflow.StatusQueued || x.Status == workflow.StatusRunning
			if x.ID > after && isActive && len(found) < limit {
				found = append(found, workflow.Waiter{ID: x.ID, Workflow: x.Workflow})
			}
		})
		return nil
	})
	return found, err
}

func (s *fakeStore) Load(_ context.Context, ids []string) (found []*workflow.Execution, err error) {
	err = s.do(load, ids, func() error {
		for _, id := range ids {
			if x, ok := s.rows[id]; ok {
				found = append(found, &x)
			}
		}
		return nil
	})
	return found, err
}

func (s *fakeStore) Begun(_ context.Context, key string) (found []*workflow.Execution, err error) {
	err = s.do(begun, []string{key}, func() error {
		s.sorted(func(x workflow.Execution) {
			if x.Workflow == key && !x.Status.Final() && !x.StartedAt.IsZero() {
				found = append(found, &x)
			}
		})
		return nil
	})
	return found, err
}

func (s *fakeStore) MarkRunning(_ context.Context, executions []*workflow.Execution) error {
	return s.do(markRunning, idsOf(executions), func() error {
		for _, x := range executions {
			if row := s.rows[x.ID]; row.Status == workflow.StatusQueued || row.Status == workflow.StatusRunning {
				row.Status, row.StartedAt, row.Attempt = workflow.StatusRunning, x.StartedAt, x.Attempt
				s.rows[x.ID] = row
			}
		}
		return nil
	})
}

func (s *fakeStore) Finish(_ context.Context, x *workflow.Execution) (ended workflow.Ended, err error) {
	err = s.do(finish, []string{x.ID}, func() error {
		if !s.open(x.ID) {
			return workflow.ErrGone
		}
		row := *x
		row.WakeAt = time.Time{}
		s.rows[x.ID] = row
		if x.Cause.Wait {
			ended.Woken = s.wakeParent(x.Parent)
		}
		if x.Open {
			s.cancelSteps(x.ID)
		}
		if x.Invoked {
			ended.Canceled = s.end(s.children(x.ID), "parent_ended")
		}
		if x.Sequel != nil {
			s.rows[x.Sequel.ID] = *x.Sequel
		}
		return nil
	})
	return ended, err
}

func (s *fakeStore) Due(_ context.Context, now time.Time, limit int) (found []*workflow.Execution, err error) {
	err = s.do(due, nil, func() error {
		var list []workflow.Execution
		s.sorted(func(x workflow.Execution) {
			if x.Status == workflow.StatusWaiting && !x.WakeAt.IsZero() && !x.WakeAt.After(now) {
				list = append(list, x)
			}
		})
		slices.SortStableFunc(list, func(a, b workflow.Execution) int { return a.WakeAt.Compare(b.WakeAt) })
		for _, x := range list[:min(limit, len(list))] {
			x.Status, x.WakeAt = workflow.StatusQueued, time.Time{}
			s.rows[x.ID] = x
			found = append(found, &x)
		}
		return nil
	})
	return found, err
}

func (s *fakeStore) NextWake(context.Context) (first time.Time, err error) {
	err = s.do(nextWake, nil, func() error {
		s.sorted(func(x workflow.Execution) {
			if x.Status == workflow.StatusWaiting {
				first = workflow.Earlier(first, x.WakeAt)
			}
		})
		return nil
	})
	return first, err
}

func (s *fakeStore) Cancel(_ context.Context, ids []string, reason string) (done workflow.Canceled, err error) {
	err = s.do(cancel, ids, func() error {
		done = s.end(ids, reason)
		return nil
	})
	return done, err
}

// open reports whether a row is there and has not ended.
func (s *fakeStore) open(id string) bool {
	row, ok := s.rows[id]
	return ok && !row.Status.Final()
}

// children are those that an execution waits for.
func (s *fakeStore) children(parent string) (ids []string) {
	s.sorted(func(x workflow.Execution) {
		if x.Parent == parent && x.Cause.Wait && !x.Status.Final() {
			ids = append(ids, x.ID)
		}
	})
	return ids
}

// end cancels executions with the children that they wait for, and what their
// steps wait for.
func (s *fakeStore) end(ids []string, reason string) (done workflow.Canceled) {
	for i := 0; i < len(ids); i++ {
		x, ok := s.rows[ids[i]]
		if !ok || x.Status.Final() {
			continue
		}
		x.Status, x.Reason, x.WakeAt, x.FinishedAt = workflow.StatusCanceled, reason, time.Time{}, time.Now()
		s.rows[x.ID] = x
		done.IDs = append(done.IDs, x.ID)
		ids = append(slices.Clone(ids), s.children(x.ID)...)
		s.cancelSteps(x.ID)
	}
	for _, id := range done.IDs {
		if x := s.rows[id]; x.Cause.Wait {
			done.Woken = append(done.Woken, s.wakeParent(x.Parent)...)
		}
	}
	return done
}

// cancelSteps ends what the steps of an ended execution wait for.
func (s *fakeStore) cancelSteps(id string) {
	for at, step := range s.journal[id] {
		if !step.Status.Final() {
			s.journal[id][at].Status = workflow.StatusCanceled
		}
	}
}

// wakeParent queues an execution that waits.
func (s *fakeStore) wakeParent(id string) []workflow.Waiter {
	x, ok := s.rows[id]
	if !ok || x.Status != workflow.StatusWaiting {
		return nil
	}
	x.Status, x.WakeAt = workflow.StatusQueued, time.Time{}
	s.rows[id] = x
	return []workflow.Waiter{{ID: id, Workflow: x.Workflow}}
}

func idsOf(executions []*workflow.Execution) (ids []string) {
	for _, x := range executions {
		ids = append(ids, x.ID)
	}
	return ids
}

// newID makes an id; later ones are greater.
func (s *fakeStore) newID(kind string) string {
	s.made++
	return fmt.Sprintf("%s%06d", kind, s.made)
}
