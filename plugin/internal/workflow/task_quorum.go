package workflow

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Quorum is how many of a task's assignees have to agree: "any" (one), "all", a
// number of people ("2") or a share of them ("60%").
type Quorum string

const (
	// QuorumAny is one of the assignees.
	QuorumAny Quorum = "any"
	// QuorumAll is every assignee.
	QuorumAll Quorum = "all"
)

// ParseQuorum reads a quorum as scripts write it.
func ParseQuorum(value any) (Quorum, error) {
	switch v := value.(type) {
	case int64:
		if v >= 1 && v <= MaxPeople {
			return Quorum(strconv.FormatInt(v, 10)), nil
		}
	case string:
		if q := Quorum(v); q == QuorumAny || q == QuorumAll {
			return q, nil
		}
		if p, ok := Quorum(v).percent(); ok && p > 0 && p <= 100 {
			return Quorum(v), nil
		}
	}
	return "", fmt.Errorf(`expected "any", "all", a whole number of people over 0 or a percentage like "60%%", got %#v`, value)
}

func (q Quorum) percent() (float64, bool) {
	number, ok := strings.CutSuffix(string(q), "%")
	if !ok || number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	p, err := strconv.ParseFloat(number, 64)
	return p, err == nil
}

// Need is how many of total assignees have to agree; it may be more than there
// are.
func (q Quorum) Need(total int) int {
	if q == QuorumAll {
		return total
	}
	if p, ok := q.percent(); ok {
		// A share that is a whole number of people must stay one: 0.07 * 100 is a
		// little more than 7.
		return max(1, int(math.Ceil(p*float64(total)/100-1e-9)))
	}
	if n, err := strconv.Atoi(string(q)); err == nil {
		return n
	}
	return 1
}
