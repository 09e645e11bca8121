package plugin_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// loud is an app that keeps what is logged.
type loud struct {
	core.App
	logger *slog.Logger
}

func (l loud) Logger() *slog.Logger { return l.logger }

// TestWebhook_Refused: what each wrong request is answered, and that nothing is
// written for it.
func TestWebhook_Refused(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const none = { type: "none" };
workflow("open", { on: { type: "webhook", auth: none } }, (ctx) => ctx.data);
workflow("many", { on: { type: "webhook", methods: ["GET", "PUT"], auth: none } }, (ctx) => ctx.data);
workflow("small", { on: { type: "webhook", auth: none, maxBody: 10 } }, (ctx) => ctx.data);
workflow("picky", { on: { type: "webhook", methods: ["GET", "POST"], auth: none, contentTypes: ["application/json", "text/*"] } }, (ctx) => ctx.data);
workflow("off", { enabled: false, on: { type: "webhook", auth: none } }, (ctx) => ctx.data);
workflow("broken", { on: { type: "webhook" } }, (ctx) => ctx.data);
workflow("unset", { on: { type: "webhook", auth: { type: "bearer", secretEnv: "NOBODY_SETS_THIS" } } }, (ctx) => ctx.data);
workflow("action", { on: { type: "action", collection: "posts" } }, (ctx) => ctx.data.title);
`))
	const form = "multipart/form-data; boundary=x"
	cases := []struct {
		name, method, url, contentType, body string
		status                               int
		says                                 string
	}{
		{"unknown", "POST", hookURL("nobody"), "", "", 404, ""},
		{"disabled", "POST", hookURL("off"), "", "", 404, ""},
		{"invalid", "POST", hookURL("broken"), "", "", 404, ""},
		{"no secret", "POST", hookURL("unset"), "", "", 404, ""},
		{"no webhook", "POST", hookURL("action"), "", "", 404, ""},
		{"unknown, another method", "GET", hookURL("nobody"), "", "", 404, ""},
		{"not a key", "POST", hookURL("a%20b"), "", "", 404, ""},
		{"no key", "POST", hookURL(""), "", "", 404, ""},
		{"more path", "POST", hookURL("open/more"), "", "", 404, ""},
		{"GET", "GET", hookURL("open"), "", "", 405, ""},
		{"HEAD", "HEAD", hookURL("open"), "", "", 405, ""},
		{"DELETE", "DELETE", hookURL("open"), "", "", 405, ""},
		{"a method of its own", "BREW", hookURL("open"), "", "", 404, ""},
		{"POST where it is not said", "POST", hookURL("many"), "", "", 405, ""},
		{"too large", "POST", hookURL("small"), "text/plain", "12345678901", 413, "Request entity too large"},
		{"far too large", "POST", hookURL("open"), "text/plain", strings.Repeat("x", 1<<20+1), 413, "Request entity too large"},
		{"no JSON", "POST", hookURL("open"), "application/json", `{"a":`, 400, "The body is not valid JSON: unexpected end of JSON input."},
		{"two JSON values", "POST", hookURL("open"), "application/json", `{} {}`, 400, "The body is not valid JSON"},
		{"JSON with a byte order mark", "POST", hookURL("open"), "application/json", "\ufeff{}", 400, "The body is not valid JSON"},
		{"JSON in Latin-1", "POST", hookURL("open"), "application/json", "\"\xfc\"", 400, "The body is not valid JSON: it is not UTF-8."},
		{"JSON, nested too deep", "POST", hookURL("open"), "application/json", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), 400, "The body is not valid JSON"},
		{"no form", "POST", hookURL("open"), "application/x-www-form-urlencoded", "a=%zz", 400, "The form can't be read."},
		{"no query", "POST", hookURL("open") + "?a=%zz", "text/plain", "", 400, "The query can't be read."},
		{"no boundary", "POST", hookURL("open"), "multipart/form-data", "x", 400, "The multipart body can't be read."},
		{"cut multipart", "POST", hookURL("open"), form, "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nva", 400, "The multipart body can't be read."},
		{"too many parts", "POST", hookURL("open"), form, strings.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n", 1001) + "--x--\r\n", 400, "The multipart body can't be read."},
		{"no media type", "POST", hookURL("open"), "application/json; =", `{}`, 415, "The Content-Type can't be read."},
		{"another media type", "POST", hookURL("picky"), "application/xml", `<a/>`, 415, "The Content-Type must be application/json or text/*."},
		{"no media type for a body", "POST", hookURL("picky"), "", `<a/>`, 415, "The Content-Type must be"},
		{"a wanted media type", "POST", hookURL("picky"), "application/json;charset=utf-8", `{}`, 202, ""},
		{"a wanted group of media types", "POST", hookURL("picky"), "Text/CSV", `a`, 202, ""},
		{"no media type for no body", "GET", hookURL("picky"), "", ``, 202, ""},
		{"just small enough", "POST", hookURL("small"), "text/plain", "1234567890", 202, ""},
		{"as large as may be", "POST", hookURL("open"), "text/plain", strings.Repeat("x", 1<<20), 202, ""},
		{"one of several methods", "GET", hookURL("many"), "", "", 202, ""},
		{"triggerWorkflows is nothing here", "POST", hookURL("open") + "?triggerWorkflows=action,a!b!c", "text/plain", "", 202, ""},
		{"a delivery that is no name", "POST", hookURL("open"), "text/plain", "", 400, "The header Idempotency-Key must have 1 to 255 visible ASCII characters."},
	}
	var unknown string
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("_workflowExecutions") + a.count("_workflowRequests")
			headers := []string{"Content-Type", c.contentType}
			if strings.HasPrefix(c.name, "a delivery") {
				headers = append(headers, keyHeader, "a b")
			}
			res := a.send("", c.method, c.url, c.body, headers...)
			require.Equal(t, c.status, res.StatusCode, res.body)
			if c.status == 202 {
				require.Equal(t, before+1, a.count("_workflowExecutions")+a.count("_workflowRequests"))
				return
			}
			require.Equal(t, before, a.count("_workflowExecutions")+a.count("_workflowRequests"), "nothing is written")
			require.Empty(t, res.executions())
			allow := map[string]string{hookURL("open"): "POST", hookURL("many"): "GET, PUT"}[c.url]
			if c.status != 405 {
				allow = ""
			}
			require.Equal(t, allow, res.Header.Get("Allow"))
			if c.method == "HEAD" {
				return
			}
			require.EqualValues(t, c.status, res.data(t)["status"])
			require.Contains(t, res.data(t)["message"], c.says)
			if c.status == 404 {
				if unknown == "" {
					unknown = res.body
				}
				require.Equal(t, unknown, res.body, "they can't be told apart")
			}
		})
	}
	t.Run("over a real connection, of unknown length", func(t *testing.T) {
		server := httptest.NewServer(a.handler)
		defer server.Close()
		for body, status := range map[string]int{strings.Repeat("x", 11): 413, strings.Repeat("x", 10): 202} {
			// A pipe has no length, so that the body comes in chunks.
			reader, writer := io.Pipe()
			go func() {
				_, _ = io.WriteString(writer, body)
				_ = writer.Close()
			}()
			res, err := http.Post(server.URL+hookURL("small"), "text/plain", reader)
			require.NoError(t, err)
			require.Equal(t, status, res.StatusCode)
			_ = res.Body.Close()
		}
	})
	t.Run("switched off and on", func(t *testing.T) {
		flip(a, "open", false)
		require.Equal(t, 404, a.send("", "POST", hookURL("open"), `{}`).StatusCode)
		flip(a, "open", true)
		require.Equal(t, 202, a.send("", "POST", hookURL("open"), `{}`).StatusCode)
	})
	t.Run("triggerWorkflows can't name it", func(t *testing.T) {
		require.Equal(t, "open=wrong_trigger", a.create("?triggerWorkflows=open", nil).skipped())
	})
	t.Run("its row says what is missing", func(t *testing.T) {
		require.Contains(t, workflowRow(a, "unset")["error"], `option "on.auth.secretEnv": environment variable NOBODY_SETS_THIS is not set`)
		require.Contains(t, workflowRow(a, "broken")["error"], `option "on.auth": is required`)
		require.Equal(t, false, workflowRow(a, "unset")["valid"])
	})
}

// TestWebhook_Log: who is refused is logged, without what they know.
func TestWebhook_Log(t *testing.T) {
	secretsSet(t)
	testApp := newTestApp(t, plugin.Config{}, one(`
workflow("bearer", { on: { type: "webhook", auth: { type: "bearer", secretEnv: "WEBHOOK_STRIPE" } } }, (ctx) => 1);
workflow("github", { on: { type: "webhook", auth: { preset: "github", secretEnv: "WEBHOOK_STRIPE" } } }, (ctx) => 1);`))
	t.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	a.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.BindFunc(func(e *core.RequestEvent) error {
			e.App = loud{e.App, logger}
			return e.Next()
		})
		return e.Next()
	})
	a.serve()
	for _, c := range []struct{ key, header, value, reason string }{
		{"bearer", "Authorization", "Bearer geheim", "The token is missing or wrong."},
		{"github", "X-Hub-Signature-256", "sha256=geheim", "The signature is missing or wrong."},
	} {
		log.Reset()
		require.Equal(t, 401, a.send("", "POST", hookURL(c.key)+"?token=geheim", `"geheim"`, c.header, c.value).StatusCode)
		require.Contains(t, log.String(), `msg="A webhook was refused" workflow=`+c.key+` status=401 reason="`+c.reason+`"`)
		require.NotContains(t, log.String(), "geheim")
		require.NotContains(t, log.String(), stripeSecret)
	}
	log.Reset()
	require.Equal(t, 404, a.send("", "POST", hookURL("nobody"), `{}`).StatusCode)
	require.Empty(t, log.String(), "guessed keys do not fill the log")
}

// TestWebhook_BesideTheHost: browsers may call it, as every other route, and files
// of the host are served beside it.
func TestWebhook_BesideTheHost(t *testing.T) {
	t.Parallel()
	testApp := newTestApp(t, plugin.Config{}, one(`workflow("open", { on: { type: "webhook", auth: { type: "none" } } }, (ctx) => 1);`))
	t.Cleanup(testApp.Cleanup)
	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	a.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.Bind(apis.CORS(apis.DefaultCORSConfig)) // as PocketBase does when it listens
		e.Router.GET("/{path...}", func(e *core.RequestEvent) error { return e.String(200, "a file") })
		return e.Next()
	})
	a.serve()
	require.Equal(t, "a file", a.send("", "GET", "/index.html", nil).body)
	require.Equal(t, 405, a.send("", "GET", hookURL("open"), nil).StatusCode)
	require.Equal(t, 405, a.send("", "HEAD", hookURL("open"), nil).StatusCode)
	require.Equal(t, 405, a.send("super", "GET", "/api/workflows/open/pause", nil).StatusCode)
	res := a.send("", "OPTIONS", hookURL("open"), nil, "Origin", "https://example.com", "Access-Control-Request-Method", "POST")
	require.Equal(t, 204, res.StatusCode)
	require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, res.Header.Get("Access-Control-Allow-Methods"), "POST")
	res = a.send("", "POST", hookURL("open"), `{}`, "Origin", "https://example.com")
	require.Equal(t, 202, res.StatusCode)
	require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "X-Workflow-Executions", res.Header.Get("Access-Control-Expose-Headers"))
}
