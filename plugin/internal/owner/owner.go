package owner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Owner is a process's claim to a data folder. Several of one process, for
// several apps on one folder, keep each other out as processes do.
type Owner struct {
	config Config
	folder folder
	owns   atomic.Bool
	rings  atomic.Int64

	mu     sync.Mutex // held by Start and Stop
	cancel context.CancelFunc
	done   chan struct{}
}

// New makes an Owner that is stopped. Ring and Info work before Start too.
func New(config Config) *Owner {
	return &Owner{config: config.withDefaults(), folder: folderOf(config.Dir)}
}

// Start takes the folder if it is free, calling OnAcquire before it returns;
// if another process has it, Start returns and tries again every Retry in the
// background. Errors: the folder is missing or cannot be written to, or what
// OnAcquire returned; the Owner is stopped then. Starting twice does nothing.
func (o *Owner) Start() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cancel != nil {
		return nil
	}
	t, err := o.take()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.cancel, o.done = cancel, make(chan struct{})
	go o.run(ctx, t)
	return nil
}

// Stop lets go of the folder, or of waiting for it: it waits for a call of
// OnAcquire or OnRing, calls OnRelease if this process owned, and releases the
// lock last, so that the next owner begins when this one has ended. It may be
// called more than once, before Start too, and Start works afterwards.
func (o *Owner) Stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cancel == nil {
		return
	}
	o.cancel()
	<-o.done
	o.cancel = nil
}

// Owns tells whether this process owns the folder: from before OnAcquire is
// called until OnRelease has returned.
func (o *Owner) Owns() bool { return o.owns.Load() }

// run owns (if t is not nil) and waits, in turn, until ctx ends.
func (o *Owner) run(ctx context.Context, t *tenure) {
	defer close(o.done)
	for {
		if t == nil {
			t = o.wait(ctx)
		}
		if t == nil {
			return
		}
		select {
		case <-ctx.Done():
			o.release(t)
			return
		case <-t.lost:
			o.release(t)
			// What was committed since the other one read the store was meant for us.
			_ = o.Ring()
			t = nil
		}
	}
}

// take is one attempt to own. Nil without an error: somebody else does.
func (o *Owner) take() (*tenure, error) {
	if o.config.Dir == "" {
		return nil, errors.New("own the workflows of a data folder: no folder given")
	}
	t, err := begin(o.config, o.folder)
	if err != nil {
		return nil, fmt.Errorf("own the workflows of %s: %w", o.config.Dir, err)
	}
	if t == nil {
		return nil, nil
	}
	o.owns.Store(true)
	if err := o.config.OnAcquire(); err != nil {
		o.owns.Store(false)
		t.bell.stop()
		t.end()
		return nil, fmt.Errorf("begin to run the workflows of %s: %w", o.config.Dir, err)
	}
	t.bell.start()
	return t, nil
}

// release gives back what take took.
func (o *Owner) release(t *tenure) {
	t.bell.stop()
	o.config.OnRelease()
	o.owns.Store(false)
	t.end()
}

// wait tries to own every Retry, until ctx ends (nil).
func (o *Owner) wait(ctx context.Context) *tenure {
	o.announce()
	ticker := time.NewTicker(o.config.Retry)
	defer ticker.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		t, err := o.take()
		if t != nil {
			o.config.Logger().Info("This process runs the workflows from now on", "dir", o.config.Dir)
			return t
		}
		if err == nil {
			last = ""
		} else if err.Error() != last {
			last = err.Error()
			o.config.Logger().Error("Taking over the workflows failed; trying again", "error", err)
		}
	}
}

// announce logs who owns the folder.
func (o *Owner) announce() {
	const message = "Another process runs the workflows; this one takes over when it ends"
	info, err := o.Info()
	if err != nil {
		o.config.Logger().Warn(message, "dir", o.config.Dir, "error", err)
		return
	}
	o.config.Logger().Warn(message, "dir", o.config.Dir, "pid", info.PID, "host", info.Host, "started", info.Started)
}
