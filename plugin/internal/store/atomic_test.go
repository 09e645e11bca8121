package store

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestAtomic_SharedCommit: what fails is undone alone, unless it has left a part
// behind that nobody can undo alone; the store's own writes never suffer from it.
func TestAtomic_SharedCommit(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		share  func(*Store) func(context.Context, func(core.App) error) error
		writes bool // before it fails
		err    error
		others bool // whether they are committed
	}{
		{"behind a savepoint", func(s *Store) func(context.Context, func(core.App) error) error { return s.Atomic }, true, boom, true},
		{"whole, nothing written", func(s *Store) func(context.Context, func(core.App) error) error { return s.Whole }, false, boom, true},
		{"whole, but torn", func(s *Store) func(context.Context, func(core.App) error) error { return s.Whole }, true, errors.Join(workflow.ErrTorn, boom), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app, s := newStarted(t)
			ctx := context.Background()
			stepped := newExecution("stepped")
			insert(t, app, s, stepped)
			guilty, innocent := newExecution("guilty"), newExecution("innocent")
			release := hold(t, s)
			var guiltyErr, innocentErr, stepErr error
			runs := 0
			var wg sync.WaitGroup
			wg.Go(func() {
				innocentErr = s.Whole(ctx, func(tx core.App) error {
					runs++
					return s.Insert(tx, innocent)
				})
			})
			wg.Go(func() { stepErr = s.SaveStep(ctx, stepped, newStep("s", 0)) })
			wg.Go(func() {
				guiltyErr = c.share(s)(ctx, func(tx core.App) error {
					if c.writes {
						if err := s.Insert(tx, guilty); err != nil {
							return err
						}
					}
					return c.err
				})
			})
			queued(t, s, 3)
			release()
			wg.Wait()

			require.ErrorIs(t, guiltyErr, boom)
			require.NoError(t, stepErr)
			require.LessOrEqual(t, runs, 1, "nothing runs twice")
			_, err := s.Find(ctx, guilty.ID)
			require.Error(t, err)
			_, err = s.Find(ctx, innocent.ID)
			if c.others {
				require.NoError(t, innocentErr)
				require.NoError(t, err)
			} else {
				require.EqualError(t, innocentErr, "undone with another write that shared the commit")
				require.Error(t, err)
			}
			steps, err := s.Steps(ctx, stepped.ID)
			require.NoError(t, err)
			require.Len(t, steps, 1)
		})
	}
}

// TestAtomic_OwnWritesFail: the store's own writes are undone together and run
// again alone, so that only the guilty one fails; the rest of the commit stands.
func TestAtomic_OwnWritesFail(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	stepped, inserted := newExecution("stepped"), newExecution("inserted")
	insert(t, app, s, stepped)
	boom := errors.New("boom")
	release := hold(t, s)
	var insertErr, stepErr, guiltyErr error
	var wg sync.WaitGroup
	wg.Go(func() { insertErr = s.Atomic(ctx, func(tx core.App) error { return s.Insert(tx, inserted) }) })
	wg.Go(func() { stepErr = s.SaveStep(ctx, stepped, newStep("s", 0)) })
	wg.Go(func() {
		guiltyErr = s.write(ctx, func(b *batch) error {
			if _, err := b.exec(markRunning, "", 1, "", stepped.ID); err != nil {
				return err
			}
			return boom
		})
	})
	queued(t, s, 3)
	release()
	wg.Wait()
	require.NoError(t, insertErr)
	require.NoError(t, stepErr)
	require.ErrorIs(t, guiltyErr, boom)
	_, err := s.Find(ctx, inserted.ID)
	require.NoError(t, err)
	steps, err := s.Steps(ctx, stepped.ID)
	require.NoError(t, err)
	require.Len(t, steps, 1)
}
