package store

import (
	"context"
	"fmt"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// InsertWithSteps stores a new execution with copies of steps as its journal, all
// or none.
func (s *Store) InsertWithSteps(ctx context.Context, e *workflow.Execution, steps []*workflow.Step) error {
	fillNew(e)
	writes := make([]*stepWrite, len(steps))
	for i, step := range steps {
		own := *step
		own.ID = ""
		w, err := newStepWrite(e, &own)
		if err != nil {
			return fmt.Errorf("copy step %q: %w", step.Name, err)
		}
		w.marks = nil
		writes[i] = w
	}
	err := s.write(ctx, func(b *batch) error {
		if err := insertExecutions(b, []*workflow.Execution{e}); err != nil {
			return err
		}
		for _, w := range writes {
			if err := w.run(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("insert an execution with %d steps: %w", len(steps), err)
	}
	s.Notify("create", e.ID)
	return nil
}
