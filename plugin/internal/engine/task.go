package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Tasks is how an execution asks people. A task that has ended tells so by an
// event.
type Tasks interface {
	// Open stores a new task with the step of e that waits for it, and what that
	// waits for. Refused is an error for the script.
	Open(ctx context.Context, e *workflow.Execution, step *workflow.Step, options workflow.TaskOptions) (refused, err error)
	// Due ends the task of a step because its due date is over, unless it has ended
	// already.
	Due(ctx context.Context, step *workflow.Step) error
	// Abandon closes the open tasks of an execution whose branch begins like this:
	// nobody needs them any more.
	Abandon(ctx context.Context, execution, branches string) error
}

var errNoTasks = errors.New("tasks are not available here")

// OpenTask asks people; the step is saved as waiting. Refused is an error for
// the script.
func (s *Session) OpenTask(ctx context.Context, step *workflow.Step, options workflow.TaskOptions) (refused, err error) {
	if s.executor.Tasks == nil {
		return errNoTasks, nil
	}
	step.Status = workflow.StatusWaiting
	s.ended(step)
	err = s.Waiting(ctx, func() (err error) {
		refused, err = s.executor.Tasks.Open(ctx, s.e, step, options)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the task of step %q: %w", step.Name, err)
	}
	if refused == nil {
		s.keep(step)
	}
	return refused, nil
}

// TaskDue ends the task of a step whose due date is over.
func (s *Session) TaskDue(ctx context.Context, step *workflow.Step) error {
	return s.Waiting(ctx, func() error { return s.executor.Tasks.Due(ctx, step) })
}

// TaskEnd ends the wait for a task with how that ended; false while it has not.
func (s *Session) TaskEnd(ctx context.Context, step *workflow.Step) (found bool, err error) {
	err = s.Waiting(ctx, func() error {
		events, err := s.executor.Waits.Events(ctx, s.e.ID, step.Ref)
		if err != nil || len(events) == 0 {
			return err
		}
		var end workflow.TaskEnd
		if err := json.Unmarshal(events[0].Payload, &end); err != nil {
			return fmt.Errorf("read the end of the task of step %q: %w", step.Name, err)
		}
		ended := *step
		ended.Status, ended.Result, ended.Failure, ended.Ref = end.Step, end.Result, end.Failure, events[0].ID
		s.ended(&ended)
		if err := s.executor.Waits.TakeEvent(ctx, s.e, &ended, events[0].ID); err != nil {
			return err
		}
		*step, found = ended, true
		return nil
	})
	if found {
		s.keep(step)
	}
	return found, err
}

// abandon closes the tasks of branches that a parallel step, which has ended, did
// not wait for.
func (s *Session) abandon(ctx context.Context, step *workflow.Step) error {
	if step.Kind != workflow.StepParallel && step.Kind != workflow.StepMap || !step.Status.Final() || s.executor.Tasks == nil {
		return nil
	}
	inside := branchOf(step, "")
	if !s.asks(inside) {
		return nil
	}
	return s.executor.Tasks.Abandon(ctx, s.e.ID, inside)
}

// asks reports whether a task is open in a branch that begins like this.
func (s *Session) asks(inside string) bool {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	for key := range s.journal.unended {
		if step := s.journal.steps[key]; step != nil && step.Kind == workflow.StepTask && strings.HasPrefix(key.branch, inside) {
			return true
		}
	}
	return false
}
