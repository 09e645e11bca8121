package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// check looks at what executions of mixWorkflow have left behind after crashes.
func check(t *testing.T, h *history, acknowledged map[string]string) {
	t.Helper()
	c := &checker{T: t, history: h, byID: map[string]executionRow{}, steps: map[string]map[string]stepRow{}}
	for _, e := range h.executions {
		c.byID[e.ID] = e
		c.steps[e.ID] = map[string]stepRow{}
	}
	for _, s := range h.steps {
		require.NotContainsf(t, c.steps[s.Execution], s.Name, "one entry for one step%s", h.describe(s.Execution))
		c.steps[s.Execution][s.Name] = s
	}
	c.writes(acknowledged)
	c.statuses()
	c.effects()
	c.children()
	c.events()
	c.outputs()
}

type checker struct {
	*testing.T
	*history
	byID  map[string]executionRow
	steps map[string]map[string]stepRow // by execution and name
}

// writes compares records with executions.
func (c *checker) writes(acknowledged map[string]string) {
	c.Helper()
	byRecord := map[string]executionRow{}
	again := 0
	for _, e := range c.executions {
		if e.Workflow != "mix" {
			continue
		}
		require.NotContains(c, byRecord, e.Record, "one execution for one write")
		byRecord[e.Record] = e
		if e.Attempt > 1 {
			again++
		}
	}
	require.Len(c, byRecord, len(c.posts), "rows of records and of executions agree")
	for _, post := range c.posts {
		require.Contains(c, byRecord, post)
	}
	for record, id := range acknowledged {
		require.Equalf(c, id, byRecord[record].ID, "record %s was acknowledged", record)
	}
	c.Logf("%d acknowledged writes, %d executions and %d children, %d steps, %d events, %d effects",
		len(acknowledged), len(byRecord), len(c.executions)-len(byRecord), len(c.history.steps), len(c.history.events), len(c.logs))
	require.Positive(c, again)
}

// statuses looks at how executions and their steps ended, and how often.
func (c *checker) statuses() {
	c.Helper()
	want := map[string]string{"mix": "completed", "kid": "completed", "sleeper": "canceled"}
	for _, e := range c.executions {
		require.Equalf(c, want[e.Workflow], e.Status, "%s", c.describe(e.ID))
	}
	ended := map[string]endRow{}
	for _, end := range c.ends {
		require.NotContainsf(c, ended, end.Execution, "ended twice: %v and %v", ended[end.Execution], end)
		ended[end.Execution] = end
	}
	require.Len(c, ended, len(c.executions))
	for _, s := range c.history.steps {
		require.NotContainsf(c, "queued running waiting", s.Status, "step %q of an execution that has ended%s", s.Name, c.describe(s.Execution))
	}
}

// effects compares what functions did with what was recorded.
func (c *checker) effects() {
	c.Helper()
	last := map[string]string{} // token by kind, execution and step
	repeated := 0
	for _, message := range c.logs {
		at := strings.LastIndex(message, " ")
		key, token := message[:at], message[at+1:]
		if _, before := last[key]; before {
			require.Falsef(c, strings.HasPrefix(key, "transaction "), "%s: a transaction happened twice", key)
			repeated++
		}
		last[key] = token
	}
	recorded := 0
	for _, s := range c.history.steps {
		if s.Kind != "run" && s.Kind != "transaction" || s.Name == "when" {
			continue
		}
		recorded++
		require.Equalf(c, quote(last[s.Kind+" "+s.Execution+" "+s.Name]), s.Result,
			"step %q: the last time its function ran is the one that was recorded%s", s.Name, c.describe(s.Execution))
	}
	require.Equal(c, len(last), recorded, "effects and recorded steps")
	c.Logf("%d steps with an effect, %d of them ran again before they were recorded", recorded, repeated)
}

// children looks for one child of every invoking step.
func (c *checker) children() {
	c.Helper()
	byRef := map[string]executionRow{}
	for _, e := range c.executions {
		if e.Parent == "" {
			continue
		}
		byRef[e.ID] = e
		step, ok := c.steps[e.Parent][e.Step]
		require.Truef(c, ok, "child %s of a step %q that nobody knows%s", e.ID, e.Step, c.describe(e.Parent))
		require.Equalf(c, e.ID, step.Ref, "another child of step %q%s", e.Step, c.describe(e.Parent))
	}
	invoked := 0
	for _, s := range c.history.steps {
		if s.Kind != "invoke" {
			continue
		}
		invoked++
		child, ok := byRef[s.Ref]
		require.Truef(c, ok, "step %q has no child%s", s.Name, c.describe(s.Execution))
		switch {
		case s.Name == "loose":
			require.Equal(c, quote(child.ID), s.Result)
		case s.Status == "completed":
			require.JSONEqf(c, child.Output, s.Result, "%s", c.describe(s.Execution))
		}
	}
	require.Len(c, byRef, invoked)
}

// events looks for one event of every wait, and one wait of every event.
func (c *checker) events() {
	c.Helper()
	byStep := map[string]eventRow{}
	unused := 0
	for _, v := range c.history.events {
		if v.Step == "" {
			unused++
			continue
		}
		require.NotContainsf(c, byStep, v.Step, "two events for one wait%s", c.describe(v.Execution))
		byStep[v.Step] = v
	}
	waited, before := 0, 0
	for _, s := range c.history.steps {
		v, taken := byStep[s.ID]
		if s.Kind != "waitForEvent" || s.Name == "wait in vain" || s.Name == "race/waits/wait for ever" {
			require.Falsef(c, taken, "step %q took an event%s", s.Name, c.describe(s.Execution))
			continue
		}
		waited++
		require.Truef(c, taken, "step %q ended without an event%s", s.Name, c.describe(s.Execution))
		require.Equal(c, s.Execution, v.Execution)
		require.JSONEq(c, v.Payload, s.Result)
		if v.Created < s.StartedAt {
			before++
		}
	}
	require.Len(c, byStep, waited)
	c.Logf("%d waits, %d of their events came before the wait; %d events left over", waited, before, unused)
}

// outputs compares what scripts saw with what was recorded.
func (c *checker) outputs() {
	c.Helper()
	for _, e := range c.executions {
		if e.Status != "completed" {
			continue
		}
		var out map[string]json.RawMessage
		require.NoError(c, json.Unmarshal([]byte(e.Output), &out))
		result := func(step string) string {
			s, ok := c.steps[e.ID][step]
			require.Truef(c, ok, "step %q is missing%s", step, c.describe(e.ID))
			require.Equalf(c, "completed", s.Status, "step %q%s", step, c.describe(e.ID))
			return s.Result
		}
		same := func(field, want string) {
			require.JSONEqf(c, want, string(out[field]), "%s%s", field, c.describe(e.ID))
		}
		same("first", result("first"))
		same("write", result("write"))
		if e.Workflow == "kid" {
			same("from", c.steps[e.Parent]["first"].Result)
			continue
		}
		same("nobody", "null")
		for field, step := range map[string]string{
			"early": "wait early", "late": "wait late", "child": "child", "loose": "loose", "all": "all", "race": "race", "map": "map",
		} {
			same(field, result(step))
		}
		same("race", result("race/wins/x"))
		same("map", "["+result("map/0/x")+","+result("map/1/x")+","+result("map/2/x")+"]")
		same("all", `{"run":`+result("all/run/x")+`,"write":`+result("all/write/x")+`,"nap":`+result("all/nap/x")+
			`,"event":`+result("all/event/wait side")+`,"child":`+result("all/child/child")+"}")
	}
}

func quote(s string) string { return `"` + s + `"` }
