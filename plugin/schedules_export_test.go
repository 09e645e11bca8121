package plugin

import (
	"context"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/trigger"
)

// SetClock sets the clock of the schedules of a plugin that does not serve yet.
func (p *Plugin) SetClock(now func() time.Time) { p.clock = now }

// StopSchedules leaves the schedules to LookAtSchedules.
func (p *Plugin) StopSchedules() { p.schedules.Stop() }

// LookAtSchedules does what the schedules' goroutine does when it wakes. Restarted
// is the first look of a process.
func (p *Plugin) LookAtSchedules(restarted bool) {
	s := p.schedules
	s.mu.Lock()
	if restarted {
		s.waiting, s.changed = map[string]*appointment{}, true
	}
	s.mu.Unlock()
	s.look(context.Background())
}

// SleepOfSchedules is how long the goroutine would sleep.
func (p *Plugin) SleepOfSchedules() time.Duration { return p.schedules.sleep() }

// RunSchedule is one look at the schedule of a workflow.
func (p *Plugin) RunSchedule(ctx context.Context, key string, now time.Time) error {
	_, err := p.trigger.RunSchedule(ctx, key, trigger.Look{Now: now})
	return err
}

// RunsSchedules reports whether the process runs schedules.
func (p *Plugin) RunsSchedules() bool {
	p.schedules.mu.Lock()
	defer p.schedules.mu.Unlock()
	return p.schedules.cancel != nil
}
