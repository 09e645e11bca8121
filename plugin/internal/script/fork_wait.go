package script

import (
	"context"
	"slices"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// wait runs the branches until they have decided the step.
func (f *fork) wait() goja.Value {
	x := f.run
	ctx, cancel := context.WithCancelCause(x.ctx)
	x.leftovers = append(x.leftovers, func() { cancel(workflow.ErrLost) })
	f.ends = make(chan branchReport, len(f.keys))
	var halted *workflow.Outcome
	err := x.clock.waiting(func() error {
		return x.journal.Waiting(x.ctx, func() error {
			for halted == nil && !f.decided() && f.startMore(ctx) {
				timer := time.NewTimer(f.untilDue())
				select {
				case r := <-f.ends:
					halted = f.report(r)
				case <-timer.C:
				case <-x.ctx.Done():
					timer.Stop()
					return context.Cause(x.ctx)
				}
				timer.Stop()
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return x.halt(err)
	case halted != nil:
		f.lost.Store(true)
		for _, m := range halted.Messages {
			x.say(m)
		}
		x.keepLogs(halted.Logs)
		return x.halt(&stop{*halted})
	case !f.decided():
		return f.park()
	}
	f.lost.Store(true)
	return f.finish()
}

// startMore starts branches as far as the limit lets it, and those whose wait is
// over. It returns false when none runs: all that have not ended are parked.
func (f *fork) startMore(ctx context.Context) bool {
	running := 0
	for _, s := range f.states {
		if s.running {
			running++
		}
	}
	now := f.run.journal.Now()
	for i := range f.states {
		s := &f.states[i]
		if running >= f.limit {
			break
		}
		if s.running || s.step.Status.Final() {
			continue
		}
		if s.parked != nil {
			if s.parked.WakeAt.IsZero() || now.Before(s.parked.WakeAt) {
				continue
			}
			s.parked = nil
		}
		s.running = true
		running++
		f.runBranch(ctx, i)
	}
	return running > 0
}

// untilDue is how long until a parked branch may go on.
func (f *fork) untilDue() time.Duration {
	least := time.Hour
	now := f.run.journal.Now()
	for _, s := range f.states {
		if !s.running && s.parked != nil && !s.parked.WakeAt.IsZero() {
			least = min(least, max(0, s.parked.WakeAt.Sub(now)))
		}
	}
	return least
}

func (f *fork) runBranch(ctx context.Context, i int) {
	x := f.run
	path := append(slices.Clone(x.entered), hop{f.parallel.Branch, f.parallel.Name, f.parallel.Index, f.keys[i]})
	x.journal.Branch(ctx, f.lost.Load, func(j Journal) {
		report := branchReport{i: i}
		report.outcome, report.end = x.runner.run(ctx, x.execution, j, path)
		f.ends <- report
	})
}

// report keeps what a branch says; a branch that ended the whole execution ends
// the run.
func (f *fork) report(r branchReport) (halted *workflow.Outcome) {
	s := &f.states[r.i]
	s.running = false
	switch {
	case r.end != nil:
		s.step = r.end.step
		f.tell(s.step)
		return nil
	case r.outcome.Status == workflow.StatusWaiting:
		s.parked = &r.outcome.Park
		return nil
	default:
		return &r.outcome
	}
}

// decided reports whether the branches that have ended decide the step.
func (f *fork) decided() bool {
	ended := 0
	for _, s := range f.states {
		if !s.step.Status.Final() {
			continue
		}
		ended++
		failed := s.step.Status != workflow.StatusCompleted
		if f.mode == modeRace || f.mode == modeAll && failed || f.mode == modeAny && !failed {
			return true
		}
	}
	return ended == len(f.states)
}

// park ends the run until one of the branches can go on.
func (f *fork) park() goja.Value {
	var p workflow.Park
	for _, s := range f.states {
		if s.parked != nil {
			p = p.Merge(*s.parked)
		}
	}
	return f.run.park(f.parallel, p)
}

// first is the branch that ended first of those that satisfy is.
func (f *fork) first(is func(*workflow.Step) bool) *workflow.Step {
	var first *workflow.Step
	for _, s := range f.states {
		if s.step.Status.Final() && is(s.step) && (first == nil || s.step.FinishedAt.Before(first.FinishedAt)) {
			first = s.step
		}
	}
	return first
}
