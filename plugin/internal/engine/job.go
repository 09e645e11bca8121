package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// job is an execution that the engine holds: it waits for its turn, or runs.
type job struct {
	entry *entry
	// outside jobs run for a caller that waits, beside the pool.
	outside bool
	// again is true when something woke the execution while it was about to park,
	// parks while it is.
	again, parks bool
	// canceled is true once the execution was ended from outside after its turn had
	// come.
	canceled bool

	slot   *slot // nil outside of the pool
	cancel context.CancelCauseFunc
	began  time.Time
	marked bool
	// row is a copy for the marker: the worker goes on writing to its own.
	row workflow.Execution

	// branchesRun is the engine's count of what runs.
	branchesRun *sync.WaitGroup

	mu       sync.Mutex
	branches []*slot
}

// waits reports whether the job's turn has not come yet. The engine's lock is
// held.
func (j *job) waits() bool { return j.slot == nil && !j.outside }

// branchSlot makes a slot for one more script of the job.
func (j *job) branchSlot() *slot {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &slot{slots: j.slot.slots, busy: j.slot.busy}
	j.branches = append(j.branches, s)
	return s
}

func (j *job) forget(s *slot) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.branches = slices.DeleteFunc(j.branches, func(o *slot) bool { return o == s })
}

// scripts lists the slots of the job's scripts.
func (j *job) scripts() []*slot {
	if j.slot == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]*slot{j.slot}, j.branches...)
}
