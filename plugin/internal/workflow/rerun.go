package workflow

import (
	"fmt"
	"strconv"
	"strings"
)

// RerunFrom says from where an execution is done again. The zero value is the
// start.
type RerunFrom struct {
	// Failed is from the step that failed, or from where an exception ended it.
	Failed bool
	// Step and Index are from the n-th use (from 0) of a step; empty for none.
	Step  string
	Index int
}

// Takeover returns the steps of a journal that a rerun takes over: those that
// completed before the point from which it is done again. The error says that
// there is no such step.
func (f RerunFrom) Takeover(journal []*Step) ([]*Step, error) {
	switch {
	case f.Step != "":
		for _, s := range journal {
			if s.Name == f.Step && s.Index == f.Index {
				return before(journal, s.Branch, s.Seq), nil
			}
		}
		return nil, fmt.Errorf("the execution has no step %q with index %d", f.Step, f.Index)
	case f.Failed:
		return before(journal, "", failedAt(journal)), nil
	default:
		return nil, nil
	}
}

// failedAt is the position of the last step outside of branches if that did not
// complete, else one after it: earlier failures were dealt with by the script.
func failedAt(journal []*Step) int {
	var last *Step
	for _, s := range journal {
		if s.Branch == "" && (last == nil || s.Seq > last.Seq) {
			last = s
		}
	}
	switch {
	case last == nil:
		return 0
	case last.Status == StatusCompleted:
		return last.Seq + 1
	default:
		return last.Seq
	}
}

// before lists the ended steps that come before a position in a branch: on the
// way there those of the branches around it, and of a parallel step that is done
// again what its other branches have behind them.
func before(journal []*Step, branch string, seq int) []*Step {
	limits := map[string]int{branch: seq}
	for branch != "" {
		branch, seq = hop(branch)
		limits[branch] = seq
	}
	last := map[string]int{}
	for _, s := range journal {
		last[s.Branch] = max(last[s.Branch], s.Seq)
	}
	var kept []*Step
	for _, s := range journal {
		passed := s.Status == StatusCompleted || s.Seq < last[s.Branch] && s.Kind != StepBranch
		if s.Status.Final() && keeps(s, passed, limits) {
			kept = append(kept, s)
		}
	}
	return kept
}

// keeps reports whether a step comes before the limits of the branches that it
// stands in. Passed is true when the script went on after it.
func keeps(s *Step, passed bool, limits map[string]int) bool {
	if _, again := limits[s.Branch]; again && s.Kind == StepBranch {
		return false
	}
	at, seq, inside := s.Branch, s.Seq, false
	for {
		limit, known := limits[at]
		switch {
		case !known:
		case seq == limit: // inside of the parallel step there, or that step itself
			return inside && passed
		default:
			return seq < limit
		}
		if at == "" {
			return true
		}
		at, seq = hop(at)
		inside = true
	}
}

// hop is the branch around a branch, and the position of the parallel step there.
func hop(branch string) (around string, seq int) {
	last := branch
	if i := strings.LastIndexByte(branch, '/'); i >= 0 {
		around, last = branch[:i], branch[i+1:]
	}
	number, _, _ := strings.Cut(last, ":")
	seq, _ = strconv.Atoi(number)
	return around, seq
}
