package plugin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

const (
	keyHeader = "Idempotency-Key"
	postsURL  = "/api/collections/posts/records"
)

// keyedWorkflows are named ones of every mode and rule, and a global one.
const keyedWorkflows = syncWorkflows + `
workflow("note", { on }, (ctx) => ctx.data.title);
workflow("anyone", { on, rule: "" }, (ctx) => ctx.data.title);
workflow("inside", { on, mode: "transaction" }, (ctx) => { if (ctx.data.title === "bad") ctx.fail("no"); });
workflow("greet", { on: { type: "action", collection: "categories" } }, (ctx) => ctx.data.title);
workflow("logged", { on: { type: "action", collection: "comments", global: true, actions: ["create"] } }, (ctx) => ctx.data.content);
`

// keyed sends a request with a key.
func (a *app) keyed(key, who, method, url string, body any) answer {
	a.t.Helper()
	return a.send(who, method, url, body, keyHeader, key)
}

// remembered are the rows of remembered requests.
func (a *app) remembered() []*core.Record {
	a.t.Helper()
	rows, err := a.FindAllRecords("_workflowRequests")
	require.NoError(a.t, err)
	return rows
}

func (a *app) execute(sql string) {
	a.t.Helper()
	_, err := a.NonconcurrentDB().NewQuery(sql).Execute()
	require.NoError(a.t, err)
}

// requireReplay checks that again is the answer first, sent a second time.
func requireReplay(t testing.TB, first, again answer) {
	t.Helper()
	require.Empty(t, first.Header.Get("Idempotency-Replayed"), first.body)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"), again.body)
	require.Contains(t, again.Header.Get("Access-Control-Expose-Headers"), "Idempotency-Replayed")
	require.Equal(t, first.StatusCode, again.StatusCode, again.body)
	require.Equal(t, first.body, again.body)
	for _, name := range []string{"Content-Type", "X-Workflow-Executions", "X-Workflow-Skipped", "X-Workflow-Messages"} {
		require.Equal(t, first.Header.Get(name), again.Header.Get(name), name)
		if value := first.Header.Get(name); value != "" && strings.HasPrefix(name, "X-") {
			require.Contains(t, again.Header.Get("Access-Control-Expose-Headers"), name)
		}
	}
}

// TestIdempotency_Replay: the same key, caller and request is carried out once.
func TestIdempotency_Replay(t *testing.T) {
	t.Parallel()
	t.Run("in a commit of its own", func(t *testing.T) { testReplay(t, newTestApp) })
	t.Run("with hooks of the host around", func(t *testing.T) { testReplay(t, newHookedApp) })
}

