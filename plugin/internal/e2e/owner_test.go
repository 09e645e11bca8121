package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ownerWorkflows tell which process ran them: its address is among its
// arguments.
const ownerWorkflows = `
const on = { type: "action", collection: "posts" };
const who = () => $os.args.find((arg) => arg.startsWith("127.0.0.1:"));
workflow("who", { on }, (ctx) => ctx.step.run("who", who));
workflow("who-sync", { on, mode: "sync" }, (ctx) => { ctx.respond(ctx.step.run("who", who)); });
workflow("slow", { on }, (ctx) => {
    const first = ctx.step.run("first", who);
    ctx.step.run("slow", () => { sleep(1000); });
    return [first, ctx.step.run("last", who)];
});
workflow("slow-sync", { on, mode: "sync" }, (ctx) => {
    ctx.respond(ctx.step.run("first", who));
    ctx.step.run("slow", () => { sleep(1000); });
    ctx.respond(ctx.step.run("last", who));
});
workflow("sleeper", { on }, (ctx) => {
    const first = ctx.step.run("first", who);
    ctx.step.sleep("nap", "4s");
    return [first, ctx.step.run("last", who)];
});
workflow("event", { on }, (ctx) => ctx.step.waitForEvent("go"));
workflow("one", { on, concurrency: { limit: 1 } }, (ctx) => ctx.step.waitForEvent("go"));
workflow("writes", { on }, (ctx) => {
    ctx.step.transaction("read and write", (txApp) => {
        const post = txApp.findRecordById("posts", ctx.data.id);
        post.set("slug", "read");
        txApp.save(post);
    });
});
`

// address is what ownerWorkflows call the process.
func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }

// start triggers a workflow through s and returns its execution.
func (s *server) start(in *instance, key string) string {
	s.t.Helper()
	return started(s.t, s.createPost(in, "?triggerWorkflows="+key))
}

// becomes waits until an execution has a status.
func (s *server) becomes(in *instance, id, status string, within time.Duration) map[string]any {
	s.t.Helper()
	var row map[string]any
	require.Eventuallyf(s.t, func() bool {
		row = nil
		res, raw, err := s.try(http.MethodGet, "/api/collections/_workflowExecutions/records/"+id, in.token, nil)
		return err == nil && res.StatusCode == http.StatusOK && json.Unmarshal(raw, &row) == nil && row["status"] == status
	}, within, 10*time.Millisecond, "execution %s becomes %s", id, status)
	return row
}

// active lists the executions that have not ended.
func (s *server) active(in *instance) []map[string]any {
	s.t.Helper()
	return s.list(in, "_workflowExecutions", "fields=id,workflow,status&filter="+
		url.QueryEscape(`status="queued"||status="running"||status="waiting"`))
}

