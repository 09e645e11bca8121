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
	c.timer = time.AfterFunc(c.left, func() { c.interrupt(errScriptTimeout) })
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

// timeoutMessage says which limit was over.
func timeoutMessage(limit time.Duration) string {
	return fmt.Sprintf("the script ran longer than %s and was interrupted", limit)
}
