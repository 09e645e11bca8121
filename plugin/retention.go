package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Retention says how long and how many finished executions of each workflow are
// kept. What is over one of the limits is deleted with its steps and counted, see
// Counts. The zero value keeps everything; executions that have not ended are
// never deleted.
type Retention struct {
	// Age is how long an execution is kept after it ended. Zero is for ever.
	Age time.Duration
	// Count is how many executions of one workflow are kept: the ones that were
	// created last. Zero is any number.
	Count int
	// Statuses holds the limits of single final statuses: completed, failed,
	// error, aborted, canceled, rejected. They stand in the place of Age and
	// Count, which then neither limit nor count executions that ended so.
	Statuses map[string]RetentionLimit
}

// RetentionLimit is Retention for one final status. Its zero value keeps
// everything.
type RetentionLimit struct {
	// Age is how long an execution is kept after it ended. Zero is for ever.
	Age time.Duration
	// Count is how many executions of one workflow are kept: the ones that were
	// created last. Zero is any number.
	Count int
}

// Counts returns how many executions of a workflow there are and were, by
// status: the stored ones, and the finished ones that retention, a superuser or
// the app has deleted. It is empty for a key that never ran. The counts of what
// was deleted go when the workflow itself is deleted. Errors: what the database
// said.
func (p *Plugin) Counts(ctx context.Context, key string) (map[string]int, error) {
	counts, err := p.store.Counts(ctx, key)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int, len(counts))
	for status, n := range counts {
		out[string(status)] = n
	}
	return out, nil
}

// validateStatuses names every entry of Statuses that can't be used.
func (r Retention) validateStatuses() []error {
	var errs []error
	for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
		field, limit := fmt.Sprintf("config.Retention.Statuses[%q]", status), r.Statuses[status]
		if !workflow.Status(status).Final() {
			errs = append(errs, fmt.Errorf("%s is no final status, expected one of %v", field, workflow.FinalStatuses()))
		}
		if limit.Age < 0 {
			errs = append(errs, fmt.Errorf("%s.Age must not be negative, got %s", field, limit.Age))
		}
		if limit.Count < 0 {
			errs = append(errs, fmt.Errorf("%s.Count must not be negative, got %d", field, limit.Count))
		}
	}
	return errs
}

// policy is the Retention in the words of the domain.
func (r Retention) policy() *workflow.Retention {
	policy := &workflow.Retention{RetentionLimit: workflow.RetentionLimit{Age: r.Age, Count: r.Count}}
	for status, limit := range r.Statuses {
		if policy.Statuses == nil {
			policy.Statuses = map[workflow.Status]workflow.RetentionLimit{}
		}
		policy.Statuses[workflow.Status(status)] = workflow.RetentionLimit(limit)
	}
	return policy
}

// retention is what holds for a workflow now, whichever version an execution has.
func (p *Plugin) retention(key string) *workflow.Retention {
	if own := p.definitions.current().Retention(key); own != nil {
		return own
	}
	return p.config.Retention.policy()
}

// retains reports whether anything is ever to be deleted.
func (p *Plugin) retains() bool {
	return p.config.MaxExecutions > 0 || len(p.config.Retention.policy().Rules()) > 0 || p.definitions.current().Retains()
}

func (p *Plugin) newJanitor() *janitor {
	return newJanitor(janitorConfig{
		store:         p.store,
		interval:      p.config.RetentionInterval,
		maxExecutions: p.config.MaxExecutions,
		retention:     p.retention,
		retains:       p.retains,
		logger:        p.app.Logger,
	})
}
