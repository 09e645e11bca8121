package script

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// authOptions are the options of each type besides "type".
var authOptions = map[workflow.AuthType][]string{
	workflow.AuthHMAC: {
		"secretEnv", "preset", "algorithm", "header", "prefix", "encoding", "payload", "timestampHeader", "tolerance",
	},
	workflow.AuthBasic:  {"secretEnv", "username"},
	workflow.AuthBearer: {"secretEnv", "header"},
	workflow.AuthNone:   {},
}

// secretOptions are where people might write a secret itself.
var secretOptions = []string{"secret", "password", "token", "key"}

const (
	defaultTolerance = 5 * time.Minute
	// maxTolerance is as long as deliveries are remembered.
	maxTolerance = 24 * time.Hour
	maxSecrets   = 10
)

var (
	algorithms    = []string{"sha1", "sha256", "sha512"}
	encodings     = []string{"hex", "base64"}
	presets       = []string{workflow.PresetGitHub, workflow.PresetStripe}
	variableName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	placeholders  = regexp.MustCompile(`\{[A-Za-z]*\}`)
	placeholdable = []string{"{body}", "{timestamp}", "{id}"}
)

const authAt = "on.auth"

func readAuth(vm *goja.Runtime, v goja.Value, hook *workflow.Webhook) *optionError {
	if v == nil {
		return wrong(authAt, `is required: { type: %s, … }; { type: "none" } lets everybody in`, quoted(workflow.AuthTypes))
	}
	obj, ok := v.(*goja.Object)
	if !ok || obj.ClassName() != "Object" {
		return wrong(authAt, `expected an object such as { type: "bearer", secretEnv: "NAME" }, got %s`, show(v))
	}
	known := []string{"type"}
	for _, t := range workflow.AuthTypes {
		known = append(known, authOptions[t]...)
	}
	for _, name := range obj.Keys() {
		if slices.Contains(secretOptions, name) {
			return wrong(authAt+"."+name, `must not be in the source: name an environment variable that has it, secretEnv: "NAME"`)
		}
	}
	o, err := object(vm, authAt, v, known)
	if err != nil {
		return err
	}
	auth := &hook.Auth
	if err := readAuthType(o, auth); err != nil {
		return err
	}
	for _, name := range known[1:] {
		if _, ok := o[authAt+"."+name]; ok && !slices.Contains(authOptions[auth.Type], name) {
			return wrong(authAt+"."+name, "is not for type %q", auth.Type)
		}
	}
	if auth.Type == workflow.AuthNone {
		return nil
	}
	if err := readSecretEnv(o, auth); err != nil {
		return err
	}
	switch auth.Type {
	case workflow.AuthBasic:
		if err := str(o, authAt+".username", &auth.Username); err != nil {
			return err
		}
		if auth.Username == "" || strings.Contains(auth.Username, ":") {
			return wrong(authAt+".username", "is required: the user name, without a colon")
		}
		return nil
	case workflow.AuthBearer:
		auth.Header = "Authorization"
		return readHeaderName(o, authAt+".header", &auth.Header)
	default:
		return readHMAC(o, hook)
	}
}

func readAuthType(o map[string]goja.Value, auth *workflow.Auth) *optionError {
	name := ""
	if err := str(o, authAt+".type", &name); err != nil {
		return err
	}
	if _, ok := o[authAt+".preset"]; ok && name == "" {
		name = string(workflow.AuthHMAC) // presets are signatures
	}
	auth.Type = workflow.AuthType(name)
	switch {
	case name == "":
		return wrong(authAt+".type", "is required: expected %s", quoted(workflow.AuthTypes))
	case !slices.Contains(workflow.AuthTypes, auth.Type):
		return wrong(authAt+".type", "expected %s, got %q", quoted(workflow.AuthTypes), name)
	}
	return nil
}

func readSecretEnv(o map[string]goja.Value, auth *workflow.Auth) *optionError {
	const path = authAt + ".secretEnv"
	v, ok := o[path]
	if !ok {
		return wrong(path, "is required: the name of the environment variable that has the secret")
	}
	if name, ok := v.Export().(string); ok {
		auth.SecretEnv = []string{name}
	} else if err := list(o, path, &auth.SecretEnv); err != nil {
		return wrong(path, "expected the name of an environment variable, or a list of names") // what it is may be the secret
	}
	if n := len(auth.SecretEnv); n == 0 || n > maxSecrets {
		return wrong(path, "expected 1 to %d names, got %d", maxSecrets, n)
	}
	for _, name := range auth.SecretEnv {
		if !variableName.MatchString(name) { // it may be the secret itself: not shown
			return wrong(path, "expected the name of an environment variable: letters, digits and _")
		}
	}
	return nil
}

