package workflow

import "time"

// RetentionLimit says how long and how many finished executions are kept. What
// is over either of the two is deleted; a zero field limits nothing.
type RetentionLimit struct {
	// Age is how long one is kept after it ended.
	Age time.Duration `json:"age,omitempty"`
	// Count is how many are kept: the ones that were created last.
	Count int `json:"count,omitempty"`
}

// Retention is the "retention" option of a workflow. The zero value keeps
// everything.
type Retention struct {
	// RetentionLimit is for all executions together whose final status has no
	// limit of its own.
	RetentionLimit
	// Statuses holds the limits of single final statuses. Such a limit stands in
	// the place of the general one: a zero one keeps every execution that ended
	// so.
	Statuses map[Status]RetentionLimit `json:"statuses,omitempty"`
}

// RetentionRule is a limit and the final statuses that it is for, counted
// together.
type RetentionRule struct {
	Statuses []Status
	RetentionLimit
}

// Rules splits r into limits that have nothing to do with each other, without
// those that limit nothing. A nil r has none.
func (r *Retention) Rules() []RetentionRule {
	if r == nil {
		return nil
	}
	general := RetentionRule{RetentionLimit: r.RetentionLimit}
	var own []RetentionRule
	for _, status := range FinalStatuses() {
		limit, ok := r.Statuses[status]
		if !ok {
			general.Statuses = append(general.Statuses, status)
		} else if limit != (RetentionLimit{}) {
			own = append(own, RetentionRule{[]Status{status}, limit})
		}
	}
	if len(general.Statuses) == 0 || general.RetentionLimit == (RetentionLimit{}) {
		return own
	}
	return append([]RetentionRule{general}, own...)
}

// FinalStatuses lists the statuses that nothing can follow.
func FinalStatuses() []Status {
	var finals []Status
	for _, status := range Statuses {
		if status.Final() {
			finals = append(finals, status)
		}
	}
	return finals
}

// Retention is what the current definition of a workflow says of its finished
// executions, also when its file is gone; nil when it says nothing.
func (c *Catalog) Retention(key string) *Retention {
	if e := c.Find(key); e != nil {
		return e.Version.Definition.Retention
	}
	return nil
}

// Retains reports whether the retention option of any workflow limits anything.
func (c *Catalog) Retains() bool {
	if c == nil {
		return false
	}
	for key := range c.entries {
		if len(c.Retention(key).Rules()) > 0 {
			return true
		}
	}
	return false
}