func testReplay(t *testing.T, newTestApp func(testing.TB, plugin.Config, files) *tests.TestApp) {
	t.Helper()
	testApp := newTestApp(t, plugin.Config{}, one(keyedWorkflows))
	t.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	a.serve()
	for _, c := range []struct {
		name, who, method, url, body string
		status                       int
	}{
		{"create", "user", "POST", postsURL + "?triggerWorkflows=note,nope", `{"title":"A"}`, 200},
		{"update", "user", "PATCH", postsURL + "/" + fullID + "?triggerWorkflows=note,greet!category", `{"title":"B"}`, 200},
		{"delete", "user", "DELETE", postsURL + "/" + bareID + "?triggerWorkflows=note", ``, 204},
		{"nothing can be triggered", "user", "POST", postsURL + "?triggerWorkflows=nope", `{"title":"A"}`, 200},
		{"a global one only", "user", "POST", "/api/collections/comments/records", `{"content":"A"}`, 200},
		{"a guest", "", "POST", postsURL + "?triggerWorkflows=anyone", `{"title":"A"}`, 200},
		{"some fields of the answer", "user", "POST", postsURL + "?triggerWorkflows=note&fields=id", `{"title":"A"}`, 200},
		{"nested values", "user", "POST", postsURL + "?triggerWorkflows=greet!category", `{"title":"A","category":{"title":"New"}}`, 200},
		{"sync", "user", "POST", postsURL + "?triggerWorkflows=check", `{"title":"good"}`, 200},
		{"sync, failed: the record is saved", "user", "POST", postsURL + "?triggerWorkflows=check", `{"title":"bad"}`, 400},
		{"sync, an exception", "user", "POST", postsURL + "?triggerWorkflows=check", `{"title":"bug"}`, 500},
		{"transaction", "user", "POST", postsURL + "?triggerWorkflows=inside", `{"title":"good"}`, 200},
		{"NocoBase create", "user", "POST", "/api/posts:create?triggerWorkflows=note,check", `{"title":"A"}`, 200},
		{"NocoBase update", "user", "POST", "/api/posts:update?filterByTk=" + fullID + "&triggerWorkflows=note", `{"title":"C"}`, 200},
		{"NocoBase, sync failed", "user", "POST", "/api/posts:create?triggerWorkflows=check", `{"title":"bad"}`, 400},
		{"batch", "user", "POST", "/api/batch", `{"requests":[
			{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"one"}},
			{"method":"POST","url":"` + postsURL + `","body":{"title":"two"}},
			{"method":"PATCH","url":"` + postsURL + `/` + fullID + `?triggerWorkflows=nope,check","body":{"title":"three"}}]}`, 200},
		{"batch, with nested values", "user", "POST", "/api/batch", `{"requests":[
			{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"one","category":{"title":"New"}}}]}`, 200},
		{"batch, starting a global one only", "user", "POST", "/api/batch", `{"requests":[
			{"method":"PUT","url":"/api/collections/comments/records","body":{"content":"A"}}]}`, 200},
		{"batch, sync failed", "user", "POST", "/api/batch", `{"requests":[
			{"method":"POST","url":"` + postsURL + `?triggerWorkflows=check","body":{"title":"bad"}}]}`, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := a.keyed(c.name[:1]+"-"+strings.ReplaceAll(c.name, " ", "_"), c.who, c.method, c.url, c.body)
			require.Equal(t, c.status, first.StatusCode, first.body)
			a.drain()
			counts := func() []int {
				return []int{a.count("posts"), a.count("categories"), a.count("comments"), a.count("_workflowExecutions"), a.count("_workflowRequests")}
			}
			before := counts()
			for range 2 {
				requireReplay(t, first, a.keyed(c.name[:1]+"-"+strings.ReplaceAll(c.name, " ", "_"), c.who, c.method, c.url, c.body))
			}
			require.Equal(t, before, counts(), "nothing is written again")
		})
	}
	t.Run("the ids are in the row, in the order of the answer", func(t *testing.T) {
		res := a.keyed("ids", "user", "POST", "/api/batch", `{"requests":[
			{"method":"POST","url":"`+postsURL+`?triggerWorkflows=note","body":{"title":"one"}},
			{"method":"POST","url":"`+postsURL+`?triggerWorkflows=note,later","body":{"title":"two"}}]}`)
		a.execute("UPDATE _workflowRequests SET status = 0, body = ''")
		again := a.keyed("ids", "user", "POST", "/api/batch", `{"requests":[
			{"method":"POST","url":"`+postsURL+`?triggerWorkflows=note","body":{"title":"one"}},
			{"method":"POST","url":"`+postsURL+`?triggerWorkflows=note,later","body":{"title":"two"}}]}`)
		require.Equal(t, 409, again.StatusCode, again.body)
		require.Equal(t, res.executions(), again.executions())
	})
}