func readHMAC(o map[string]goja.Value, hook *workflow.Webhook) *optionError {
	auth := &hook.Auth
	if err := str(o, authAt+".preset", &auth.Preset); err != nil {
		return err
	}
	if v, ok := o[authAt+".preset"]; ok {
		return readPreset(o, v, hook)
	}
	auth.Algorithm, auth.Encoding = "sha256", "hex"
	for _, c := range []struct {
		name  string
		dst   *string
		known []string
	}{{"algorithm", &auth.Algorithm, algorithms}, {"encoding", &auth.Encoding, encodings}} {
		if err := str(o, authAt+"."+c.name, c.dst); err != nil {
			return err
		}
		if !slices.Contains(c.known, *c.dst) {
			return wrong(authAt+"."+c.name, "expected %s, got %q", quoted(c.known), *c.dst)
		}
	}
	if err := readHeaderName(o, authAt+".header", &auth.Header); err != nil {
		return err
	}
	if auth.Header == "" {
		return wrong(authAt+".header", "is required: the name of the header that has the signature")
	}
	if err := str(o, authAt+".prefix", &auth.Prefix); err != nil {
		return err
	}
	if err := readHeaderName(o, authAt+".timestampHeader", &auth.TimestampHeader); err != nil {
		return err
	}
	if err := readTolerance(o, auth); err != nil {
		return err
	}
	return readPayload(o, auth)
}

// readPreset fills in what a service does.
func readPreset(o map[string]goja.Value, v goja.Value, hook *workflow.Webhook) *optionError {
	auth := &hook.Auth
	if !slices.Contains(presets, auth.Preset) {
		return wrong(authAt+".preset", "expected %s, got %s", quoted(presets), show(v))
	}
	own := []string{"algorithm", "header", "prefix", "encoding", "payload", "timestampHeader"}
	if auth.Preset == workflow.PresetGitHub {
		own = append(own, "tolerance") // its signatures have no time
	}
	for _, name := range own {
		if _, ok := o[authAt+"."+name]; ok {
			return wrong(authAt+"."+name, "is not for preset %q, which knows its own", auth.Preset)
		}
	}
	auth.Algorithm, auth.Encoding = "sha256", "hex"
	if auth.Preset == workflow.PresetGitHub {
		auth.Header, auth.Prefix, auth.Payload = "X-Hub-Signature-256", "sha256=", "{body}"
		hook.DeliveryHeader = "X-GitHub-Delivery"
		return nil
	}
	auth.Header, auth.Payload = "Stripe-Signature", "{timestamp}.{body}"
	hook.DeliveryHeader = "" // the event's id in the body
	return readTolerance(o, auth)
}

func readTolerance(o map[string]goja.Value, auth *workflow.Auth) *optionError {
	const path = authAt + ".tolerance"
	timed := auth.TimestampHeader != "" || auth.Preset == workflow.PresetStripe
	v, ok := o[path]
	switch {
	case ok && !timed:
		return wrong(path, "needs timestampHeader, the header that has the time of the signature")
	case !ok && timed:
		auth.Tolerance = defaultTolerance
		return nil
	case !ok:
		return nil
	}
	var err error
	if auth.Tolerance, err = workflow.ParseDuration(v.Export()); err != nil || auth.Tolerance <= 0 || auth.Tolerance > maxTolerance {
		return wrong(path, `expected a duration over 0 and up to 1d (milliseconds, or "30s", "5m", "2h"), got %s`, show(v))
	}
	return nil
}

func readPayload(o map[string]goja.Value, auth *workflow.Auth) *optionError {
	const path = authAt + ".payload"
	auth.Payload = "{body}"
	if auth.TimestampHeader != "" {
		auth.Payload = "{timestamp}.{body}"
	}
	if err := str(o, path, &auth.Payload); err != nil {
		return err
	}
	for _, name := range placeholders.FindAllString(auth.Payload, -1) {
		if !slices.Contains(placeholdable, name) {
			return wrong(path, "expected %s, got %q in it", quoted(placeholdable), name)
		}
	}
	timed := strings.Contains(auth.Payload, "{timestamp}")
	switch {
	case !strings.Contains(auth.Payload, "{body}"):
		return wrong(path, "must have {body} in it")
	case timed && auth.TimestampHeader == "":
		return wrong(path, "has {timestamp} in it, which needs timestampHeader")
	case !timed && auth.TimestampHeader != "":
		return wrong(path, "must have {timestamp} in it: a time that is not signed can be changed")
	}
	return nil
}

// checkSecrets tells which environment variable of a webhook is missing.
func checkSecrets(on *workflow.Webhook) string {
	if on == nil {
		return ""
	}
	for _, name := range on.Auth.SecretEnv {
		if os.Getenv(name) == "" {
			return fmt.Sprintf("environment variable %s is not set", name)
		}
	}
	return ""
}
