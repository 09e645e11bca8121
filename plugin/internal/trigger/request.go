package trigger

import (
	"net/http"
	"slices"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// sessionKey is where a request's session stands in its event store; the
// sub-requests of a batch share it.
const sessionKey = "@workflowsSession"

// single is the index of a request that is not part of a batch.
const single = -1

// session is what one HTTP request started and skipped.
type session struct {
	mu      sync.Mutex
	header  http.Header // of the answer
	plan    *plan       // of a single request
	key     *keyed      // nil without a key
	batch   bool
	results []result
	chain   []link

	// before and messages are of the before workflows, whether or not the write
	// was done.
	before   []result
	messages []string
	// intercepted is true when one of them answered in place of the write.
	intercepted bool
	// bodies are those of a batch as they were sent, nested the records in them.
	bodies []map[string]any
	nested []origin
}

// result is one entry of the answer's headers.
type result struct {
	index int
	ref   Ref
	id    string
	skip  workflow.SkipReason
}

// link is a sync execution that the answer waits for.
type link struct {
	index     int
	key       string
	named     bool
	execution *workflow.Execution
}

// add keeps what a committed write started and skipped.
func (s *session) add(results []result, chain []link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, results...)
	s.chain = append(s.chain, chain...)
	slices.SortStableFunc(s.results, func(a, b result) int { return a.index - b.index })
	writeHeaders(s.header, s.results)
	if s.key != nil {
		s.key.committed = true
	}
}

// tell keeps what a before workflow did.
func (s *session) tell(r result, messages []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.results = append(s.before, r), append(s.results, r)
	s.messages = append(s.messages, messages...)
	s.key.add(s, r)
	writeHeaders(s.header, s.results)
	writeMessages(s.header, s.messages)
}

// tellBefore writes the headers of an answer without the write.
func (s *session) tellBefore(h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	writeHeaders(h, s.before)
	writeMessages(h, s.messages)
}

// plan is what one write, a request or a sub-request of a batch, may start.
type plan struct {
	index      int
	action     workflow.Action
	request    string
	info       *core.RequestInfo
	role       string
	parent     *workflow.Execution
	candidates []*candidate
	session    *session
	// told hears of the before workflows: session, or that of the request which a
	// nested record is part of. It may be nil.
	told *session
	// submitted is the body as it was sent, for before workflows.
	submitted map[string]any
	// decidedUpon is true once what became of it is remembered.
	decidedUpon bool
}

// waits reports whether the answer may have to wait for a sync workflow, or be
// another one than that of the write.
func (p *plan) waits() bool {
	for _, c := range p.candidates {
		if c.before() || c.skip == "" && c.definition().Mode == workflow.ModeSync {
			return true
		}
	}
	return false
}

// newPlan reads what a write names and checks syntax, rights and role before
// anything is written. A nil plan has nothing to do. The error is an ApiError.
func (t *Trigger) newPlan(app core.App, e *core.RequestEvent, collection *core.Collection, action workflow.Action, refs []Ref) (*plan, error) {
	catalog := t.config.Catalog()
	candidates := match(catalog, refs, collection.Name, action)
	if len(candidates) == 0 {
		return nil, nil
	}
	return t.planFor(app, e, collection, action, candidates)
}

// planFor is newPlan for candidates. Collection is nil where no record is
// involved.
func (t *Trigger) planFor(app core.App, e *core.RequestEvent, collection *core.Collection, action workflow.Action, candidates []*candidate) (*plan, error) {
	p := &plan{index: single, action: action, candidates: candidates, request: e.Request.Method + " " + e.Request.URL.Path}
	var err error
	if p.info, err = e.RequestInfo(); err != nil {
		return nil, router.NewBadRequestError("", err)
	}
	if p.role, err = t.actingRole(app, e.Auth, e.Request.Header); err != nil {
		return nil, err
	}
	for _, c := range candidates {
		if c.skip != "" || !c.named {
			continue
		}
		if err := mayTrigger(app, c.definition(), p.info); err != nil {
			return nil, t.refuses(p, c, err)
		}
		if collection != nil {
			c.skip = checkPath(app, collection, c.ref.Path, c.definition().On.Collection)
		}
	}
	if err := t.strict(candidates); err != nil {
		t.failed(p, err)
		return nil, err
	}
	if slices.ContainsFunc(candidates, (*candidate).before) {
		p.submitted = sent(e.Request, p.info.Body)
	}
	p.parent = t.parentOf(e.Request)
	return p, nil
}

// strict is the 400 of Config.Strict for the first skipped entry.
func (t *Trigger) strict(candidates []*candidate) error {
	if !t.config.Strict {
		return nil
	}
	for _, c := range candidates {
		if c.named && c.skip != "" {
			return skippedError(c.ref, c.skip)
		}
	}
	return nil
}