// TestIdempotency_Other: the same key for something else is refused, and is free
// for others.
func TestIdempotency_Other(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	const url, body = postsURL + "?triggerWorkflows=note", `{"title":"A"}`
	first := a.keyed("k", "user", "POST", url, body)
	require.Equal(t, 200, first.StatusCode, first.body)
	batch := `{"requests":[{"method":"POST","url":"` + url + `","body":` + body + `}]}`

	before := a.count("posts")
	for _, c := range []struct{ name, method, url, body string }{
		{"another body", "POST", url, `{"title":"B"}`},
		{"another spelling of the body", "POST", url, `{"title": "A"}`},
		{"another query", "POST", postsURL + "?triggerWorkflows=note,later", body},
		{"another collection", "POST", "/api/collections/categories/records?triggerWorkflows=note", body},
		{"another method", "PATCH", postsURL + "/" + bareID + "?triggerWorkflows=note", body},
		{"another kind of URL", "POST", "/api/batch", batch},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := a.keyed("k", "user", c.method, c.url, c.body)
			require.Equal(t, 422, res.StatusCode, res.body)
			require.Contains(t, res.body, `"Idempotency-Key":{"code":"idempotency_key_reused"`)
			require.Contains(t, res.body, `"status":422`)
			require.Empty(t, res.executions())
		})
	}
	t.Run("NocoBase's shape", func(t *testing.T) {
		res := a.keyed("k", "user", "POST", "/api/posts:create?triggerWorkflows=note", body)
		require.Equal(t, 422, res.StatusCode, res.body)
		require.Contains(t, res.body, `{"errors":[{"message":"This Idempotency-Key was used`)
	})
	require.Equal(t, before, a.count("posts"))
	require.Len(t, a.remembered(), 1)

	t.Run("the token is no part of the query, its order does not count", func(t *testing.T) {
		query := "?x=1&triggerWorkflows=note"
		first := a.keyed("token", "user", "POST", postsURL+query, body)
		require.Equal(t, 200, first.StatusCode, first.body)
		again := a.keyed("token", "", "POST", postsURL+"?triggerWorkflows=note&x=1&token="+token(t, a, "user"), body)
		requireReplay(t, first, again)
	})
	t.Run("another caller has keys of their own", func(t *testing.T) {
		res := a.keyed("k", "super", "POST", url, body)
		require.Equal(t, 200, res.StatusCode, res.body)
		require.NotEqual(t, first.executions(), res.executions())
	})
	t.Run("guests share theirs", func(t *testing.T) {
		guest := postsURL + "?triggerWorkflows=anyone"
		res := a.keyed("k", "", "POST", guest, body)
		require.Equal(t, 200, res.StatusCode, res.body)
		requireReplay(t, res, a.keyed("k", "", "POST", guest, body))
		require.Equal(t, 422, a.keyed("k", "", "POST", guest, `{"title":"B"}`).StatusCode)
	})
	t.Run("rights come first", func(t *testing.T) {
		require.Equal(t, 401, a.keyed("k", "", "POST", url, body).StatusCode)
		require.Equal(t, 400, a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=a!b!c", body).StatusCode)
		require.Equal(t, 403, a.send("user", "POST", url, body, keyHeader, "k", "X-Role", "admin").StatusCode)
	})
}

// TestIdempotency_Failed: what was not written may be tried again.
func TestIdempotency_Failed(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	var closed atomic.Bool
	a.OnRecordValidate("posts").BindFunc(func(e *core.RecordEvent) error {
		if closed.Load() {
			return errors.New("closed")
		}
		return e.Next()
	})
	for _, c := range []struct{ name, url, body string }{
		{"create", postsURL + "?triggerWorkflows=note", `{"title":"A"}`},
		{"batch", "/api/batch", `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"A"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			closed.Store(true)
			for range 2 {
				require.Equal(t, 400, a.keyed(c.name, "user", "POST", c.url, c.body).StatusCode)
			}
			closed.Store(false)
			first := a.keyed(c.name, "user", "POST", c.url, c.body)
			require.Equal(t, 200, first.StatusCode, first.body)
			requireReplay(t, first, a.keyed(c.name, "user", "POST", c.url, c.body))
		})
	}
	t.Run("another body after a failure", func(t *testing.T) {
		require.Equal(t, 400, a.keyed("new", "user", "POST", postsURL+"?triggerWorkflows=note", `{"title":""}`).StatusCode)
		require.Equal(t, 200, a.keyed("new", "user", "POST", postsURL+"?triggerWorkflows=note", `{"title":"A"}`).StatusCode)
	})
	t.Run("a transaction that was rolled back", func(t *testing.T) {
		before := a.count("posts")
		for range 2 {
			res := a.keyed("inside", "user", "POST", postsURL+"?triggerWorkflows=inside", `{"title":"bad"}`)
			require.Equal(t, 400, res.StatusCode, res.body)
			require.Empty(t, res.Header.Get("Idempotency-Replayed"))
		}
		require.Len(t, a.rows("inside"), 2, "both tries are told")
		require.Equal(t, before, a.count("posts"))
	})
}

// TestIdempotency_Committed: an error after the commit is the answer that is
// remembered.
func TestIdempotency_Committed(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	a.OnRecordAfterCreateSuccess("posts").BindFunc(func(e *core.RecordEvent) error {
		return errors.Join(e.Next(), errors.New("late"))
	})
	before := a.count("posts")
	first := a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=note", `{"title":"A"}`)
	require.Equal(t, 400, first.StatusCode, first.body)
	again := a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=note", `{"title":"A"}`)
	require.Equal(t, 400, again.StatusCode)
	require.Equal(t, first.body, again.body)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, before+1, a.count("posts"))
}

// TestIdempotency_Late: an answer that did not wait for its workflow stays one.
func TestIdempotency_Late(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{SyncTimeout: 10 * time.Millisecond, ScriptTimeout: 500 * time.Millisecond}, one(keyedWorkflows))
	first := a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=check", `{"title":"loop"}`)
	require.Equal(t, 202, first.StatusCode, first.body)
	requireReplay(t, first, a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=check", `{"title":"loop"}`))
	require.Len(t, a.rows("check"), 1)
	requireReplay(t, first, a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=check", `{"title":"loop"}`))
}

func TestIdempotency_Concurrent(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	const n = 20
	for _, c := range []struct{ name, url, body string }{
		{"create", postsURL + "?triggerWorkflows=note", `{"title":"A"}`},
		{"sync", postsURL + "?triggerWorkflows=check", `{"title":"bad"}`},
		{"batch", "/api/batch", `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"A"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("posts")
			answers := make(chan answer, n)
			for range n {
				go func() { answers <- a.keyed(c.name, "user", "POST", c.url, c.body) }()
			}
			bodies, ids, replayed := map[string]int{}, map[string]int{}, 0
			for range n {
				res := <-answers
				bodies[res.body]++
				ids[res.executions()]++
				if res.Header.Get("Idempotency-Replayed") != "" {
					replayed++
				}
			}
			require.Len(t, bodies, 1)
			require.Len(t, ids, 1)
			require.Equal(t, n-1, replayed)
			require.Equal(t, before+1, a.count("posts"))
		})
	}
}

