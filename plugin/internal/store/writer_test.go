package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// hold keeps the writer busy with one commit until release is called, so that
// what is queued meanwhile becomes one batch.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.write(context.Background(), func(*batch) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	return sync.OnceFunc(func() {
		close(leave)
		require.NoError(t, <-done)
	})
}

// queued waits until n writes wait.
func queued(t *testing.T, s *Store, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.writer.ops) == n }, waitFor, tick)
}

func TestWriter_FailureIsIsolated(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	execs := make([]*workflow.Execution, 20)
	for i := range execs {
		execs[i] = newExecution("a")
	}
	insert(t, app, s, execs...)

	release := hold(t, s)
	boom := errors.New("boom")
	errs := make([]error, len(execs))
	var wg sync.WaitGroup
	for i, e := range execs {
		wg.Go(func() {
			if i == 7 {
				errs[i] = s.write(ctx, func(b *batch) error {
					if _, err := b.exec(markRunning, "", 1, "", e.ID); err != nil {
						return err
					}
					return boom
				})
				return
			}
			errs[i] = s.SaveStep(ctx, e, newStep("s", 0))
		})
	}
	queued(t, s, len(execs))
	release()
	wg.Wait()
	for i, e := range execs {
		steps, err := s.Steps(ctx, e.ID)
		require.NoError(t, err)
		if i == 7 {
			require.ErrorIs(t, errs[i], boom)
			got, err := s.Find(ctx, e.ID)
			require.NoError(t, err)
			require.Equal(t, workflow.StatusQueued, got.Status, "its write is rolled back")
			continue
		}
		require.NoError(t, errs[i])
		require.Len(t, steps, 1)
	}
}

func TestWriter_OneCommitForMany(t *testing.T) {
	t.Parallel()
	_, s := newStarted(t)
	release := hold(t, s)
	const n = maxBatch
	batches := make([]*batch, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := s.write(context.Background(), func(b *batch) error { batches[i] = b; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	queued(t, s, n)
	release()
	wg.Wait()
	for _, b := range batches {
		require.Same(t, batches[0], b)
	}
}

func TestWriter_Canceled(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	e := newExecution("a")
	insert(t, app, s, e)
	release := hold(t, s)
	defer release()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.SaveStep(ctx, e, newStep("s", 0)) }()
	queued(t, s, 1)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.ErrorIs(t, s.SaveStep(ctx, e, newStep("s", 0)), context.Canceled)
	release()
	require.NoError(t, s.write(context.Background(), func(*batch) error { return nil }))
	steps, err := s.Steps(context.Background(), e.ID)
	require.NoError(t, err)
	require.Empty(t, steps, "what was still queued is dropped")
}

func TestWriter_Panic(t *testing.T) {
	t.Parallel()
	_, s := newStarted(t)
	err := s.write(context.Background(), func(*batch) error { panic("broken") })
	require.ErrorContains(t, err, "broken")
	require.NoError(t, s.write(context.Background(), func(*batch) error { return nil }), "it lives on")
}

func TestStore_StopFlushesAndRestarts(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	for round := range 3 {
		execs := make([]*workflow.Execution, 10)
		for i := range execs {
			execs[i] = newExecution("a")
		}
		insert(t, app, s, execs...)
		release := hold(t, s)
		var wg sync.WaitGroup
		for _, e := range execs {
			wg.Go(func() {
				if err := s.SaveStep(ctx, e, newStep("s", 0)); err != nil {
					t.Error(err)
				}
			})
		}
		queued(t, s, len(execs))
		wg.Go(s.Stop)
		release()
		wg.Wait()
		s.Stop()
		for _, e := range execs {
			steps, err := s.Steps(ctx, e.ID)
			require.NoError(t, err)
			require.Lenf(t, steps, 1, "round %d", round)
		}
		s.Start()
		s.Start()
	}
}

func TestStore_Concurrent(t *testing.T) {
	t.Parallel()
	app, s := newStarted(t)
	ctx := context.Background()
	const workers, each, steps = 8, 10, 3
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := runOne(ctx, app, s, steps); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	active, err := s.Active(ctx, "", 1000)
	require.NoError(t, err)
	require.Empty(t, active)
	total, err := app.CountRecords(stepsName)
	require.NoError(t, err)
	require.EqualValues(t, workers*each*(steps+1), total)
}

func runOne(ctx context.Context, app core.App, s *Store, steps int) error {
	e := newExecution("a")
	if err := app.RunInTransaction(func(tx core.App) error { return s.Insert(tx, e) }); err != nil {
		return err
	}
	for i := range steps {
		if err := s.SaveStep(ctx, e, newStep(fmt.Sprint("s", i), i)); err != nil {
			return err
		}
	}
	if err := s.Transaction(ctx, e, newStep("tx", steps), func(core.App) error { return nil }); err != nil {
		return err
	}
	e.Status = workflow.StatusCompleted
	return errOf(s.Finish(ctx, e))
}