// TestOwner shows that of two processes on one pb_data the first runs what
// both are asked for, and that what is sent to the second arrives.
func TestOwner(t *testing.T) {
	in := newInstance(t, map[string]string{"owner.js": ownerWorkflows})
	first := in.serve()
	second := in.serve()

	var slowest, quickest time.Duration
	for range 10 {
		began := time.Now()
		row := second.becomes(in, second.start(in, "who"), "completed", 10*time.Second)
		took := time.Since(began)
		require.Equal(t, first.address(), row["output"])
		if slowest = max(slowest, took); quickest == 0 || took < quickest {
			quickest = took
		}
	}
	t.Logf("through the second process: done after %s to %s", quickest, slowest)
	require.Less(t, quickest, time.Second, "the first one is rung")

	began := time.Now()
	res := second.createPost(in, "?triggerWorkflows=who-sync")
	t.Logf("a sync workflow: %s", time.Since(began))
	require.JSONEq(t, `["`+first.address()+`"]`, res.Header.Get("X-Workflow-Messages"))

	post := func(path string) {
		t.Helper()
		res := second.call(http.MethodPost, "/api/workflows/executions/"+path, in.token, map[string]any{"n": 1}, nil)
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	id := first.start(in, "event")
	first.becomes(in, id, "waiting", 10*time.Second)
	post(id + "/events/go")
	row := first.becomes(in, id, "completed", 10*time.Second)
	require.Equal(t, map[string]any{"n": 1.0}, row["output"])

	id = first.start(in, "one")
	first.becomes(in, id, "waiting", 10*time.Second)
	next := first.start(in, "one")
	third := first.start(in, "one")
	time.Sleep(200 * time.Millisecond)             // long enough for it to begin wrongly
	first.becomes(in, next, "queued", time.Second) // one at a time
	post(id + "/cancel")
	require.Equal(t, "canceled", second.becomes(in, id, "canceled", time.Second)["status"])
	first.becomes(in, next, "waiting", 10*time.Second) // it has the place now
	post(next + "/events/go")
	first.becomes(in, third, "waiting", 10*time.Second)
	post(third + "/cancel")
	require.Empty(t, first.active(in))
}

// TestOwner_Switches: what is paused through one process is paused in the other.
func TestOwner_Switches(t *testing.T) {
	in := newInstance(t, map[string]string{"owner.js": ownerWorkflows})
	first, second := in.serve(), in.serve()
	pause := func(verb string) {
		t.Helper()
		require.Equal(t, http.StatusOK, second.call(http.MethodPost, "/api/workflows/who/"+verb, in.token, nil, nil).StatusCode)
	}
	pause("pause")
	time.Sleep(500 * time.Millisecond) // it may reach the first a moment later
	id := first.start(in, "who")
	time.Sleep(200 * time.Millisecond) // long enough for it to begin wrongly
	first.becomes(in, id, "queued", time.Second)
	pause("resume")
	first.becomes(in, id, "completed", 10*time.Second)
}

// TestOwner_Load writes through both processes at once.
func TestOwner_Load(t *testing.T) {
	in := newInstance(t, map[string]string{"owner.js": ownerWorkflows})
	first, second := in.serve(), in.serve()
	began := time.Now()
	var clients sync.WaitGroup
	for _, s := range []*server{first, first, second, second} {
		clients.Go(func() {
			for range 50 {
				res, raw, err := s.try(http.MethodPost, "/api/collections/posts/records?triggerWorkflows=writes,who", in.token, map[string]any{"title": "A post"})
				if err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("%v %s", err, raw)
				}
			}
		})
	}
	clients.Wait()
	require.Eventually(t, func() bool { return len(first.active(in)) == 0 }, 20*time.Second, 20*time.Millisecond)
	t.Logf("200 writes through two processes and their 400 executions: %s", time.Since(began))
	executions := first.list(in, "_workflowExecutions", "fields=status,output,error,workflow")
	require.Len(t, executions, 400)
	for _, e := range executions {
		require.Equalf(t, "completed", e["status"], "%v", e)
		if e["workflow"] == "who" {
			require.Equal(t, first.address(), e["output"])
		}
	}
}

// TestOwner_Takeover ends the process that runs the workflows: the other one
// goes on with all it has left.
func TestOwner_Takeover(t *testing.T) {
	for name, end := range map[string]func(*server){"killed": (*server).kill, "stopped": (*server).stop} {
		t.Run(name, func(t *testing.T) {
			in := newInstance(t, map[string]string{"owner.js": ownerWorkflows})
			first := in.serve()
			second := in.serve()
			sleeper := first.start(in, "sleeper")
			event := second.start(in, "event")
			first.becomes(in, sleeper, "waiting", 10*time.Second)
			first.becomes(in, event, "waiting", 10*time.Second)
			slow := second.start(in, "slow")
			messages := make(chan string, 1)
			go func() {
				res, _, err := second.try(http.MethodPost, "/api/collections/posts/records?triggerWorkflows=slow-sync", in.token, map[string]any{"title": "A post"})
				if err != nil {
					messages <- err.Error()
					return
				}
				messages <- res.Status + " " + res.Header.Get("X-Workflow-Messages")
			}()
			first.becomes(in, slow, "running", 10*time.Second)
			require.Eventually(t, func() bool {
				return len(first.list(in, "_workflowExecutions", "filter="+url.QueryEscape(`mode="sync"&&status="running"`))) == 1
			}, 10*time.Second, 10*time.Millisecond)

			began := time.Now()
			end(first)
			queued := second.start(in, "who")
			row := second.becomes(in, queued, "completed", 10*time.Second)
			t.Logf("taken over after %s", time.Since(began))
			require.Equal(t, second.address(), row["output"])

			last := second.address()
			if name == "stopped" {
				last = first.address() // a running step may end
			}
			require.Equal(t, []any{first.address(), last}, second.becomes(in, slow, "completed", 10*time.Second)["output"])
			select {
			case answer := <-messages:
				require.Equal(t, `200 OK ["`+first.address()+`","`+last+`"]`, answer)
			case <-time.After(10 * time.Second):
				require.Fail(t, "a sync request outlives the process that ran its workflow")
			}
			require.Equal(t, []any{first.address(), second.address()}, second.becomes(in, sleeper, "completed", 10*time.Second)["output"])
			res := second.call(http.MethodPost, "/api/workflows/executions/"+event+"/events/go", in.token, map[string]any{"n": 1}, nil)
			require.Equal(t, http.StatusOK, res.StatusCode)
			second.becomes(in, event, "completed", 10*time.Second)
			require.Empty(t, second.active(in))
		})
	}
}
