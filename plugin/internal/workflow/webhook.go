package workflow

import "time"

// TriggerWebhook starts when somebody calls the workflow's own URL.
const TriggerWebhook TriggerType = "webhook"

// The limits of webhooks, in bytes.
const (
	// DefaultMaxBody is the largest body of a request unless it says otherwise.
	DefaultMaxBody = 1 << 20
	// MaxMaxBody is the most that it can say.
	MaxMaxBody = 16 << 20
	// MaxResponseBody is the largest body of an answer.
	MaxResponseBody = 1 << 20
)

// DefaultDeliveryHeader names a delivery where the workflow names no other header.
const DefaultDeliveryHeader = "Idempotency-Key"

// AuthType is how a webhook knows who calls.
type AuthType string

const (
	// AuthHMAC checks a signature of the body.
	AuthHMAC AuthType = "hmac"
	// AuthBasic checks a user name and a password.
	AuthBasic AuthType = "basic"
	// AuthBearer checks a token.
	AuthBearer AuthType = "bearer"
	// AuthNone lets everybody in.
	AuthNone AuthType = "none"
)

// AuthTypes lists every type.
var AuthTypes = []AuthType{AuthHMAC, AuthBasic, AuthBearer, AuthNone}

// The presets of AuthHMAC.
const (
	PresetGitHub = "github"
	PresetStripe = "stripe"
)

// Webhook is what the "on" option of a webhook says besides its type.
type Webhook struct {
	// Methods are those that start it, upper case.
	Methods []string `json:"methods,omitempty"`
	// ContentTypes are the media types of bodies, lower case, also "text/*". Empty
	// means any.
	ContentTypes []string `json:"contentTypes,omitempty"`
	// MaxBody is the largest body, in bytes.
	MaxBody int64 `json:"maxBody,omitempty"`
	// DeliveryHeader is the header that names a delivery: the same one starts one
	// execution only. Empty with the preset stripe, whose bodies have it.
	DeliveryHeader string `json:"deliveryHeader,omitempty"`
	Auth           Auth   `json:"auth"`
	// Response is the answer of an asynchronous one; nil for the usual.
	Response *Response `json:"response,omitempty"`
}

// Auth is how a webhook knows who calls. It has the names of environment
// variables, never a secret.
type Auth struct {
	Type AuthType `json:"type"`
	// SecretEnv are the variables with the secrets, of which each counts.
	SecretEnv []string `json:"secretEnv,omitempty"`
	// Username is for AuthBasic.
	Username string `json:"username,omitempty"`
	// Header has the signature or the token.
	Header string `json:"header,omitempty"`

	// Preset is PresetGitHub, PresetStripe or "".
	Preset string `json:"preset,omitempty"`
	// Algorithm is "sha1", "sha256" or "sha512".
	Algorithm string `json:"algorithm,omitempty"`
	// Prefix stands before the signature.
	Prefix string `json:"prefix,omitempty"`
	// Encoding is "hex" or "base64".
	Encoding string `json:"encoding,omitempty"`
	// Payload is what is signed, with {body}, {timestamp} and {id} in it.
	Payload string `json:"payload,omitempty"`
	// TimestampHeader has the time of the signature; "" for none.
	TimestampHeader string `json:"timestampHeader,omitempty"`
	// Tolerance is how far that time may be away from now.
	Tolerance time.Duration `json:"tolerance,omitempty"`
}

// Response is an answer to a webhook.
type Response struct {
	// Status is from 200 to 599, 0 for the usual one.
	Status int `json:"status,omitempty"`
	// Headers have canonical names.
	Headers map[string]string `json:"headers,omitempty"`
	// Body is nil where nothing was said.
	Body *string `json:"body,omitempty"`
}

// HasBody reports whether an answer of a status may have a body.
func HasBody(status int) bool { return status != 204 && status != 205 && status != 304 }