// TestIdempotency_TwoProcesses: apps with the same data know nothing of each
// other's requests but what is in the database.
func TestIdempotency_TwoProcesses(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	base := core.NewBaseApp(core.BaseAppConfig{DataDir: a.DataDir()})
	require.NoError(t, base.Bootstrap())
	base.Settings().Logs.MaxDays = 0
	other := &tests.TestApp{BaseApp: base, TestMailer: &tests.TestMailer{}}
	require.NoError(t, plugin.Register(other, plugin.Config{WorkflowsDir: a.dir}))
	b := &app{TestApp: other, t: t, dir: a.dir, plugin: plugin.Get(other)}
	b.serve()
	t.Cleanup(func() {
		_ = other.OnTerminate().Trigger(&core.TerminateEvent{App: other})
		_ = base.ResetBootstrapState()
	})

	before := a.count("posts")
	const n = 10
	answers := make(chan answer, 2*n)
	for i := range n {
		key := string(rune('a' + i))
		for _, one := range []*app{a, b} {
			go func() {
				answers <- one.keyed(key, "user", "POST", postsURL+"?triggerWorkflows=note", map[string]any{"title": key})
			}()
		}
	}
	ids := map[string]int{}
	for range 2 * n {
		res := <-answers
		require.Equal(t, 200, res.StatusCode, res.body)
		ids[res.executions()]++
	}
	require.Len(t, ids, n)
	require.Equal(t, before+n, a.count("posts"))
	require.Len(t, a.remembered(), n)
}

// TestIdempotency_Taken: the unique index decides when another process commits
// between the look-up and the write.
func TestIdempotency_Taken(t *testing.T) {
	t.Parallel()
	const url, body = postsURL + "?triggerWorkflows=note", `{"title":"A"}`
	for name, bind := range map[string]func(a *app, appear func()){
		"in a commit of its own": func(a *app, appear func()) {
			a.OnRecordValidate("posts").BindFunc(func(e *core.RecordEvent) error { appear(); return e.Next() })
		},
		"with hooks of the host around": func(a *app, appear func()) {
			a.OnRecordCreateRequest("posts").BindFunc(func(e *core.RecordRequestEvent) error { appear(); return e.Next() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, plugin.Config{}, one(keyedWorkflows))
			// An expired row counts as absent until the hook makes it a new one.
			var late atomic.Bool
			bind(a, func() {
				if late.Swap(false) {
					a.execute("UPDATE _workflowRequests SET created = '2999-01-01 00:00:00.000Z'")
				}
			})
			first := a.keyed("k", "user", "POST", url, body)
			require.Equal(t, 200, first.StatusCode, first.body)
			before, executions := a.count("posts"), len(a.rows("note"))
			again := func(body string) answer {
				a.execute("UPDATE _workflowRequests SET created = '2000-01-01 00:00:00.000Z'")
				late.Store(true)
				return a.keyed("k", "user", "POST", url, body)
			}
			requireReplay(t, first, again(body))
			require.Equal(t, 422, again(`{"title":"B"}`).StatusCode)
			require.Equal(t, before, a.count("posts"))
			require.Len(t, a.rows("note"), executions)
		})
	}
}

