package plugin

import (
	"context"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/store"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// minPause is how long the writer is at least left to others between two
	// batches; a batch that took longer is followed by a pause as long.
	minPause = 10 * time.Millisecond
	// batchBudget is how long one batch deletes before it commits. The commit may
	// have to write a checkpoint, which takes as long again.
	batchBudget = 15 * time.Millisecond
)

// executionCleaner is what the janitor needs of the store.
type executionCleaner interface {
	ExecutedKeys(ctx context.Context) ([]string, error)
	OverAge(ctx context.Context, key string, statuses []workflow.Status, before time.Time) store.Pages
	OverCount(ctx context.Context, key string, statuses []workflow.Status, keep int) store.Pages
	OverTotal(ctx context.Context, keep int) store.Pages
	DeleteFinished(ctx context.Context, ids []string, budget time.Duration) (store.Deletion, error)
}

// cleaning is one run of the janitor.
type cleaning struct {
	janitorConfig
	batch   batchSize
	deleted int
}

func (c *cleaning) run(ctx context.Context) error {
	keys, err := c.store.ExecutedKeys(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, key := range keys {
		for _, rule := range c.retention(key).Rules() {
			if rule.Age > 0 {
				if err := c.delete(ctx, c.store.OverAge(ctx, key, rule.Statuses, now.Add(-rule.Age))); err != nil {
					return err
				}
			}
			if rule.Count > 0 {
				if err := c.delete(ctx, c.store.OverCount(ctx, key, rule.Statuses, rule.Count)); err != nil {
					return err
				}
			}
		}
	}
	if c.maxExecutions > 0 {
		return c.delete(ctx, c.store.OverTotal(ctx, c.maxExecutions))
	}
	return nil
}

// delete deletes what pages hold, batch by batch.
func (c *cleaning) delete(ctx context.Context, pages store.Pages) error {
	for ids, err := range pages {
		if err != nil {
			return err
		}
		for len(ids) > 0 {
			n := min(len(ids), int(c.batch))
			d, err := c.store.DeleteFinished(ctx, ids[:n], batchBudget)
			if err != nil {
				return err
			}
			c.deleted += d.Deleted
			ids = ids[d.Done:]
			c.batch = c.batch.after(d.Held, d.Done == int(c.batch))
			if err := pause(ctx, max(minPause, d.Held)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause leaves the writer to others.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	firstBatch batchSize = 100
	maxBatch   batchSize = 1000
	slowBatch            = 25 * time.Millisecond
	quickBatch           = 10 * time.Millisecond
)

// batchSize is how many executions one batch deletes.
type batchSize int

// after is the size that follows a batch which held the writer for so long: half
// of it when that was slow, twice as much when a full one was quick.
func (b batchSize) after(held time.Duration, full bool) batchSize {
	switch {
	case held > slowBatch:
		return max(1, b/2)
	case held < quickBatch && full:
		return min(maxBatch, 2*b)
	default:
		return b
	}
}
