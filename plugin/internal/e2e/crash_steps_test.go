package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKill_Steps kills the server at random moments while clients start
// workflows that use every kind of step, and send them events. When all of them
// have ended, nothing may be lost and nothing may have happened twice.
//
// PBW_STEP_KILLS is the number of kills; PBW_SEED repeats the clients' and the
// killer's choices of an earlier run.
func TestKill_Steps(t *testing.T) {
	kills := fromEnv(t, "PBW_STEP_KILLS", 40)
	seed := fromEnv(t, "PBW_SEED", uint64(time.Now().UnixNano()))
	t.Logf("PBW_SEED=%d, %d kills", seed, kills)
	killer := rand.New(rand.NewPCG(seed, 0))

	in := newInstance(t, map[string]string{"mix.js": mixWorkflow})
	in.countEnds()
	m := &mix{in: in, rare: 20, acknowledged: map[string]string{}, told: map[string]bool{}}
	const clients = 4
	var own [clients]*rand.Rand
	for c := range clients {
		own[c] = rand.New(rand.NewPCG(seed, uint64(c+1)))
	}
	began := time.Now()
	for range kills {
		s := in.serve()
		var running sync.WaitGroup
		for c := range clients {
			running.Go(func() { m.client(s, own[c]) })
		}
		time.Sleep(time.Duration(5+killer.IntN(400)) * time.Millisecond) // the random moment
		s.kill()
		running.Wait()
	}
	killed := time.Since(began)
	began = time.Now()
	s := in.serve()
	m.finish(s, killer)
	s.stop()
	t.Logf("%d kills in %s, the rest in %s", kills, killed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	check(t, in.history(), m.acknowledged)
}

// fromEnv is a number that the environment may change.
func fromEnv[N int | uint64](tb testing.TB, name string, standard N) N {
	tb.Helper()
	s := os.Getenv(name)
	if s == "" {
		return standard
	}
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoErrorf(tb, err, "%s", name)
	return N(n)
}

// mix is what the clients of mixWorkflow know together.
type mix struct {
	in *instance
	// rare is how many things a client does for each workflow that it starts.
	rare int
	over atomic.Bool // ends the clients

	mu           sync.Mutex
	acknowledged map[string]string // execution id by record id
	told         map[string]bool   // executions whose events are in pending or were sent
	pending      []delivery
	sent         int
}

// delivery is an event that is still to be sent.
type delivery struct {
	execution, event, kind string
	after                  time.Time
}

// client works until its server is gone, or all is over.
func (m *mix) client(s *server, random *rand.Rand) {
	for alive := true; alive && !m.over.Load(); {
		if random.IntN(m.rare) == 0 {
			alive = m.trigger(s, random)
		} else if d, ok := m.due(); ok {
			alive = m.deliver(s, d)
		} else {
			time.Sleep(5 * time.Millisecond) // nothing is due: what is comes from the real server
		}
	}
}

// due takes an event whose time to be sent has come.
func (m *mix) due() (delivery, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	i := slices.IndexFunc(m.pending, func(d delivery) bool { return d.after.Before(now) })
	if i < 0 {
		return delivery{}, false
	}
	d := m.pending[i]
	m.pending = slices.Delete(m.pending, i, i+1)
	return d, true
}

func (m *mix) trigger(s *server, random *rand.Rand) bool {
	res, raw, err := s.try(http.MethodPost, "/api/collections/posts/records?triggerWorkflows=mix", m.in.token, map[string]any{"title": "A post"})
	if err != nil {
		return false // killed
	}
	var post struct{ ID string }
	if res.StatusCode != http.StatusOK || json.Unmarshal(raw, &post) != nil {
		m.in.t.Errorf("status %d: %s", res.StatusCode, raw)
		return false
	}
	_, id, _ := strings.Cut(res.Header.Get("X-Workflow-Executions"), "=")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acknowledged[post.ID] = id
	m.tell(id, random)
	return true
}

// tell plans the events of an execution, for now or later. The lock is held.
func (m *mix) tell(execution string, random *rand.Rand) {
	if m.told[execution] {
		return
	}
	m.told[execution] = true
	for _, event := range []string{"early good", "side good", "late bad", "late good"} {
		name, kind, _ := strings.Cut(event, " ")
		after := time.Now()
		switch random.IntN(4) {
		case 0:
			after = after.Add(time.Hour) // when all kills are over and it waits
		case 1:
			after = after.Add(time.Duration(random.IntN(8000)) * time.Millisecond)
		}
		m.pending = append(m.pending, delivery{execution, name, kind, after})
	}
}

// deliver sends an event. One whose answer was lost with the server is sent
// again, so that an execution may have it twice.
func (m *mix) deliver(s *server, d delivery) bool {
	m.mu.Lock()
	m.sent++
	n := m.sent
	m.mu.Unlock()
	res, raw, err := s.try(http.MethodPost, fmt.Sprintf("/api/workflows/executions/%s/events/%s", d.execution, d.event), m.in.token,
		map[string]any{"kind": d.kind, "n": n})
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.pending = append(m.pending, d)
		return false
	}
	// An execution that had it before may have ended.
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusConflict {
		m.in.t.Errorf("event %v: status %d: %s", d, res.StatusCode, raw)
	}
	return true
}

// finish sends what is left, also to executions that nobody was told of, until
// all have ended.
func (m *mix) finish(s *server, random *rand.Rand) {
	m.in.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		active := s.list(m.in, "_workflowExecutions", "fields=id,workflow,status&filter="+
			url.QueryEscape(`status="queued"||status="running"||status="waiting"`))
		if len(active) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.stop()
			h := m.in.history()
			require.FailNow(m.in.t, "executions never end", "%d of them, e.g. %s\n%s", len(active), h.describe(active[0]["id"].(string)), s.out)
		}
		m.mu.Lock()
		for _, e := range active {
			if e["workflow"] == "mix" {
				m.tell(e["id"].(string), random)
			}
			for i := range m.pending {
				if d := &m.pending[i]; d.execution == e["id"] && e["status"] == "waiting" {
					d.after = time.Time{}
				}
			}
		}
		m.mu.Unlock()
		for d, ok := m.due(); ok; d, ok = m.due() {
			require.True(m.in.t, m.deliver(s, d))
		}
		time.Sleep(50 * time.Millisecond) // the server works: it is asked again
	}
}
