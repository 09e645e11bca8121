package plugin

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	// clockEvery is how long the schedules sleep at most before they look at the
	// wall clock: it may jump while they do.
	clockEvery = 30 * time.Second
	// recheckEvery is how long a schedule is not looked at at most: records may
	// have been written past PocketBase.
	recheckEvery = time.Minute
	// slack is how far before the last look the dates of records are looked at
	// again: a transaction may have committed late.
	slack = time.Minute
	// scheduleRetry is how long a schedule that could not be read or stored waits;
	// it doubles up to scheduleRetryMax.
	scheduleRetry    = time.Second
	scheduleRetryMax = time.Minute
)

// schedulesConfig is what the schedules do and by which clock.
type schedulesConfig struct {
	// run starts what is due and returns when to look again; zero is never.
	run func(ctx context.Context, key string, look trigger.Look) (time.Time, error)
	// keys lists the workflows that have a schedule, or had one.
	keys   func(ctx context.Context) ([]string, error)
	now    func() time.Time
	logger func() *slog.Logger
}

// schedules wakes at the next time of all schedules. It owns one goroutine between
// Start and Stop and holds one time for each workflow, however many records these
// are about.
type schedules struct {
	config schedulesConfig
	wake   chan struct{}

	mu sync.Mutex
	// changed is set when the workflows may be others than before.
	changed bool
	waiting map[string]*appointment
	cancel  context.CancelFunc // nil while stopped
	done    chan struct{}
}

// appointment is when to look at a schedule.
type appointment struct {
	// at is zero for never; a look at once has due set.
	at  time.Time
	due bool
	// checked is when it was looked at last.
	checked time.Time
	// began is true once the process has looked at it.
	began bool
	// from is what the next Look.From is.
	from   time.Time
	failed time.Duration
}

func newSchedules(config schedulesConfig) *schedules {
	return &schedules{config: config, wake: make(chan struct{}, 1)}
}

// Start begins with a look at every schedule. Starting twice does nothing.
func (s *schedules) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	s.changed, s.waiting = true, map[string]*appointment{}
	go s.loop(ctx, s.done)
}

// Stop ends it after the transaction at hand and returns when that is over. It may
// be called at any time and more than once.
func (s *schedules) Stop() {
	s.mu.Lock()
	cancel, done := s.cancel, s.done
	s.cancel = nil
	s.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	<-done
}

// Refresh makes it look at every schedule: one may be new or another. It never
// waits.
func (s *schedules) Refresh() {
	s.mu.Lock()
	s.changed = true
	s.mu.Unlock()
	s.ring()
}

// Rescan makes it look at the records of the last day again: another process may
// have written some.
func (s *schedules) Rescan() {
	s.mu.Lock()
	for _, a := range s.waiting {
		a.from = earliest(a.from, s.config.now().Add(-workflow.ClockWindow))
	}
	s.mu.Unlock()
	s.Refresh()
}

// Moved tells that a record of a schedule is due at t now, or with a zero t never,
// and was at old before.
func (s *schedules) Moved(key string, old, t time.Time) {
	s.mu.Lock()
	a := s.waiting[key]
	if a == nil {
		s.mu.Unlock()
		return // the first look is at all of them
	}
	now := s.config.now()
	switch {
	case !t.IsZero() && !t.After(now):
		a.from = earliest(a.from, t)
	case !t.IsZero() && (a.at.IsZero() || t.Before(a.at)):
	case !old.IsZero() && !a.at.IsZero() && !old.After(a.at):
	default:
		s.mu.Unlock()
		return
	}
	a.due = true
	s.mu.Unlock()
	s.ring()
}

func (s *schedules) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *schedules) loop(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-time.After(s.sleep()):
		}
	}
}

// sleep is how long nothing is due.
func (s *schedules) sleep() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, d := s.config.now().Round(0), clockEvery
	for _, a := range s.waiting {
		if a.isDue(now) {
			return 0
		}
		if !a.at.IsZero() {
			d = min(d, a.at.Sub(now))
		}
	}
	return d
}

// isDue reports whether it is time to look; the clock may have been turned back.
func (a *appointment) isDue(now time.Time) bool {
	return a.due || !a.at.IsZero() && !a.at.After(now) || now.Before(a.checked) || now.Sub(a.checked) >= recheckEvery
}

// look starts all that is due now.
func (s *schedules) look(ctx context.Context) {
	s.mu.Lock()
	changed := s.changed
	s.changed = false
	s.mu.Unlock()
	if changed {
		if err := s.follow(ctx); err != nil && ctx.Err() == nil {
			s.config.logger().Error("Reading the schedules of workflows failed; trying again later", "error", err)
			s.mu.Lock()
			s.changed = true
			s.mu.Unlock()
		}
	}
	for ctx.Err() == nil {
		key, look, ok := s.next()
		if !ok {
			return
		}
		at, err := s.run(ctx, key, look)
		s.ran(ctx, key, look, at, err)
	}
}

// follow makes an appointment with every schedule that there is now.
func (s *schedules) follow(ctx context.Context) error {
	keys, err := s.config.keys(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.waiting
	s.waiting = make(map[string]*appointment, len(keys))
	for _, key := range keys {
		a := known[key]
		if a == nil {
			a = &appointment{}
		}
		a.due = true
		s.waiting[key] = a
	}
	return nil
}

// next is a schedule to be looked at now.
func (s *schedules) next() (key string, look trigger.Look, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.now()
	for key, a := range s.waiting {
		if !a.isDue(now.Round(0)) {
			continue
		}
		look = trigger.Look{Now: now, Began: !a.began, From: a.from}
		// What is told from here on is for the next look.
		a.due, a.at, a.from, a.checked = false, time.Time{}, now.Add(-slack), now.Round(0)
		return key, look, true
	}
	return "", look, false
}

// ran makes the next appointment.
func (s *schedules) ran(ctx context.Context, key string, look trigger.Look, at time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.waiting[key]
	if a == nil {
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			s.config.logger().Error("The schedule of a workflow failed; trying again later", "workflow", key, "error", err)
		}
		a.failed = min(max(scheduleRetry, 2*a.failed), scheduleRetryMax)
		a.at, a.from = look.Now.Add(a.failed), earliest(a.from, look.From)
		return
	}
	more := !at.IsZero() && !at.After(look.Now)
	if more { // the same again, as far as that is not over
		a.from = earliest(a.from, look.From)
	}
	a.failed, a.at, a.began = 0, at, a.began || !more
}

// earliest is the earlier of two times of which a zero one is the earliest.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	return workflow.Earlier(a, b)
}

// run survives a database that is closed under it.
func (s *schedules) run(ctx context.Context, key string, look trigger.Look) (at time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return s.config.run(ctx, key, look)
}
