package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// started returns the execution id of the only entry in X-Workflow-Executions.
func started(tb testing.TB, res *http.Response) string {
	tb.Helper()
	_, id, ok := strings.Cut(res.Header.Get("X-Workflow-Executions"), "=")
	require.Truef(tb, ok, "nothing started: %v", res.Header)
	return id
}

// ended waits for an execution's final status and returns its row.
func (s *server) ended(in *instance, id string) map[string]any {
	s.t.Helper()
	var row map[string]any
	require.Eventually(s.t, func() bool {
		row = nil
		s.call(http.MethodGet, "/api/collections/_workflowExecutions/records/"+id, in.token, nil, &row)
		status := row["status"]
		return status != "queued" && status != "running"
	}, 20*time.Second, 10*time.Millisecond)
	return row
}

func (s *server) createPost(in *instance, query string) *http.Response {
	s.t.Helper()
	res := s.call(http.MethodPost, "/api/collections/posts/records"+query, in.token, map[string]any{"title": "A post"}, nil)
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	return res
}

func workflowReturning(value string) string {
	return `workflow("hello", { on: { type: "action", collection: "posts" } }, (ctx) => "` + value + `");`
}

func TestReload(t *testing.T) {
	in := newInstance(t, map[string]string{"hello.js": workflowReturning("one")})
	s := in.serve()
	hello := func() any { return s.ended(in, started(t, s.createPost(in, "?triggerWorkflows=hello")))["output"] }
	row := func() map[string]any { return s.list(in, "_workflows", "filter="+url.QueryEscape(`key="hello"`))[0] }
	becomes := func(field string, want any) {
		t.Helper()
		require.Eventuallyf(t, func() bool { return row()[field] == want }, 10*time.Second, 10*time.Millisecond, "%s", field)
	}
	// The row is there a moment before the requests that follow it.
	says := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return hello() == want }, 10*time.Second, 10*time.Millisecond)
	}
	require.Equal(t, "one", hello())

	in.writeWorkflow("hello.js", workflowReturning("two"))
	becomes("version", 2.0)
	says("two")

	in.writeWorkflow("hello.js", `workflow("hello", { on: { type: "action", collection: "posts", colection: 1 } }, () => {`)
	becomes("valid", false)
	require.Contains(t, row()["error"], "hello.js:1")
	require.Equal(t, "two", hello(), "a broken file leaves the last good version running")

	in.writeWorkflow("hello.js", workflowReturning("one"))
	becomes("valid", true)
	says("one")
	require.Equal(t, 1.0, row()["version"], "an old source is an old version")

	require.NoError(t, os.Remove(filepath.Join(in.dir, "workflows", "hello.js")))
	becomes("missing", true)
	require.Eventually(t, func() bool {
		return s.createPost(in, "?triggerWorkflows=hello").Header.Get("X-Workflow-Skipped") == "hello=unknown"
	}, 10*time.Second, 10*time.Millisecond)
	require.NotEmpty(t, s.list(in, "_workflowExecutions", "fields=id"), "history stays")
}

func TestEnabledSwitch(t *testing.T) {
	in := newInstance(t, map[string]string{"hello.js": workflowReturning("one")})
	s := in.serve()
	row := s.list(in, "_workflows", "")[0]
	set := func(on bool) {
		res := s.call(http.MethodPatch, "/api/collections/_workflows/records/"+row["id"].(string), in.token, map[string]any{"enabled": on}, nil)
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	set(false)
	require.Equal(t, "hello=disabled", s.createPost(in, "?triggerWorkflows=hello").Header.Get("X-Workflow-Skipped"))
	set(true)
	started(t, s.createPost(in, "?triggerWorkflows=hello"))
	set(false)
	s.stop()
	s = in.serve()
	require.Equal(t, "hello=disabled", s.createPost(in, "?triggerWorkflows=hello").Header.Get("X-Workflow-Skipped"), "the stored switch wins over the file")
}

// TestVersionPin shows that an execution in flight stays on its version.
func TestVersionPin(t *testing.T) {
	slow := func(value string) string {
		return `workflow("slow", { on: { type: "action", collection: "posts" } }, (ctx) => {
			ctx.step.run("wait", () => { sleep(700); return 1; });
			return require(__dirname + "/lib/value.js").value + "` + value + `";
		});`
	}
	in := newInstance(t, map[string]string{"slow.js": slow("one")})
	lib := filepath.Join(in.dir, "workflows", "lib")
	require.NoError(t, os.MkdirAll(lib, 0o755))
	value := func(v string) {
		require.NoError(t, os.WriteFile(filepath.Join(lib, "value.js"), []byte(`module.exports = { value: "`+v+`" };`), 0o600))
	}
	value("lib ")
	in.writeWorkflow("slow.js", `const lib = require(__dirname + "/lib/value.js");`+slow("one"))
	s := in.serve()
	id := started(t, s.createPost(in, "?triggerWorkflows=slow"))
	value("changed ")
	in.writeWorkflow("slow.js", `const lib = require(__dirname + "/lib/value.js");`+slow("two"))
	require.Eventually(t, func() bool { return s.list(in, "_workflows", "")[0]["version"] != 1.0 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "lib one", s.ended(in, id)["output"])
	require.Equal(t, "changed two", s.ended(in, started(t, s.createPost(in, "?triggerWorkflows=slow")))["output"])
}

// TestShutdown shows that SIGTERM lets a running execution end.
func TestShutdown(t *testing.T) {
	in := newInstance(t, map[string]string{"slow.js": `
		workflow("slow", { on: { type: "action", collection: "posts" } }, (ctx) => {
			ctx.step.run("wait", () => { sleep(500); return 1; });
			return "done";
		});`})
	s := in.serve()
	id := started(t, s.createPost(in, "?triggerWorkflows=slow"))
	require.Eventually(t, func() bool {
		return len(s.list(in, "_workflowExecutions", "filter="+url.QueryEscape(`status="running"`))) == 1
	}, 5*time.Second, 5*time.Millisecond, "a slow execution shows as running")
	s.stop()
	s = in.serve()
	row := s.ended(in, id)
	require.Equal(t, "completed", row["status"])
	require.Equal(t, 1.0, row["attempt"], "it ended before the process did")
}

// TestNoSecretsOnDisk greps the whole pb_data for the tokens of a session.
func TestNoSecretsOnDisk(t *testing.T) {
	in := newInstance(t, map[string]string{"hello.js": workflowReturning("one")})
	s := in.serve()
	started(t, s.createWithURLToken(t, "/api/collections/posts/records?triggerWorkflows=hello&token="+in.token))
	s.stop()
	signature := in.token[strings.LastIndex(in.token, ".")+1:]
	err := filepath.WalkDir(filepath.Join(in.dir, "pb_data"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContainsf(t, string(raw), signature, "%s", path)
		return nil
	})
	require.NoError(t, err)
}

// createWithURLToken creates a post with the token in the URL only.
func (s *server) createWithURLToken(tb testing.TB, path string) *http.Response {
	tb.Helper()
	res := s.call(http.MethodPost, path, "", map[string]any{"title": "A post"}, nil)
	require.Equal(tb, http.StatusOK, res.StatusCode)
	return res
}
