package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// firstClean is how long after a start, or after the first limit came up, the
// janitor begins, unless its interval is shorter.
const firstClean = 5 * time.Second

// janitorConfig is what the janitor does and when.
type janitorConfig struct {
	store    executionCleaner
	interval time.Duration
	// maxExecutions limits all workflows together; 0 is no limit.
	maxExecutions int
	// retention is what holds for a workflow now.
	retention func(key string) *workflow.Retention
	// retains reports whether anything is limited now.
	retains func() bool
	logger  func() *slog.Logger
}

// janitor deletes finished executions that are over a limit, in small batches.
// It owns one goroutine between Start and Stop; while nothing is limited that has
// no timer and asks the database nothing.
type janitor struct {
	config  janitorConfig
	refresh chan struct{}

	mu     sync.Mutex
	cancel context.CancelFunc // nil while stopped
	done   chan struct{}
}

func newJanitor(config janitorConfig) *janitor {
	return &janitor{config: config, refresh: make(chan struct{}, 1)}
}

// Start begins the cleaning. Starting twice does nothing.
func (j *janitor) Start() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel, j.done = cancel, make(chan struct{})
	go j.run(ctx, j.done)
}

// Stop ends it after the batch at hand and returns when that is over. It may be
// called at any time and more than once.
func (j *janitor) Stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.cancel == nil {
		return
	}
	j.cancel()
	<-j.done
	j.cancel = nil
}

// Refresh makes the janitor look again whether anything is limited. It never
// waits.
func (j *janitor) Refresh() {
	select {
	case j.refresh <- struct{}{}:
	default:
	}
}

func (j *janitor) run(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	var due <-chan time.Time
	for {
		if !j.config.retains() {
			due = nil
		} else if due == nil {
			due = time.After(min(firstClean, j.config.interval))
		}
		select {
		case <-ctx.Done():
			return
		case <-j.refresh:
		case <-due:
			j.clean(ctx)
			due = time.After(j.config.interval)
		}
	}
}

// clean deletes all that is over a limit now, and survives a database that is
// closed under it.
func (j *janitor) clean(ctx context.Context) {
	c := &cleaning{janitorConfig: j.config, batch: firstBatch}
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return c.run(ctx)
	}()
	if err != nil && ctx.Err() == nil {
		j.config.logger().Error("Deleting finished executions failed; trying again later", "error", err)
	}
	if c.deleted > 0 {
		j.config.logger().Info("Finished executions were deleted", "executions", c.deleted)
	}
}
