package script

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tests"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// TestOnWebhook: the option in every form, and what is wrong with others.
func TestOnWebhook(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	load := func(t *testing.T, on, more string) *Result {
		t.Helper()
		dir := t.TempDir()
		write(t, dir, "all.js", "workflow(\"w\", {\n    on: { type: \"webhook\", "+on+" },\n"+more+"\n}, (ctx) => 1);\n")
		result, err := Load(app, dir)
		require.NoError(t, err)
		return result
	}
	type (
		hook = workflow.Webhook
		auth = workflow.Auth
	)
	text := func(s string) *string { return &s }
	for on, want := range map[string]hook{
		`auth: { type: "none" }`: {Auth: auth{Type: "none"}},
		`auth: { type: "none" }, methods: ["GET", "POST"], maxBody: 10, contentTypes: ["Application/JSON", "text/*"], deliveryHeader: "X-Id"`: {
			Auth: auth{Type: "none"}, Methods: []string{"GET", "POST"}, MaxBody: 10, ContentTypes: []string{"application/json", "text/*"}, DeliveryHeader: "X-Id",
		},
		`auth: { type: "bearer", secretEnv: "A" }`:                  {Auth: auth{Type: "bearer", SecretEnv: []string{"A"}, Header: "Authorization"}},
		`auth: { type: "bearer", secretEnv: "A", header: "X-T" }`:   {Auth: auth{Type: "bearer", SecretEnv: []string{"A"}, Header: "X-T"}},
		`auth: { type: "basic", secretEnv: ["A"], username: "jo" }`: {Auth: auth{Type: "basic", SecretEnv: []string{"A"}, Username: "jo"}},
		`auth: { type: "hmac", secretEnv: ["A", "_b1"], header: "X-S" }`: {
			Auth: auth{Type: "hmac", SecretEnv: []string{"A", "_b1"}, Header: "X-S", Algorithm: "sha256", Encoding: "hex", Payload: "{body}"},
		},
		`auth: { type: "hmac", secretEnv: "A", header: "X-S", algorithm: "sha1", prefix: "p=", encoding: "base64", timestampHeader: "X-T" }`: {Auth: auth{
			Type: "hmac", SecretEnv: []string{"A"}, Header: "X-S", Algorithm: "sha1", Prefix: "p=", Encoding: "base64",
			TimestampHeader: "X-T", Tolerance: 5 * time.Minute, Payload: "{timestamp}.{body}",
		}},
		`auth: { type: "hmac", secretEnv: "A", header: "X-S", timestampHeader: "X-T", tolerance: "1h", payload: "{id}{timestamp}{body}" }`: {Auth: auth{
			Type: "hmac", SecretEnv: []string{"A"}, Header: "X-S", Algorithm: "sha256", Encoding: "hex",
			TimestampHeader: "X-T", Tolerance: time.Hour, Payload: "{id}{timestamp}{body}",
		}},
		`auth: { type: "hmac", secretEnv: "A", preset: "github" }`: {DeliveryHeader: "X-GitHub-Delivery", Auth: auth{
			Type: "hmac", SecretEnv: []string{"A"}, Preset: "github", Header: "X-Hub-Signature-256", Algorithm: "sha256", Prefix: "sha256=", Encoding: "hex", Payload: "{body}",
		}},
		`auth: { secretEnv: "A", preset: "stripe", tolerance: 1000 }, deliveryHeader: "X-Id"`: {DeliveryHeader: "X-Id", Auth: auth{
			Type: "hmac", SecretEnv: []string{"A"}, Preset: "stripe", Header: "Stripe-Signature", Algorithm: "sha256", Encoding: "hex", Payload: "{timestamp}.{body}", Tolerance: time.Second,
		}},
		`auth: { type: "none" }, response: { status: 200, headers: { "x-a": 1 }, body: { ok: true } }`: {Auth: auth{Type: "none"}, Response: &workflow.Response{
			Status: 200, Headers: map[string]string{"X-A": "1", "Content-Type": "application/json"}, Body: text(`{"ok":true}`),
		}},
		`auth: { type: "none" }, response: { headers: { "content-type": "text/html" }, body: "<p>" }`: {Auth: auth{Type: "none"}, Response: &workflow.Response{
			Headers: map[string]string{"Content-Type": "text/html"}, Body: text("<p>"),
		}},
		`auth: { type: "none" }, response: { status: 204 }`: {Auth: auth{Type: "none"}, Response: &workflow.Response{Status: 204}},
	} {
		t.Run(on, func(t *testing.T) {
			if want.Methods == nil {
				want.Methods = []string{"POST"}
			}
			if want.MaxBody == 0 {
				want.MaxBody = workflow.DefaultMaxBody
			}
			if want.DeliveryHeader == "" {
				want.DeliveryHeader = "Idempotency-Key"
			}
			result := load(t, on, "")
			require.Empty(t, result.Problems)
			require.Equal(t, &want, result.Versions[0].Definition.On.Webhook)
		})
	}
	t.Run("the preset stripe has the delivery in the body", func(t *testing.T) {
		require.Empty(t, load(t, `auth: { secretEnv: "A", preset: "stripe" }`, "").Versions[0].Definition.On.DeliveryHeader)
	})

	const (
		none   = `auth: { type: "none" }`
		hmac   = `auth: { type: "hmac", secretEnv: "A", header: "X-S"`
		bearer = `auth: { type: "bearer", secretEnv: "A"`
	)
	for _, c := range []struct{ on, more, at, says string }{
		{``, ``, "on.auth", `is required: { type: "hmac", "basic", "bearer" or "none", … }`},
		{`auth: undefined`, ``, "on.auth", `is required`},
		{`auth: null`, ``, "on.auth", `expected an object such as { type: "bearer", secretEnv: "NAME" }, got null`},
		{`auth: "none"`, ``, "on.auth", `expected an object such as`},
		{`auth: ["none"]`, ``, "on.auth", `expected an object such as`},
		{`auth: {}`, ``, "on.auth.type", `is required: expected "hmac", "basic", "bearer" or "none"`},
		{`auth: { type: 1 }`, ``, "on.auth.type", `expected a string, got 1`},
		{`auth: { type: "jwt" }`, ``, "on.auth.type", `expected "hmac", "basic", "bearer" or "none", got "jwt"`},
		{`auth: { type: "none", secretEnv: "A" }`, ``, "on.auth.secretEnv", `is not for type "none"`},
		{`auth: { type: "none", usernam: 1 }`, ``, "on.auth.usernam", `is unknown; did you mean`},
		{`auth: { type: "hmac", secret: "geheim" }`, ``, "on.auth.secret", `must not be in the source: name an environment variable that has it, secretEnv: "NAME"`},
		{`auth: { type: "basic", username: "a", password: "geheim" }`, ``, "on.auth.password", `must not be in the source`},
		{`auth: { type: "bearer", token: "geheim" }`, ``, "on.auth.token", `must not be in the source`},
		{`auth: { type: "bearer" }`, ``, "on.auth.secretEnv", `is required: the name of the environment variable`},
		{`auth: { type: "bearer", secretEnv: "" }`, ``, "on.auth.secretEnv", `expected the name of an environment variable: letters, digits and _`},
		{`auth: { type: "bearer", secretEnv: "ge-heim!" }`, ``, "on.auth.secretEnv", `expected the name of an environment variable: letters, digits and _`},
		{`auth: { type: "bearer", secretEnv: 1 }`, ``, "on.auth.secretEnv", `expected the name of an environment variable, or a list of names`},
		{`auth: { type: "bearer", secretEnv: [] }`, ``, "on.auth.secretEnv", `expected 1 to 10 names, got 0`},
		{`auth: { type: "bearer", secretEnv: ["geheim", 1] }`, ``, "on.auth.secretEnv", `or a list of names`},
		{`auth: { type: "bearer", secretEnv: ["a","b","c","d","e","f","g","h","i","j","k"] }`, ``, "on.auth.secretEnv", `expected 1 to 10 names, got 11`},
		{bearer + `, algorithm: "sha1" }`, ``, "on.auth.algorithm", `is not for type "bearer"`},
		{bearer + `, header: "a b" }`, ``, "on.auth.header", `expected the name of a header, got "a b"`},
		{bearer + `, header: 1 }`, ``, "on.auth.header", `expected a string, got 1`},
		{`auth: { type: "basic", secretEnv: "A" }`, ``, "on.auth.username", `is required: the user name, without a colon`},
		{`auth: { type: "basic", secretEnv: "A", username: "a:b" }`, ``, "on.auth.username", `without a colon`},
		{`auth: { type: "basic", secretEnv: "A", username: 1 }`, ``, "on.auth.username", `expected a string`},
		{`auth: { type: "hmac", secretEnv: "A" }`, ``, "on.auth.header", `is required: the name of the header that has the signature`},
		{hmac + `, algorithm: "md5" }`, ``, "on.auth.algorithm", `expected "sha1", "sha256" or "sha512", got "md5"`},
		{hmac + `, algorithm: 256 }`, ``, "on.auth.algorithm", `expected a string, got 256`},
		{hmac + `, encoding: "base32" }`, ``, "on.auth.encoding", `expected "hex" or "base64", got "base32"`},
		{hmac + `, prefix: 1 }`, ``, "on.auth.prefix", `expected a string, got 1`},
		{hmac + `, tolerance: "5m" }`, ``, "on.auth.tolerance", `needs timestampHeader, the header that has the time of the signature`},
		{hmac + `, timestampHeader: "" }`, ``, "on.auth.timestampHeader", `expected the name of a header, got ""`},
		{hmac + `, timestampHeader: "X-T", tolerance: "soon" }`, ``, "on.auth.tolerance", `expected a duration over 0 and up to 1d`},
		{hmac + `, timestampHeader: "X-T", tolerance: 0 }`, ``, "on.auth.tolerance", `expected a duration over 0 and up to 1d`},
		{hmac + `, timestampHeader: "X-T", tolerance: "2d" }`, ``, "on.auth.tolerance", `expected a duration over 0 and up to 1d`},
		{hmac + `, timestampHeader: "X-T", tolerance: null }`, ``, "on.auth.tolerance", `expected a duration over 0 and up to 1d`},
		{hmac + `, timestampHeader: "X-T", payload: "{body}" }`, ``, "on.auth.payload", `must have {timestamp} in it: a time that is not signed can be changed`},
		{hmac + `, payload: "{timestamp}{body}" }`, ``, "on.auth.payload", `which needs timestampHeader`},
		{hmac + `, payload: "x" }`, ``, "on.auth.payload", `must have {body} in it`},
		{hmac + `, payload: "{body}{url}" }`, ``, "on.auth.payload", `expected "{body}", "{timestamp}" or "{id}", got "{url}" in it`},
		{hmac + `, payload: 1 }`, ``, "on.auth.payload", `expected a string`},
		{`auth: { type: "hmac", secretEnv: "A", preset: "gitlab" }`, ``, "on.auth.preset", `expected "github" or "stripe", got "gitlab"`},
		{`auth: { type: "hmac", secretEnv: "A", preset: "" }`, ``, "on.auth.preset", `expected "github" or "stripe", got ""`},
		{`auth: { type: "hmac", secretEnv: "A", preset: "github", header: "X" }`, ``, "on.auth.header", `is not for preset "github", which knows its own`},
		{`auth: { type: "hmac", secretEnv: "A", preset: "github", tolerance: "1m" }`, ``, "on.auth.tolerance", `is not for preset "github"`},
		{`auth: { type: "hmac", secretEnv: "A", preset: "stripe", tolerance: [] }`, ``, "on.auth.tolerance", `expected a duration`},
		{`auth: { type: "basic", secretEnv: "A", preset: "github" }`, ``, "on.auth.preset", `is not for type "basic"`},

		{none + `, methods: "POST"`, ``, "on.methods", `expected a list of strings, got "POST"`},
		{none + `, methods: []`, ``, "on.methods", `expected at least one method`},
		{none + `, methods: ["post"]`, ``, "on.methods", `expected "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE", got "post"`},
		{none + `, methods: ["OPTIONS"]`, ``, "on.methods", `got "OPTIONS"`},
		{none + `, maxBody: "1MB"`, ``, "on.maxBody", `expected a whole number from 1 to 16777216, got "1MB"`},
		{none + `, maxBody: 0`, ``, "on.maxBody", `expected a whole number from 1`},
		{none + `, maxBody: null`, ``, "on.maxBody", `expected a whole number from 1`},
		{none + `, maxBody: 1e9`, ``, "on.maxBody", `expected a whole number from 1`},
		{none + `, contentTypes: "text/plain"`, ``, "on.contentTypes", `expected a list of strings`},
		{none + `, contentTypes: []`, ``, "on.contentTypes", `expected at least one media type`},
		{none + `, contentTypes: ["json"]`, ``, "on.contentTypes", `expected media types such as "application/json" or "text/*", got "json"`},
		{none + `, contentTypes: ["text/plain; charset=utf-8"]`, ``, "on.contentTypes", `expected media types`},
		{none + `, deliveryHeader: "a:b"`, ``, "on.deliveryHeader", `expected the name of a header, got "a:b"`},
		{none + `, deliveryHeader: null`, ``, "on.deliveryHeader", `expected a string, got null`},
		{none + `, condition: "x = 1"`, ``, "on.condition", `is unknown; did you mean`},
		{none + `, collection: "posts"`, ``, "on.collection", `is unknown; did you mean`},

		{none + `, response: "ok"`, ``, "on.response", `expected an object, got "ok"`},
		{none + `, response: { code: 200 }`, ``, "on.response.code", `is unknown; did you mean`},
		{none + `, response: { status: 100 }`, ``, "on.response.status", `expected a whole number from 200 to 599, got 100`},
		{none + `, response: { status: "200" }`, ``, "on.response.status", `expected a whole number from 200 to 599, got "200"`},
		{none + `, response: { status: 204, body: "x" }`, ``, "on.response.body", `an answer with status 204 has none`},
		{none + `, response: { headers: [] }`, ``, "on.response.headers", `expected an object`},
		{none + `, response: { headers: { "a b": "" } }`, ``, "on.response.headers", `"a b" is no name of a header`},
		{none + `, response: { headers: { a: null } }`, ``, "on.response.headers", `A: expected a string or a number, got null`},
		{none + `, response: { headers: { a: "x\r\ny" } }`, ``, "on.response.headers", `A: the value has characters`},
		{none + `, response: { headers: { a: "1", A: "2" } }`, ``, "on.response.headers", `A is there twice`},
		{none + `, response: { headers: { "content-length": 5 } }`, ``, "on.response.headers", `the server sets Content-Length itself`},
		{none + `, response: { headers: { "x-workflow-executions": "x" } }`, ``, "on.response.headers", `the server sets X-Workflow-Executions itself`},
		{none + `, response: { body: () => 1 }`, ``, "on.response.body", `body is a function`},
		{none + `, response: { body: { a: [NaN] } }`, ``, "on.response.body", `body.a[0] is NaN`},
		{none + `, response: { body: "x".repeat(1048577) }`, ``, "on.response.body", `is 1048577 bytes, more than the 1048576 allowed`},
		{none + `, response: { status: 200 }`, `mode: "sync",`, "on.response", `is for mode "async"; in mode "sync" ctx.respondWith`},
		{none, `rule: "",`, "rule", `is not for webhooks: on.auth decides who may call`},
		{none, `rule: null,`, "rule", `is not for webhooks`},
		{none, `mode: "transaction",`, "mode", `trigger type "webhook" can't have mode "transaction", only "async" or "sync"`},
	} {
		t.Run(c.on+c.more, func(t *testing.T) {
			result := load(t, c.on, c.more)
			require.Empty(t, result.Versions)
			require.Len(t, result.Problems, 1)
			require.Equal(t, []string{"w"}, result.Problems[0].Keys)
			p := result.Problems[0].Problem
			require.Equal(t, c.at, p.Option)
			require.Contains(t, p.Message, c.says)
			require.NotContains(t, p.Message, "geheim", "a secret is not told on")
			require.Positive(t, p.Line)
		})
	}
	t.Run("nobody meant toString", func(t *testing.T) {
		require.Len(t, load(t, `auth: { type: "toString" }`, "").Problems, 1)
	})
}

// TestCheck_Secrets: every named variable has to be there.
func TestCheck_Secrets(t *testing.T) {
	def := workflow.Definition{File: "a.js", Line: 3}
	def.On = workflow.Trigger{Type: workflow.TriggerWebhook, Webhook: &workflow.Webhook{Auth: workflow.Auth{SecretEnv: []string{"CHECK_ONE", "CHECK_TWO"}}}}
	app, err := tests.NewTestApp()
	require.NoError(t, err)
	t.Cleanup(app.Cleanup)
	rule := ""
	def.Rule = &rule
	wrongIs := func() string {
		if p := Check(app, def); p != nil {
			return strings.TrimSpace(p.Error())
		}
		return ""
	}
	require.Equal(t, `a.js:3: option "on.auth.secretEnv": environment variable CHECK_ONE is not set`, wrongIs())
	t.Setenv("CHECK_ONE", "x")
	require.Contains(t, wrongIs(), "CHECK_TWO is not set")
	t.Setenv("CHECK_TWO", "")
	require.Contains(t, wrongIs(), "CHECK_TWO is not set", "empty is as good as not set")
	require.NoError(t, os.Setenv("CHECK_TWO", "y"))
	require.Empty(t, wrongIs())
}
