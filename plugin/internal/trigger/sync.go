package trigger

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// chainEnded is the reason of sync executions that were not reached.
const chainEnded = "chain_ended"

// ending is how the sync workflows of a request went, as far as it waited.
type ending struct {
	messages []string
	// outputs are what completed executions returned, by id.
	outputs map[string]json.RawMessage
	// failed is the error answer, or nil.
	failed error
	// late is true when the wait was over before the chain was.
	late bool
}

// wait runs the sync workflows of a request one after another, the named ones
// in their order before the globals, and returns how they ended or, after
// SyncTimeout, that they go on in the background.
func (t *Trigger) wait(s *session) ending {
	s.mu.Lock()
	chain := inOrder(s.chain)
	s.mu.Unlock()
	if len(chain) == 0 {
		return ending{}
	}
	r := &chainRun{trigger: t, done: make(chan struct{}), outputs: map[string]json.RawMessage{}}
	go r.run(chain)
	timer := time.NewTimer(t.config.SyncTimeout)
	defer timer.Stop()
	late := false
	select {
	case <-r.done:
	case <-timer.C:
		late = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	end := ending{messages: append([]string{}, r.messages...), outputs: maps.Clone(r.outputs), failed: r.failed, late: late || r.stopped}
	return end
}

// inOrder keeps the order of sub-requests, and within each puts globals last.
func inOrder(chain []link) []link {
	out := make([]link, 0, len(chain))
	for i := 0; i < len(chain); {
		j := i
		for j < len(chain) && chain[j].index == chain[i].index {
			j++
		}
		for _, named := range []bool{true, false} {
			for _, l := range chain[i:j] {
				if l.named == named {
					out = append(out, l)
				}
			}
		}
		i = j
	}
	return out
}

// chainRun is a chain on its way; it outlives a request that stops waiting.
type chainRun struct {
	trigger *Trigger
	done    chan struct{}

	mu       sync.Mutex
	messages []string
	outputs  map[string]json.RawMessage
	failed   error
	// stopped is true when the engine stopped in between.
	stopped bool
}

func (r *chainRun) run(chain []link) {
	defer close(r.done)
	for len(chain) > 0 {
		l := chain[0]
		chain = chain[1:]
		out, err := r.trigger.config.Executions.Run(context.Background(), l.execution)
		if err != nil || out.Status == workflow.StatusQueued {
			r.mu.Lock()
			r.stopped = true // the next start takes them up
			r.mu.Unlock()
			return
		}
		failed := r.note(l, out)
		if failed || out.Ended {
			var skipped []link
			if skipped, chain = cut(chain, l.index, failed); len(skipped) > 0 {
				r.cancel(skipped)
			}
		}
	}
}

// note keeps what the answer tells of one outcome and reports whether it failed.
func (r *chainRun) note(l link, out workflow.Outcome) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, out.Messages...)
	if out.Status == workflow.StatusCompleted {
		r.outputs[l.execution.ID] = out.Output
		return false
	}
	r.failed = workflowError(l.key, out)
	if l.index != single {
		r.failed = batchError(l.index, r.failed)
	}
	return true
}

// cut splits off what an ended chain leaves unrun: all of it after a failure,
// else what belongs to the same sub-request.
func cut(chain []link, index int, all bool) (skipped, kept []link) {
	for _, l := range chain {
		if all || l.index == index {
			skipped = append(skipped, l)
		} else {
			kept = append(kept, l)
		}
	}
	return skipped, kept
}

func (r *chainRun) cancel(links []link) {
	for _, l := range links {
		if err := r.trigger.config.Executions.Cancel(context.Background(), l.execution, chainEnded); err != nil {
			r.trigger.app.Logger().Error("Canceling the rest of a chain failed", "execution", l.execution.ID, "error", err)
		}
	}
}
