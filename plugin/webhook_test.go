package plugin_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// The secrets of the tests, as their environment has them.
const (
	gitHubSecret = "It's a Secret to Everybody" // of GitHub's documentation
	stripeSecret = "whsec_test_secret"
	oldSecret    = "the old secret"
)

// secretsSet puts the secrets into the environment, as whoever starts a server
// does. Tests that use it can't run side by side with others.
func secretsSet(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"WEBHOOK_GITHUB": gitHubSecret, "WEBHOOK_STRIPE": stripeSecret, "WEBHOOK_OLD": oldSecret, "WEBHOOK_EMPTY": "",
	} {
		t.Setenv(name, value)
	}
}

// hookURL is the URL of a webhook.
func hookURL(key string) string { return "/api/workflows/hooks/" + key }

// signed is the SHA-256 HMAC of what is signed.
func signed(secret, payload string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(payload))
	return mac.Sum(nil)
}

func hexSigned(secret, payload string) string { return hex.EncodeToString(signed(secret, payload)) }

func stripeHeader(at time.Time, body string, secrets ...string) string {
	header := "t=" + strconv.FormatInt(at.Unix(), 10)
	for _, s := range secrets {
		header += ",v1=" + hexSigned(s, strconv.FormatInt(at.Unix(), 10)+"."+body)
	}
	return header + ",v0=00"
}

// receives is what a webhook with no auth gets of a request.
func (a *app) receives(method, url, contentType, body string, headers ...string) map[string]any {
	a.t.Helper()
	res := a.send("", method, url, body, append([]string{"Content-Type", contentType}, headers...)...)
	require.Equal(a.t, http.StatusAccepted, res.StatusCode, res.body)
	id := res.data(a.t)["execution"].(string)
	require.Equal(a.t, "open="+id, res.executions())
	require.Contains(a.t, res.Header.Get("Access-Control-Expose-Headers"), "X-Workflow-Executions")
	row := a.row(id)
	require.Equal(a.t, "completed", row.GetString("status"), row.GetString("error"))
	return output(a.t, row).(map[string]any)
}

