package script

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// peer is a server that answers as the query says and keeps what it was asked.
type peer struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	body  []string
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		p.asked, p.body = append(p.asked, r), append(p.body, string(raw))
		p.mu.Unlock()
		q := r.URL.Query()
		for _, name := range []string{"Content-Type", "Retry-After"} {
			if q.Get(name) != "" {
				w.Header().Set(name, q.Get(name))
			}
		}
		if status := q.Get("status"); status != "" {
			var code int
			_, _ = fmt.Sscan(status, &code)
			w.WriteHeader(code)
		}
		_, _ = io.WriteString(w, q.Get("say"))
		if q.Has("bytes") {
			_, _ = w.Write([]byte{0xff, 0xfe})
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// since are the requests after the first n, and what they brought.
func (p *peer) since(n int) ([]*http.Request, []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[n:], p.body[n:]
}

// TestHTTP_Answers: what a script gets, and the journal keeps.
func TestHTTP_Answers(t *testing.T) {
	t.Parallel()
	s, p := newStage(t), newPeer(t)
	for name, c := range map[string]struct{ query, want string }{
		"JSON":             {`{ say: '{"a":[1]}', "Content-Type": "application/json; charset=utf-8" }`, `[200,{"a":[1]},null,null]`},
		"a problem's JSON": {`{ say: '[1]', "Content-Type": "application/vnd.api+json" }`, `[200,[1],null,null]`},
		"broken JSON":      {`{ say: '{"a', "Content-Type": "application/json" }`, `[200,null,"{\"a",null]`},
		"text":             {`{ say: "größer", "Content-Type": "text/plain" }`, `[200,null,"größer",null]`},
		"nothing":          {`{ status: 204 }`, `[204,null,"",null]`},
		"bytes":            {`{ bytes: 1, "Content-Type": "image/png" }`, `[200,null,null,null]`},
	} {
		t.Run(name, func(t *testing.T) {
			fn := `(ctx) => { const a = ctx.step.http("ask", { url: "` + p.URL + `", query: ` + c.query + ` }); return [a.statusCode, a.json, a.text, a.error] }`
			before := p.count()
			out, j := s.run(fn)
			require.Equalf(t, workflow.StatusCompleted, out.Status, "%+v", out.Failure)
			require.JSONEq(t, c.want, string(out.Output))
			require.Equal(t, []string{"ask#0=completed"}, j.names())
			require.Equal(t, workflow.StepRun, j.saved[0].Kind)
			again, _ := s.run(fn, j.saved[0])
			require.JSONEq(t, c.want, string(again.Output), "the replay is the same")
			require.Equal(t, before+1, p.count(), "and asks nobody")
		})
	}
}

// TestHTTP_Failures: which error a status is, and how often it was asked.
func TestHTTP_Failures(t *testing.T) {
	t.Parallel()
	s, p := newStage(t), newPeer(t)
	for query, want := range map[string]string{
		`{ status: 400, say: "no title" }`:               `NonRetryableError 1 GET ` + p.URL + `/x answered 400: no title`,
		`{ status: 404 }`:                                `NonRetryableError 1 GET ` + p.URL + `/x answered 404`,
		`{ status: 408 }`:                                `Error 3 GET ` + p.URL + `/x answered 408`,
		`{ status: 429 }`:                                `Error 3 GET ` + p.URL + `/x answered 429`,
		`{ status: 429, "Retry-After": "0" }`:            `RetryAfterError 3 GET ` + p.URL + `/x answered 429`,
		`{ status: 503, "Retry-After": "0" }`:            `RetryAfterError 3 GET ` + p.URL + `/x answered 503`,
		`{ status: 500, say: "x".repeat(400) }`:          `Error 3 GET ` + p.URL + `/x answered 500: ` + strings.Repeat("x", 300) + "…",
		`{ status: 500, "Retry-After": "0", key: "abc"}`: `Error 3 GET ` + p.URL + `/x answered 500`,
	} {
		t.Run(query, func(t *testing.T) {
			before := p.count()
			options := `{ url: "` + p.URL + `/x?token=secret", query: ` + query + `, retries: { limit: 2, delay: 1 } `
			out, j := s.run(`(ctx) => { try { ctx.step.http("ask", ` + options + ` }) } catch (e) { return e.name + " " + e.message } }`)
			require.Equalf(t, workflow.StatusCompleted, out.Status, "%+v", out.Failure)
			n := p.count() - before
			name, message, _ := strings.Cut(string(out.Output), " ")
			require.Equal(t, `"`+want+`"`, fmt.Sprint(name, " ", n, " ", message))
			require.NotContains(t, string(out.Output), "secret")
			last := j.saved[len(j.saved)-1]
			require.Equal(t, workflow.StatusFailed, last.Status)

			out, j = s.run(`(ctx) => { const a = ctx.step.http("ask", ` + options + `, ignoreFailure: true }); return [a.statusCode > 0, a.error] }`)
			require.Equalf(t, workflow.StatusCompleted, out.Status, "%+v", out.Failure)
			require.JSONEq(t, `[true,"`+message+`]`, string(out.Output))
			require.Equal(t, 2*n, p.count()-before, "ignored after the retries, not instead")
			require.Equal(t, workflow.StatusCompleted, j.saved[len(j.saved)-1].Status)
		})
	}
}

// TestHTTP_NoAnswer: a server that is not there.
func TestHTTP_NoAnswer(t *testing.T) {
	t.Parallel()
	s, p := newStage(t), newPeer(t)
	p.Close()
	out, _ := s.run(`(ctx) => { try { ctx.step.http("ask", { url: "` + p.URL + `/?token=secret" }) } catch (e) { return e.name + " " + e.message } }`)
	require.Contains(t, string(out.Output), `"Error GET `+p.URL+`/: dial tcp`)
	require.NotContains(t, string(out.Output), "secret")
	out, _ = s.run(`(ctx) => { const a = ctx.step.http("ask", { url: "` + p.URL + `", ignoreFailure: true }); return [a.statusCode, a.headers, a.json, a.text, a.error !== null] }`)
	require.JSONEq(t, `[0,{},null,null,true]`, string(out.Output))
}

// TestHTTP_Requests: what goes out.
func TestHTTP_Requests(t *testing.T) {
	t.Parallel()
	s, p := newStage(t), newPeer(t)
	send := func(t *testing.T, options string) (*http.Request, string) {
		t.Helper()
		out, _ := s.run(`(ctx) => { ctx.step.http("ask it, größer", { url: "` + p.URL + `/path?a=1&b=2", ` + options + ` }) }`)
		require.Equalf(t, workflow.StatusCompleted, out.Status, "%+v", out.Failure)
		requests, bodies := p.since(p.count() - 1)
		return requests[0], bodies[0]
	}
	t.Run("the query is merged", func(t *testing.T) {
		r, _ := send(t, `query: { b: [3, true], "c d": "ü&=" }`)
		require.Equal(t, "a=1&b=3&b=true&c+d=%C3%BC%26%3D", r.URL.RawQuery)
		require.Equal(t, "GET", r.Method)
	})
	t.Run("a body makes it a POST", func(t *testing.T) {
		r, body := send(t, `json: null`)
		require.Equal(t, "POST null application/json", r.Method+" "+body+" "+r.Header.Get("Content-Type"))
	})
	t.Run("a body of one's own", func(t *testing.T) {
		r, body := send(t, `method: "put", body: "<a/>", headers: { "content-type": "text/xml", "X-N": 7 }`)
		require.Equal(t, "PUT <a/> text/xml 7", r.Method+" "+body+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("X-N"))
	})
	t.Run("JSON of a type of one's own", func(t *testing.T) {
		r, _ := send(t, `json: {}, headers: { "content-type": "application/ld+json" }`)
		require.Equal(t, []string{"application/ld+json"}, r.Header.Values("Content-Type"))
	})
	t.Run("one key for all attempts", func(t *testing.T) {
		before := p.count()
		_, _ = s.run(`(ctx) => { try { ctx.step.http("ask", { url: "` + p.URL + `?status=500", method: "POST", retries: { limit: 1, delay: 1 } }) } catch (e) {} ctx.step.http("ask", { url: "` + p.URL + `", method: "POST" }) }`)
		require.Equal(t, before+3, p.count())
		keys := []string{}
		requests, _ := p.since(before)
		for _, r := range requests {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
		}
		require.Equal(t, keys[0], keys[1])
		require.NotEqual(t, keys[1], keys[2], "another for the next use of the name")
		r, _ := send(t, `method: "POST", headers: { "idempotency-key": "mine" }`)
		require.Equal(t, []string{"mine"}, r.Header.Values("Idempotency-Key"))
	})
}

// TestHTTP_Refused: each wrong option is named, and nothing is sent.
func TestHTTP_Refused(t *testing.T) {
	t.Parallel()
	s, p := newStage(t), newPeer(t)
	url := `url: "` + p.URL + `", `
	for options, says := range map[string]string{
		``:                                       `ctx.step.http("ask"): options: expected an object, got undefined`,
		`"x"`:                                    `options: expected an object, got "x"`,
		`{}`:                                     `url: expected an address that begins with http:// or https://, got undefined`,
		`{ url: 7 }`:                             `url: expected an address that begins with http:// or https://, got 7`,
		`{ url: "/api/health" }`:                 `url: expected an address that begins with http:// or https://, got "/api/health"`,
		`{ url: "ftp://example.com" }`:           `url: expected an address that begins with http:// or https://, got "ftp://example.com"`,
		`{ ` + url + `methd: "GET" }`:            `options.methd: is unknown; did you mean "method"?`,
		`{ ` + url + `method: "FETCH" }`:         `method: expected one of GET, POST, PUT, PATCH, DELETE, HEAD, got "FETCH"`,
		`{ ` + url + `method: 1 }`:               `method: expected one of GET`,
		`{ ` + url + `query: "a=1" }`:            `query: expected an object, got "a=1"`,
		`{ ` + url + `query: { a: {} } }`:        `query.a: expected a string, a number, true or false, or a list of them`,
		`{ ` + url + `query: { a: undefined } }`: `query.a: expected a string`,
		`{ ` + url + `headers: [1] }`:            `headers: expected an object`,
		`{ ` + url + `headers: { a: null } }`:    `headers.a: expected a string`,
		`{ ` + url + `json: () => 1 }`:           `json: result is a function`,
		`{ ` + url + `json: {}, form: {} }`:      `form: the request has a body already, of json: expected one of json, form, multipart, body`,
		`{ ` + url + `form: "a=1" }`:             `form: expected an object, got "a=1"`,
		`{ ` + url + `multipart: "x" }`:          `multipart: expected an object, got "x"`,
		`{ ` + url + `multipart: { a: {} } }`:    `multipart.a: expected a string, a number, true or false, a file of $filesystem, or a list of them`,
		`{ ` + url + `body: {} }`:                `body: expected a string (or use json, form or multipart)`,
		`{ ` + url + `timeout: 0 }`:              `timeout: expected a duration over 0, got 0`,
		`{ ` + url + `timeout: "soon" }`:         `timeout: expected a duration over 0, got "soon"`,
		`{ ` + url + `ignoreFailure: "yes" }`:    `ignoreFailure: expected true or false, got "yes"`,
		`{ ` + url + `retries: -1 }`:             `retries: expected a number of retries`,
	} {
		t.Run(options, func(t *testing.T) {
			out, j := s.run(`(ctx) => { ctx.step.http("ask", ` + options + `) }`)
			require.Equal(t, workflow.StatusError, out.Status)
			require.Contains(t, out.Failure.Message, says)
			require.Empty(t, j.saved)
		})
	}
	require.Zero(t, p.count())
	out, _ := s.run(`(ctx) => { ctx.step.http("", {}) }`)
	require.Contains(t, out.Failure.Message, "ctx.step.http(name, …): the name must be a string")
	out, _ = s.run(`(ctx) => { ctx.step.run("outer", () => ctx.step.http("inner", { ` + url + ` })) }`)
	require.Contains(t, out.Failure.Message, `ctx.step.http("inner") can't be used inside step "outer"`)
}

// TestHTTP_EndsWithTheRun: a server that says nothing holds an execution no longer
// than its own time-out.
func TestHTTP_EndsWithTheRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	gone := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-gone:
		case <-r.Context().Done():
		}
	}))
	defer silent.Close()
	defer close(gone)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	out, _ := s.execute(ctx, s.define(handler(`(ctx) => { ctx.step.http("ask", { url: "`+silent.URL+`", ignoreFailure: true }); return "went on" }`), nil))
	require.Equal(t, workflow.StatusAborted, out.Status)
}
