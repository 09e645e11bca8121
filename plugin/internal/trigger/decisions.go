package trigger

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// How many decisions are remembered, of all workflows together and of each that
// exists: whoever names keys that don't can't drive those out.
const (
	maxDecisions    = 500
	maxDecisionsOne = 50
	maxDecisionText = 200
)

// decision is a workflow.Decision whose texts are made when somebody reads it.
type decision struct {
	number         uint64
	time           time.Time
	request        string
	ref            Ref
	named          bool
	verdict        workflow.Verdict
	execution      string
	skip           workflow.SkipReason
	userCollection string
	user           string
	why            string
}

// decisions are the last of one app, in memory only: no bodies, no queries, no
// headers.
type decisions struct {
	mu     sync.Mutex
	number uint64
	all    ring
	of     map[string]*ring
}

// ring keeps the last entries.
type ring struct {
	list []decision
	next int
}

func (r *ring) add(d decision, most int) {
	if len(r.list) < most {
		r.list = append(r.list, d)
		return
	}
	r.list[r.next] = d
	r.next = (r.next + 1) % most
}

// add remembers a decision; known tells whether its workflow exists.
func (s *decisions) add(d decision, known bool) {
	d.time = time.Now()
	d.ref.Key, d.ref.Path = cutText(d.ref.Key), cutText(d.ref.Path)
	d.request, d.why = cutText(d.request), cutText(d.why)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	d.number = s.number
	s.all.add(d, maxDecisions)
	if !known {
		return
	}
	one := s.of[d.ref.Key]
	if one == nil {
		if s.of == nil {
			s.of = map[string]*ring{}
		}
		one = &ring{}
		s.of[d.ref.Key] = one
	}
	one.add(d, maxDecisionsOne)
}

// cutText bounds what a client chose.
func cutText(s string) string {
	if len(s) > maxDecisionText {
		return s[:maxDecisionText]
	}
	return s
}

// Decisions are the remembered ones about a workflow, newest first.
func (t *Trigger) Decisions(key string) []workflow.Decision {
	s := &t.decisions
	s.mu.Lock()
	var found []decision
	if one := s.of[key]; one != nil {
		found = append(found, one.list...)
	}
	for _, d := range s.all.list {
		if d.ref.Key == key {
			found = append(found, d)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(found, func(a, b decision) int { return int(b.number) - int(a.number) })
	found = slices.CompactFunc(found, func(a, b decision) bool { return a.number == b.number })
	out := make([]workflow.Decision, len(found))
	for i, d := range found {
		out[i] = d.inWords()
	}
	return out
}

func (d *decision) inWords() workflow.Decision {
	out := workflow.Decision{
		Time: d.time.UTC(), Request: d.request, Entry: d.ref.Key, Workflow: d.ref.Key, Named: d.named,
		Verdict: d.verdict, Execution: d.execution, Skipped: d.skip, Why: d.why,
	}
	if d.ref.Path != "" {
		out.Entry += pathSeparator + d.ref.Path
	}
	if d.user != "" {
		out.User = d.userCollection + "/" + d.user
	}
	switch {
	case out.Why != "":
	case d.skip != "":
		out.Why = d.skip.Words()
	case d.named:
		out.Why = "the request named it"
	default:
		out.Why = "it runs on every such request"
	}
	return out
}

// decided is the decision about an entry of a plan.
func (p *plan) decided(ref Ref, named bool) decision {
	d := decision{request: p.request, ref: ref, named: named}
	if p.info != nil && p.info.Auth != nil {
		d.userCollection, d.user = p.info.Auth.Collection().Name, p.info.Auth.Id
	}
	return d
}

func (t *Trigger) remember(d decision) { t.decisions.add(d, t.config.Catalog().Find(d.ref.Key) != nil) }

// decide remembers what a committed write has started and skipped.
func (w *writing) decide() {
	if w.plan.decidedUpon {
		return
	}
	w.plan.decidedUpon = true
	for _, r := range w.results {
		d := w.plan.decided(r.ref, true)
		d.verdict, d.execution, d.skip = workflow.VerdictStarted, r.id, r.skip
		if r.skip != "" {
			d.verdict = workflow.VerdictSkipped
		} else if i := slices.IndexFunc(w.found, func(f found) bool { return f.execution != nil && f.execution.ID == r.id }); i >= 0 {
			d.named = w.found[i].candidate.named
		} else {
			d.why = "an execution with the same dedup key has not ended: its id was answered"
		}
		w.trigger.remember(d)
	}
	for _, r := range w.silent {
		d := w.plan.decided(r.ref, false)
		d.verdict, d.skip = workflow.VerdictSkipped, r.skip
		w.trigger.remember(d)
	}
}

// failed remembers that a write was not done, and nothing of it started.
func (t *Trigger) failed(p *plan, err error) {
	if p.decidedUpon {
		return
	}
	p.decidedUpon = true
	why := "nothing was written: " + router.ToApiError(err).Message
	for _, c := range p.candidates {
		d := p.decided(c.ref, c.named)
		d.verdict, d.why = workflow.VerdictRefused, why
		if c.skip != "" {
			d.verdict, d.skip, d.why = workflow.VerdictSkipped, c.skip, ""
		}
		t.remember(d)
	}
}

// refuses remembers that a request was refused because of one entry, and returns
// err.
func (t *Trigger) refuses(p *plan, c *candidate, err error) error {
	d := p.decided(c.ref, c.named)
	d.verdict, d.skip, d.why = workflow.VerdictRefused, c.skip, router.ToApiError(err).Message
	t.remember(d)
	return err
}

// told remembers a request to the own URL of a workflow. Without an execution and a
// reason to skip it, it was refused, which err says.
func (t *Trigger) told(e *core.RequestEvent, r result, err error) {
	p := plan{request: e.Request.Method + " " + e.Request.URL.Path, info: &core.RequestInfo{Auth: e.Auth}}
	d := p.decided(r.ref, true)
	switch d.execution, d.skip = r.id, r.skip; {
	case r.skip != "":
		d.verdict = workflow.VerdictSkipped
	case r.id != "":
		d.verdict = workflow.VerdictStarted
	default:
		d.verdict, d.why = workflow.VerdictRefused, http.StatusText(http.StatusInternalServerError)
		if err != nil {
			d.why = router.ToApiError(err).Message
		}
	}
	t.remember(d)
}

// unusable remembers a request to the URL of a workflow that can't start.
func (t *Trigger) unusable(e *core.RequestEvent, key string, otherwise workflow.SkipReason) {
	c := &candidate{ref: Ref{Key: key}, entry: t.config.Catalog().Find(key)}
	r := result{index: single, ref: c.ref, skip: notUsable(c)}
	if r.skip == "" {
		r.skip = otherwise
	}
	t.told(e, r, nil)
}