func TestIdempotency_BadKey(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	before := a.count("posts")
	batch := `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"A"}}]}`
	for _, key := range []string{"", " ", "a b", "tab\t", "ü", "\x7f", strings.Repeat("k", 256)} {
		for url, body := range map[string]string{postsURL + "?triggerWorkflows=note": `{"title":"A"}`, "/api/batch": batch} {
			res := a.keyed(key, "user", "POST", url, body)
			require.Equal(t, 400, res.StatusCode, "%q: %s", key, res.body)
			require.Contains(t, res.body, `"Idempotency-Key":{"code":"validation_invalid_idempotency_key"`)
			require.Contains(t, res.body, `"message":"The header Idempotency-Key must`)
		}
	}
	require.Equal(t, before, a.count("posts"))
	for _, key := range []string{"!", `"8e03978e-40d5-43dd-bc93-6894a57f9324"`, strings.Repeat("k", 255)} {
		require.Equal(t, 200, a.keyed(key, "user", "POST", postsURL+"?triggerWorkflows=note", `{"title":"A"}`).StatusCode, key)
	}
}

func TestIdempotency_Expiry(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	const url, body = postsURL + "?triggerWorkflows=note", `{"title":"A"}`
	age := func(by string) {
		a.execute("UPDATE _workflowRequests SET created = strftime('%Y-%m-%d %H:%M:%fZ', 'now', '" + by + "')")
	}
	first := a.keyed("k", "user", "POST", url, body)
	age("-86390 seconds")
	requireReplay(t, first, a.keyed("k", "user", "POST", url, body))
	age("-86410 seconds")
	second := a.keyed("k", "user", "POST", url, `{"title":"B"}`)
	require.Equal(t, 200, second.StatusCode, second.body)
	require.NotEqual(t, first.executions(), second.executions())
	require.Len(t, a.remembered(), 1, "overwritten")
	requireReplay(t, second, a.keyed("k", "user", "POST", url, `{"title":"B"}`))

	for i := range 30 {
		a.keyed("old"+string(rune('a'+i)), "user", "POST", url, body)
	}
	age("-25 hours")
	a.keyed("new1", "user", "POST", url, body)
	require.Len(t, a.remembered(), 12, "expired ones are taken away in small batches")
	a.keyed("new2", "user", "POST", url, body)
	require.Len(t, a.remembered(), 2)
}

// TestIdempotency_Ignored: without workflows PocketBase's own behaviour stays.
func TestIdempotency_Ignored(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	before := a.count("posts")
	for range 2 {
		for _, key := range []string{"k", "not a key"} {
			require.Equal(t, 204, a.keyed(key, "user", "DELETE", postsURL+"/"+record(t, a, "posts", map[string]any{"title": "x"}).Id, nil).StatusCode)
			require.Equal(t, 200, a.keyed(key, "user", "PATCH", postsURL+"/"+bareID, `{"title":"A"}`).StatusCode)
			require.Equal(t, 200, a.keyed(key, "user", "POST", "/api/collections/tags/records", `{"title":"A"}`).StatusCode)
			res := a.keyed(key, "user", "POST", "/api/batch", `{"requests":[{"method":"POST","url":"/api/collections/tags/records","body":{"title":"A"}}]}`)
			require.Equal(t, 200, res.StatusCode, res.body)
			require.Empty(t, res.Header.Get("Idempotency-Replayed"))
		}
	}
	require.Equal(t, before, a.count("posts"))
	require.Equal(t, 2+8, a.count("tags"))
	require.Empty(t, a.remembered())
}