// TestWebhook_Input: what ctx has of a request, whatever its body is.
func TestWebhook_Input(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
workflow("open", { on: { type: "webhook", methods: ["GET", "POST", "PUT", "DELETE"], auth: { type: "none" } } }, (ctx) => ({
    params: ctx.params, data: ctx.data, user: ctx.user, same: ctx.data === ctx.params.body, action: ctx.action, collection: ctx.collection,
}));`))
	type object = map[string]any
	for name, c := range map[string]struct {
		contentType, body string
		want              any
	}{
		"JSON object":       {"application/json", `{"a":{"b":[1,"ü"]}}`, object{"a": object{"b": []any{1.0, "ü"}}}},
		"JSON list":         {"application/json; charset=utf-8", `[1]`, []any{1.0}},
		"JSON scalar":       {"application/cloudevents+json", ` "x" `, "x"},
		"no body":           {"application/json", "", nil},
		"form":              {"application/x-www-form-urlencoded", "a=1&b=x+y&b=%C3%BC&c", object{"a": "1", "b": []any{"x y", "ü"}, "c": ""}},
		"text":              {"text/plain", `{"a":1}`, `{"a":1}`},
		"XML":               {"application/xml", `<a/>`, `<a/>`},
		"no type":           {"", `some text`, `some text`},
		"text with a NUL":   {"text/plain", "a\x00b", "a\x00b"},
		"something unknown": {"x/y", "z", "z"},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.receives("POST", hookURL("open")+"?x=1&x=2&y=%20", c.contentType, c.body, "X-Custom", "yes")
			params := got["params"].(object)
			require.Equal(t, c.want, got["data"])
			require.Equal(t, c.want, params["body"])
			require.Equal(t, true, got["same"])
			require.Equal(t, c.body, params["rawBody"])
			require.NotContains(t, params, "rawBodyEncoding")
			require.Equal(t, "POST", params["method"])
			require.Equal(t, object{"x": []any{"1", "2"}, "y": " "}, params["query"])
			require.Equal(t, "yes", params["headers"].(object)["x-custom"])
			require.Nil(t, got["user"])
		})
	}
	t.Run("binary", func(t *testing.T) {
		raw := "\xff\xfe\x00"
		params := a.receives("PUT", hookURL("open"), "application/octet-stream", raw)["params"].(object)
		require.Equal(t, base64.StdEncoding.EncodeToString([]byte(raw)), params["rawBody"])
		require.Equal(t, "base64", params["rawBodyEncoding"])
		require.Nil(t, params["body"])
		require.Equal(t, "PUT", params["method"])
	})
	t.Run("multipart: files are listed", func(t *testing.T) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		require.NoError(t, form.WriteField("title", "A title"))
		file, err := form.CreateFormFile("upload", "note.txt")
		require.NoError(t, err)
		_, _ = file.Write([]byte("never kept"))
		require.NoError(t, form.Close())
		got := a.receives("POST", hookURL("open"), form.FormDataContentType(), body.String())
		params := got["params"].(object)
		require.Equal(t, object{"title": "A title"}, got["data"])
		require.Equal(t, []any{object{"field": "upload", "name": "note.txt", "size": 10.0, "type": "application/octet-stream"}}, params["files"])
		require.Empty(t, params["rawBody"])
		require.NotContains(t, a.rows("open")[0].GetString("input"), "never kept")
	})
	t.Run("no secret comes to a row", func(t *testing.T) {
		got := a.receives("GET", hookURL("open")+"?token=geheim&other=1", "", "", "Authorization", "geheim", "Cookie", "geheim=1",
			"X-Hub-Signature", "geheim", "X-Hub-Signature-256", "geheim", "Stripe-Signature", "geheim", "Proxy-Authorization", "geheim")
		require.Equal(t, object{"other": "1"}, got["params"].(object)["query"])
		for _, r := range a.rows("open") {
			require.NotContains(t, fmt.Sprint(r.FieldsData()), "geheim")
		}
	})
	t.Run("a login is not the workflow's user", func(t *testing.T) {
		res := a.send("super", "POST", hookURL("open"), `{}`)
		row := a.row(res.id(t, "open"))
		require.Empty(t, row.GetString("user"))
		require.Nil(t, output(t, row).(object)["user"])
		require.JSONEq(t, `{"type":"webhook","request":"POST /api/workflows/hooks/open"}`, row.GetString("trigger"))
	})
}

// TestWebhook_Auth: who may start a workflow, and that nothing is written for
// whoever may not.
func TestWebhook_Auth(t *testing.T) {
	secretsSet(t)
	a := newApp(t, plugin.Config{}, one(`
const handler = (ctx) => ({ data: ctx.data, headers: ctx.params.headers });
const hook = (key, auth) => workflow(key, { on: { type: "webhook", auth } }, handler);
hook("github", { type: "hmac", preset: "github", secretEnv: "WEBHOOK_GITHUB" });
hook("stripe", { type: "hmac", preset: "stripe", secretEnv: "WEBHOOK_STRIPE" });
hook("short", { preset: "stripe", secretEnv: "WEBHOOK_STRIPE", tolerance: "10s" });
hook("plain", { type: "hmac", header: "X-Sig", secretEnv: "WEBHOOK_GITHUB" });
hook("sha1", { type: "hmac", header: "X-Sig", prefix: "sha1=", algorithm: "sha1", secretEnv: "WEBHOOK_GITHUB" });
hook("sha512", { type: "hmac", header: "X-Sig", algorithm: "sha512", encoding: "base64", secretEnv: "WEBHOOK_GITHUB" });
hook("timed", { type: "hmac", header: "X-Sig", timestampHeader: "X-Time", tolerance: "1m", secretEnv: "WEBHOOK_GITHUB" });
hook("slack", { type: "hmac", header: "X-Slack-Signature", prefix: "v0=", timestampHeader: "X-Slack-Request-Timestamp", payload: "v0:{timestamp}:{body}", secretEnv: "WEBHOOK_GITHUB" });
hook("standard", { type: "hmac", header: "webhook-signature", prefix: "v1,", encoding: "base64", timestampHeader: "webhook-timestamp", payload: "{id}.{timestamp}.{body}", secretEnv: "WEBHOOK_GITHUB" });
hook("rotated", { type: "hmac", header: "X-Sig", secretEnv: ["WEBHOOK_GITHUB", "WEBHOOK_OLD"] });
hook("basic", { type: "basic", username: "jim", secretEnv: ["WEBHOOK_GITHUB", "WEBHOOK_OLD"] });
hook("bearer", { type: "bearer", secretEnv: ["WEBHOOK_STRIPE", "WEBHOOK_OLD"] });
hook("gitlab", { type: "bearer", header: "X-Gitlab-Token", secretEnv: "WEBHOOK_STRIPE" });
`))
	const hello = "Hello, World!"
	// Computed with openssl, and by GitHub.
	const (
		known    = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
		known1   = "01dc10d0c83e72ed246219cdd91669667fe2ca59"
		known512 = "Ee01WmF+mBNOhCASp5RMz1nBAlbLGCNXvX46QgE/8Hw3b4wUz1zBkj2iC1HWQlay+4678QCqZ6YTJvYf6oERvA=="
	)
	now := time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	const ok, bad = http.StatusAccepted, http.StatusUnauthorized
	for _, c := range []struct {
		name, key string
		headers   []string
		status    int
		message   string
	}{
		{"GitHub's own example", "github", []string{"X-Hub-Signature-256", "sha256=" + known}, ok, ""},
		{"upper case digits", "github", []string{"X-Hub-Signature-256", "sha256=" + strings.ToUpper(known)}, ok, ""},
		{"no signature", "github", nil, bad, "signature is missing or wrong"},
		{"of another secret", "github", []string{"X-Hub-Signature-256", "sha256=" + hexSigned("other", hello)}, bad, "signature is missing or wrong"},
		{"of another body", "github", []string{"X-Hub-Signature-256", "sha256=" + hexSigned(gitHubSecret, "Hello")}, bad, "signature is missing or wrong"},
		{"with no secret at all", "github", []string{"X-Hub-Signature-256", "sha256=" + hexSigned("", hello)}, bad, "signature is missing or wrong"},
		{"without the prefix", "github", []string{"X-Hub-Signature-256", known}, bad, "signature is missing or wrong"},
		{"only the prefix", "github", []string{"X-Hub-Signature-256", "sha256="}, bad, "signature is missing or wrong"},
		{"cut short", "github", []string{"X-Hub-Signature-256", "sha256=" + known[:62]}, bad, "signature is missing or wrong"},
		{"not hexadecimal", "github", []string{"X-Hub-Signature-256", "sha256=" + known[:63] + "x"}, bad, "signature is missing or wrong"},
		{"in another header", "github", []string{"X-Hub-Signature", "sha256=" + known}, bad, "signature is missing or wrong"},
		{"a superuser is nobody here", "github", []string{"Authorization", token(t, a.TestApp, "super")}, bad, "signature is missing or wrong"},

		{"Stripe", "stripe", []string{"Stripe-Signature", stripeHeader(now, hello, stripeSecret)}, ok, ""},
		{"Stripe, several", "stripe", []string{"Stripe-Signature", stripeHeader(now, hello, "other", stripeSecret)}, ok, ""},
		{"Stripe, wrong", "stripe", []string{"Stripe-Signature", stripeHeader(now, hello, "other")}, bad, "signature is missing or wrong"},
		{"Stripe, no v1", "stripe", []string{"Stripe-Signature", stripeHeader(now, hello)}, bad, "signature is missing or wrong"},
		{"Stripe, no time", "stripe", []string{"Stripe-Signature", "v1=" + hexSigned(stripeSecret, "."+hello)}, bad, "signature is missing or wrong"},
		{"Stripe, nonsense", "stripe", []string{"Stripe-Signature", "nonsense"}, bad, "signature is missing or wrong"},
		{"Stripe, another time", "stripe", []string{"Stripe-Signature", "t=" + stamp + ",v1=" + hexSigned(stripeSecret, "1."+hello)}, bad, "signature is missing or wrong"},
		{"Stripe, 4 minutes old", "stripe", []string{"Stripe-Signature", stripeHeader(now.Add(-4*time.Minute), hello, stripeSecret)}, ok, ""},
		{"Stripe, too old", "stripe", []string{"Stripe-Signature", stripeHeader(now.Add(-6*time.Minute), hello, stripeSecret)}, bad, "signature is too old: its time is 6m"},
		{"Stripe, in the future", "stripe", []string{"Stripe-Signature", stripeHeader(now.Add(6*time.Minute), hello, stripeSecret)}, bad, "too far in the future"},
		{"Stripe, a tolerance of its own", "short", []string{"Stripe-Signature", stripeHeader(now.Add(-4*time.Minute), hello, stripeSecret)}, bad, "more than the 10s allowed"},

		{"plain", "plain", []string{"X-Sig", known}, ok, ""},
		{"SHA-1", "sha1", []string{"X-Sig", "sha1=" + known1}, ok, ""},
		{"SHA-512 in base64", "sha512", []string{"X-Sig", known512}, ok, ""},
		{"SHA-256 for SHA-512", "sha512", []string{"X-Sig", base64.StdEncoding.EncodeToString(signed(gitHubSecret, hello))}, bad, "signature is missing or wrong"},
		{"the first secret", "rotated", []string{"X-Sig", known}, ok, ""},
		{"the second secret", "rotated", []string{"X-Sig", hexSigned(oldSecret, hello)}, ok, ""},
		{"neither", "rotated", []string{"X-Sig", hexSigned(stripeSecret, hello)}, bad, "signature is missing or wrong"},

		{"timed", "timed", []string{"X-Sig", hexSigned(gitHubSecret, stamp+"."+hello), "X-Time", stamp}, ok, ""},
		{"timed, milliseconds", "timed", []string{"X-Sig", hexSigned(gitHubSecret, stamp+"000."+hello), "X-Time", stamp + "000"}, ok, ""},
		{"timed, RFC 3339", "timed", []string{"X-Sig", hexSigned(gitHubSecret, now.Format(time.RFC3339)+"."+hello), "X-Time", now.Format(time.RFC3339)}, ok, ""},
		{"timed, no time", "timed", []string{"X-Sig", hexSigned(gitHubSecret, "."+hello)}, bad, "time of the signature is missing"},
		{"timed, no number", "timed", []string{"X-Sig", hexSigned(gitHubSecret, "x."+hello), "X-Time", "x"}, bad, "time of the signature is missing"},
		{"timed, another time", "timed", []string{"X-Sig", hexSigned(gitHubSecret, "1."+hello), "X-Time", stamp}, bad, "signature is missing or wrong"},
		{"timed, too old", "timed", []string{"X-Sig", hexSigned(gitHubSecret, "1600000000."+hello), "X-Time", "1600000000"}, bad, "too old"},
		{"timed, no year has it", "timed", []string{"X-Sig", known, "X-Time", "9223372036854775807"}, bad, "time of the signature is missing"},
		{"Slack", "slack", []string{"X-Slack-Signature", "v0=" + hexSigned(gitHubSecret, "v0:"+stamp+":"+hello), "X-Slack-Request-Timestamp", stamp}, ok, ""},
		{"the delivery is signed", "standard", []string{"Webhook-Signature", "v1," + base64.StdEncoding.EncodeToString(signed(gitHubSecret, "msg_1."+stamp+"."+hello)), "Webhook-Timestamp", stamp, "Idempotency-Key", "msg_1"}, ok, ""},
		{"another delivery is signed", "standard", []string{"Webhook-Signature", "v1," + base64.StdEncoding.EncodeToString(signed(gitHubSecret, "msg_1."+stamp+"."+hello)), "Webhook-Timestamp", stamp, "Idempotency-Key", "msg_2"}, bad, "signature is missing or wrong"},

		{"basic", "basic", []string{"Authorization", basic("jim", gitHubSecret)}, ok, ""},
		{"basic, second password", "basic", []string{"Authorization", basic("jim", oldSecret)}, ok, ""},
		{"basic, wrong password", "basic", []string{"Authorization", basic("jim", "x")}, bad, "user name or the password is wrong"},
		{"basic, wrong user", "basic", []string{"Authorization", basic("joe", gitHubSecret)}, bad, "user name or the password is wrong"},
		{"basic, empty", "basic", []string{"Authorization", basic("", "")}, bad, "user name or the password is wrong"},
		{"basic, none", "basic", nil, bad, "user name or the password is wrong"},
		{"basic, no base64", "basic", []string{"Authorization", "Basic ."}, bad, "user name or the password is wrong"},
		{"bearer", "bearer", []string{"Authorization", "Bearer " + stripeSecret}, ok, ""},
		{"bearer, second", "bearer", []string{"Authorization", "bearer " + oldSecret}, ok, ""},
		{"bearer, without the word", "bearer", []string{"Authorization", stripeSecret}, ok, ""},
		{"bearer, wrong", "bearer", []string{"Authorization", "Bearer " + gitHubSecret}, bad, "token is missing or wrong"},
		{"bearer, none", "bearer", nil, bad, "token is missing or wrong"},
		{"bearer, empty", "bearer", []string{"Authorization", "Bearer "}, bad, "token is missing or wrong"},
		{"bearer, a superuser", "bearer", []string{"Authorization", token(t, a.TestApp, "super")}, bad, "token is missing or wrong"},
		{"GitLab", "gitlab", []string{"X-Gitlab-Token", stripeSecret}, ok, ""},
		{"GitLab, wrong", "gitlab", []string{"X-Gitlab-Token", stripeSecret + "x"}, bad, "token is missing or wrong"},
		{"GitLab, in Authorization", "gitlab", []string{"Authorization", "Bearer " + stripeSecret}, bad, "token is missing or wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("_workflowExecutions") + a.count("_workflowRequests")
			res := a.send("", "POST", hookURL(c.key), hello, append([]string{"Content-Type", "text/plain"}, c.headers...)...)
			require.Equal(t, c.status, res.StatusCode, res.body)
			if c.status != ok {
				require.Contains(t, res.data(t)["message"], c.message)
				require.EqualValues(t, c.status, res.data(t)["status"])
				require.Equal(t, before, a.count("_workflowExecutions")+a.count("_workflowRequests"), "nothing is written")
				challenge := map[string]string{"basic": `Basic realm="workflows", charset="UTF-8"`, "bearer": "Bearer"}[c.key]
				require.Equal(t, challenge, res.Header.Get("WWW-Authenticate"))
				return
			}
			require.Empty(t, res.Header.Get("WWW-Authenticate"))
			row := a.row(res.id(t, c.key))
			require.Equal(t, hello, output(t, row).(map[string]any)["data"])
			for i := 0; i+1 < len(c.headers); i += 2 {
				if strings.Contains(c.headers[i], "Sig") || strings.Contains(c.headers[i], "Auth") || strings.Contains(c.headers[i], "Token") {
					require.NotContains(t, row.GetString("input"), c.headers[i+1], "neither signatures nor secrets are stored")
				}
			}
		})
	}
	t.Run("the token of the query, which is not stored", func(t *testing.T) {
		res := a.send("", "POST", hookURL("bearer")+"?token="+stripeSecret, hello)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, "past the login")
		res = a.send("", "POST", hookURL("bearer")+"?token="+stripeSecret, `"x"`)
		require.Equal(t, ok, res.StatusCode, res.body)
		require.NotContains(t, a.row(res.id(t, "bearer")).GetString("input"), stripeSecret)
	})
	t.Run("a signature that is there twice counts as none", func(t *testing.T) {
		request, err := http.NewRequest("POST", hookURL("github"), strings.NewReader(hello))
		require.NoError(t, err)
		request.Header["X-Hub-Signature-256"] = []string{"sha256=" + known, "sha256=" + known}
		require.Equal(t, bad, a.serves(request).StatusCode)
	})
	t.Run("a variable that is gone lets nobody in", func(t *testing.T) {
		t.Setenv("WEBHOOK_GITHUB", "")
		res := a.send("", "POST", hookURL("github"), hello, "X-Hub-Signature-256", "sha256="+hexSigned("", hello))
		require.Equal(t, bad, res.StatusCode, res.body)
	})
}

// serves sends a request as it is.
func (a *app) serves(request *http.Request) *http.Response {
	a.t.Helper()
	recorder := httptest.NewRecorder()
	a.handler.ServeHTTP(recorder, request)
	return recorder.Result()
}
