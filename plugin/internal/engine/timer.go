package engine

import (
	"sync"
	"time"
)

// lookEvery is how long the timer sleeps at most before it looks at the clock:
// the wall clock may jump while it does.
const lookEvery = 30 * time.Second

// alarm calls ring when the first of the times it was set to has come. It holds
// one time only, whatever the number of parked executions.
type alarm struct {
	now  func() time.Time
	ring func()

	mu    sync.Mutex
	at    time.Time // zero while nothing is due
	timer *time.Timer
	off   bool
	busy  sync.WaitGroup
}

// set makes the alarm ring at t, unless it rings earlier anyway.
func (a *alarm) set(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.IsZero() || a.off || !a.at.IsZero() && !t.Before(a.at) {
		return
	}
	a.at = t
	a.arm()
}

// arm sets the timer. The lock is held.
func (a *alarm) arm() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = time.AfterFunc(max(0, min(a.at.Sub(a.now()), lookEvery)), a.look)
}

func (a *alarm) look() {
	a.mu.Lock()
	if a.off || a.at.IsZero() {
		a.mu.Unlock()
		return
	}
	if a.now().Before(a.at) {
		a.arm()
		a.mu.Unlock()
		return
	}
	a.at = time.Time{}
	a.busy.Add(1)
	a.mu.Unlock()
	defer a.busy.Done()
	a.ring()
}

func (a *alarm) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off, a.at = false, time.Time{}
}

// stop ends the alarm and waits for a ring that is under way.
func (a *alarm) stop() {
	a.mu.Lock()
	a.off = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Unlock()
	a.busy.Wait()
}