// TestIdempotency_Lost: a crash between the commit and the answer.
func TestIdempotency_Lost(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	lose := func() { a.execute("UPDATE _workflowRequests SET status = 0, body = ''") }
	expect := func(t *testing.T, first, again answer, status int) {
		t.Helper()
		require.Equal(t, status, again.StatusCode, again.body)
		require.Equal(t, first.executions(), again.executions())
		require.NotEmpty(t, again.executions())
		require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
		if status == 409 {
			require.Contains(t, again.body, `"Idempotency-Key":{"code":"idempotency_answer_lost"`)
		}
	}
	const url = postsURL + "?triggerWorkflows=note"
	send := func() answer { return a.keyed("k", "user", "POST", url, `{"title":"A"}`) }
	first := send()
	lose()
	before := a.count("posts")
	post, err := a.FindRecordById("posts", first.data(t)["id"].(string))
	require.NoError(t, err)
	post.Set("title", "Now")
	require.NoError(t, a.Save(post))

	t.Run("the record as it is now", func(t *testing.T) {
		again := send()
		expect(t, first, again, 200)
		require.Equal(t, "Now", again.data(t)["title"])
		require.Equal(t, post.Id, again.data(t)["id"])
	})
	t.Run("hooks of the host look at it as at a view", func(t *testing.T) {
		id := a.OnRecordViewRequest("posts").BindFunc(func(e *core.RecordRequestEvent) error { return e.ForbiddenError("", nil) })
		expect(t, first, send(), 403)
		a.OnRecordViewRequest("posts").Unbind(id)
	})
	t.Run("not for those who may not view it", func(t *testing.T) {
		posts, err := a.FindCollectionByNameOrId("posts")
		require.NoError(t, err)
		posts.ViewRule = nil
		require.NoError(t, a.Save(posts))
		expect(t, first, send(), 409)
		posts.ViewRule = types.Pointer("")
		require.NoError(t, a.Save(posts))
	})
	require.Equal(t, before, a.count("posts"))
	t.Run("the record is gone", func(t *testing.T) {
		require.NoError(t, a.Delete(post))
		expect(t, first, send(), 409)
	})
	t.Run("NocoBase", func(t *testing.T) {
		send := func() answer {
			return a.keyed("noco", "user", "POST", "/api/posts:create?triggerWorkflows=note", `{"title":"N"}`)
		}
		first := send()
		lose()
		again := send()
		expect(t, first, again, 200)
		require.Equal(t, first.body, again.body)
	})
	t.Run("a deletion", func(t *testing.T) {
		send := func() answer {
			return a.keyed("gone", "user", "DELETE", postsURL+"/"+bareID+"?triggerWorkflows=note", nil)
		}
		first := send()
		require.Equal(t, 204, first.StatusCode)
		lose()
		expect(t, first, send(), 204)
	})
	t.Run("a batch", func(t *testing.T) {
		send := func() answer {
			return a.keyed("batch", "user", "POST", "/api/batch", `{"requests":[{"method":"POST","url":"`+url+`","body":{"title":"A"}}]}`)
		}
		first := send()
		require.Equal(t, 200, first.StatusCode)
		lose()
		expect(t, first, send(), 409)
	})
}

// TestIdempotency_Atomic: a write that is undone is not remembered, also when it
// is undone at the last moment.
func TestIdempotency_Atomic(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	a.OnRecordCreateRequest("posts").Bind(&hook.Handler[*core.RecordRequestEvent]{Func: func(e *core.RecordRequestEvent) error {
		return e.App.RunInTransaction(func(tx core.App) error {
			outer := e.App
			defer func() { e.App = outer }()
			e.App = tx
			if err := e.Next(); err != nil {
				return err
			}
			return e.ForbiddenError("Late.", nil)
		})
	}})
	for _, c := range []struct{ url, body string }{
		{postsURL + "?triggerWorkflows=note", `{"title":"A"}`},
		{"/api/batch", `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"A"}}]}`},
	} {
		for range 2 {
			res := a.keyed("k", "user", "POST", c.url, c.body)
			require.GreaterOrEqual(t, res.StatusCode, 400, res.body)
			require.Contains(t, res.body, "Late.")
			require.Empty(t, res.executions())
		}
	}
	require.Empty(t, a.remembered())
	require.Empty(t, a.rows("note"))
}

func TestIdempotency_Multipart(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	form := func(content string) (*bytes.Buffer, string) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		require.NoError(t, w.SetBoundary("boundary"))
		require.NoError(t, w.WriteField("title", "A"))
		file, err := w.CreateFormFile("file", "a.txt")
		require.NoError(t, err)
		_, err = file.Write([]byte(content))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return &body, w.FormDataContentType()
	}
	send := func(content string) answer {
		body, contentType := form(content)
		return a.send("user", "POST", postsURL+"?triggerWorkflows=note", body, "Content-Type", contentType, keyHeader, "k")
	}
	before := a.count("posts")
	first := send("content")
	require.Equal(t, 200, first.StatusCode, first.body)
	require.NotEmpty(t, first.data(t)["file"])
	requireReplay(t, first, send("content"))
	require.Equal(t, 422, send("other").StatusCode)
	require.Equal(t, before+1, a.count("posts"))
}

