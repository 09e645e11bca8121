package script

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// errScriptTimeout interrupts a script that keeps the CPU too long.
var errScriptTimeout = errors.New("script timeout")

// clock interrupts a run when its script time or its context is over. Time that
// the run spends waiting for the journal does not count.
type clock struct {
	mu      sync.Mutex
	vm      *goja.Runtime
	closed  bool
	left    time.Duration
	since   time.Time
	timer   *time.Timer
	release func() bool
	// over is true once the script time is.
	over bool
	// expire ends the body that within runs as its time-out does; nil outside.
	expire func()
}

func (c *clock) open(ctx context.Context, vm *goja.Runtime, limit time.Duration) {
	c.vm, c.left = vm, limit
	c.resume()
	c.release = context.AfterFunc(ctx, func() { c.interrupt(context.Cause(ctx)) })
}

func (c *clock) interrupt(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed { // an interrupt after the run would hit the next one
		c.vm.Interrupt(cause)
	}
}

func (c *clock) resume() {
	c.since = time.Now()
	c.timer = time.AfterFunc(c.left, func() {
		c.mu.Lock()
		c.over = true
		c.mu.Unlock()
		c.interrupt(errScriptTimeout)
	})
}

func (c *clock) pause() {
	c.timer.Stop()
	c.left = max(0, c.left-time.Since(c.since))
}

// waiting runs fn, which waits for something else than the script.
func (c *clock) waiting(fn func() error) error {
	c.pause()
	defer c.resume()
	return fn()
}

func (c *clock) close() {
	if c.release == nil {
		return
	}
	c.release()
	c.timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.vm.ClearInterrupt()
}

// within runs body for at most limit (0 is no limit). When that is over body is
// interrupted, whatever it does, and within returns true; the rest of the script
// may go on.
func (c *clock) within(ctx context.Context, limit time.Duration, body func()) (over bool) {
	if limit <= 0 {
		body()
		return false
	}
	mine := &stepTimeout{}
	done := false
	c.expire = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !done && !c.closed {
			over = true
			c.vm.Interrupt(mine)
		}
	}
	timer := time.AfterFunc(limit, c.expire)
	body()
	timer.Stop()
	c.expire = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	done = true
	if over {
		c.vm.ClearInterrupt()
		switch { // what else was over in the same moment still counts
		case ctx.Err() != nil:
			c.vm.Interrupt(context.Cause(ctx))
		case c.over:
			c.vm.Interrupt(errScriptTimeout)
		}
	}
	return over
}

// stepTimeout interrupts the body of a step.
type stepTimeout struct{}

// timeoutMessage says which limit was over.
func timeoutMessage(limit time.Duration) string {
	return fmt.Sprintf("the script ran longer than %s and was interrupted", limit)
}
