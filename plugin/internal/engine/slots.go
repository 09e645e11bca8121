package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slots is how many scripts may keep the CPU at a time. Who waits for something
// else (the journal, a response, a timer) gives its slot away meanwhile.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting []chan struct{}
	now     func() time.Time
	// freed is called when a slot is free that nobody waits for, and when a script
	// whose slot was taken away keeps the CPU no longer.
	freed func()
}

// acquire waits for a slot; false when ctx ended first.
func (s *slots) acquire(ctx context.Context) bool {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return true
	}
	turn := make(chan struct{}, 1)
	s.waiting = append(s.waiting, turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		if w == turn {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return false
		}
	}
	s.handOver() // it was given in the same moment
	return false
}

// try takes a slot that is free and that nobody waits for.
func (s *slots) try() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 {
		return false
	}
	s.free--
	return true
}

func (s *slots) release() {
	s.mu.Lock()
	free := s.handOver()
	s.mu.Unlock()
	if free {
		s.freed()
	}
}

// handOver gives a slot to who waits longest, else it is free. The lock is held.
func (s *slots) handOver() (free bool) {
	if len(s.waiting) > 0 {
		s.waiting[0] <- struct{}{}
		s.waiting = s.waiting[1:]
		return false
	}
	s.free++
	return true
}

// slot is one script's hold on the slots.
type slot struct {
	slots *slots
	// busy counts the workflow's scripts that have a slot or had it taken away.
	busy *atomic.Int64

	mu    sync.Mutex
	held  bool
	since time.Time
	// stuck is true once the slot was taken away from a script that kept it.
	stuck bool
}

// enter waits for a slot.
func (s *slot) enter(ctx context.Context) {
	if s.slots.acquire(ctx) {
		s.took()
	} // without one it finds out at its next call that it is over
}

func (s *slot) took() {
	s.busy.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.stuck, s.since = true, false, s.slots.now()
}

// leave gives the slot away, if it has it still.
func (s *slot) leave() {
	s.mu.Lock()
	held, stuck := s.held, s.stuck
	s.held, s.stuck = false, false
	s.mu.Unlock()
	if held || stuck {
		s.busy.Add(-1)
	}
	switch {
	case held:
		s.slots.release()
	case stuck:
		s.slots.freed()
	}
}

// expire takes the slot away from a script that has kept it for longer than
// limit: it goes on, but holds nobody up any more.
func (s *slot) expire(limit time.Duration) {
	s.mu.Lock()
	expired := s.held && s.slots.now().Sub(s.since) >= limit
	if expired {
		s.held, s.stuck = false, true
	}
	s.mu.Unlock()
	if expired {
		s.slots.release()
	}
}