// TestIdempotency_Connection: over a real connection that is used again, with a
// body of unknown length.
func TestIdempotency_Connection(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	server := httptest.NewServer(a.handler)
	t.Cleanup(server.Close)
	for _, url := range []string{postsURL + "?triggerWorkflows=note", "/api/batch"} {
		var answers []answer
		for range 2 {
			body := `{"title":"A"}   `
			if url == "/api/batch" {
				body = `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"A"}}]}   `
			}
			request, err := http.NewRequest(http.MethodPost, server.URL+url, struct{ io.Reader }{iotest.OneByteReader(strings.NewReader(body))})
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Authorization", token(t, a, "user"))
			request.Header.Set(keyHeader, url)
			res, err := server.Client().Do(request)
			require.NoError(t, err)
			raw, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, 200, res.StatusCode, string(raw))
			answers = append(answers, answer{res, string(raw)})
		}
		requireReplay(t, answers[0], answers[1])
	}
}

func TestIdempotency_TooLarge(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows))
	a.Settings().Batch.MaxBodySize = 1000
	require.NoError(t, a.Save(a.Settings()))
	body := `{"requests":[{"method":"POST","url":"` + postsURL + `?triggerWorkflows=note","body":{"title":"` + strings.Repeat("x", 1000) + `"}}]}`
	require.Equal(t, 413, a.keyed("k", "user", "POST", "/api/batch", body).StatusCode, "its length is known")
	require.Equal(t, 413, a.keyed("k", "user", "POST", "/api/batch", struct{ *strings.Reader }{strings.NewReader(body)}).StatusCode)
	large := `{"title":"` + strings.Repeat("x", 60<<20) + `"}`
	require.Equal(t, 413, a.keyed("k", "user", "POST", postsURL+"?triggerWorkflows=note", large).StatusCode)
	require.Empty(t, a.remembered())
}

// TestIdempotency_Secrets: what a caller keeps to themselves is not stored, and
// the rows are the superusers' to read and nobody's to write.
func TestIdempotency_Secrets(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(keyedWorkflows+`
workflow("welcome", { on: { type: "action", collection: "users" }, rule: "" }, (ctx) => ctx.data.id);
`))
	const key, password = "a-key-that-nobody-else-knows", "correct-horse-battery"
	url := "/api/collections/users/records?triggerWorkflows=welcome"
	body := map[string]any{"email": "new@example.com", "password": password, "passwordConfirm": password}
	secret := token(t, a, "user")
	first := a.send("", "POST", url+"&token="+secret, body, keyHeader, key)
	require.Equal(t, 200, first.StatusCode, first.body)
	requireReplay(t, first, a.send("user", "POST", url, body, keyHeader, key))
	a.drain()

	rows := a.remembered()
	require.Len(t, rows, 1)
	row, err := json.Marshal(rows[0].FieldsData())
	require.NoError(t, err)
	files := []string{"data.db", "data.db-wal"}
	stored := [][]byte{row}
	for _, name := range files {
		raw, err := os.ReadFile(filepath.Join(a.DataDir(), name))
		require.NoError(t, err)
		stored = append(stored, raw)
	}
	for _, s := range []string{key, password, secret, strings.Split(secret, ".")[2]} {
		for _, raw := range stored {
			require.False(t, bytes.Contains(raw, []byte(s)), s)
		}
	}

	path := "/api/collections/_workflowRequests/records"
	require.Equal(t, 403, a.send("user", "GET", path, nil).StatusCode)
	require.Contains(t, a.send("super", "GET", path, nil).body, rows[0].GetString("digest"))
	require.Equal(t, http.StatusBadRequest, a.send("super", "POST", path, map[string]any{"digest": "x", "fingerprint": "y"}).StatusCode)
	require.Equal(t, http.StatusBadRequest, a.send("super", "PATCH", path+"/"+rows[0].Id, map[string]any{"status": 1}).StatusCode)
	require.Equal(t, http.StatusBadRequest, a.send("super", "DELETE", path+"/"+rows[0].Id, nil).StatusCode)
}
