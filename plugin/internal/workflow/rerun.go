package workflow

import (
	"fmt"
	"net/url"
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
		if s.Branch == "" && s.Kind != StepBranch && (last == nil || s.Seq > last.Seq) {
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
// again what has completed in its other branches.
func before(journal []*Step, branch string, seq int) []*Step {
	limits := map[string]int{branch: seq}
	around := branch
	for around != "" {
		parent, hop := "", around
		if i := strings.LastIndexByte(around, '/'); i >= 0 {
			parent, hop = around[:i], around[i+1:]
		}
		limits[parent], _ = strconv.Atoi(hop[:strings.IndexByte(hop, ':')])
		around = parent
	}
	var kept []*Step
	for _, s := range journal {
		if s.Status.Final() && keeps(s, limits) {
			kept = append(kept, s)
		}
	}
	return kept
}

// keeps reports whether a step comes before the limits of the branches that it
// stands in.
func keeps(s *Step, limits map[string]int) bool {
	at, seq := s.Branch, s.Seq
	inside := false // of the parallel step at the limit
	for {
		limit, known := limits[at]
		switch {
		case !known:
		case seq > limit:
			return false
		case seq == limit:
			if s.Kind != StepBranch && !inside {
				return false // the step itself
			}
			if s.Status != StatusCompleted {
				return false
			}
			return s.Kind != StepBranch || !leadsTo(s, limits)
		default:
			return true
		}
		if at == "" {
			return true
		}
		parent, hop := "", at
		if i := strings.LastIndexByte(at, '/'); i >= 0 {
			parent, hop = at[:i], at[i+1:]
		}
		seq, _ = strconv.Atoi(hop[:strings.IndexByte(hop, ':')])
		at, inside = parent, true
	}
}

// leadsTo reports whether a branch's entry is of a branch that is done again.
func leadsTo(s *Step, limits map[string]int) bool {
	prefix := strconv.Itoa(s.Seq) + ":"
	if s.Branch != "" {
		prefix = s.Branch + "/" + prefix
	}
	for branch := range limits {
		if hop, ok := strings.CutPrefix(branch, prefix); ok && !strings.Contains(hop, "/") && strings.HasSuffix(s.Name, "/"+branchKey(hop)) {
			return true
		}
	}
	return false
}

// branchKey is the key of a branch as it was given.
func branchKey(escaped string) string {
	if key, err := url.PathUnescape(escaped); err == nil {
		return key
	}
	return escaped
}
