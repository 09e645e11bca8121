package trigger

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // for senders that have nothing better; HMAC does not need more of it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// authenticate checks who calls, before the body is read. Where the body is
// signed it checks the rest with the returned function.
func (h *webhook) authenticate(r *http.Request) (check func(body []byte) error, err error) {
	auth := &h.on.Auth
	switch auth.Type {
	case workflow.AuthNone:
		return nil, nil
	case workflow.AuthBasic:
		user, password, _ := r.BasicAuth()
		// Both are compared, so that the time does not tell which one is wrong.
		if known := same(user, auth.Username); anySecret(auth, password)&known == 1 {
			return nil, nil
		}
		h.event.Response.Header().Set("WWW-Authenticate", `Basic realm="workflows", charset="UTF-8"`)
		return nil, router.NewUnauthorizedError("The user name or the password is wrong.", nil)
	case workflow.AuthBearer:
		token := only(r.Header, auth.Header)
		if auth.Header == "Authorization" {
			// As everywhere in PocketBase "Bearer" may be missing.
			if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
				token = strings.TrimSpace(rest)
			}
			h.event.Response.Header().Set("WWW-Authenticate", "Bearer")
		}
		if anySecret(auth, token) == 1 {
			h.event.Response.Header().Del("WWW-Authenticate")
			return nil, nil
		}
		return nil, router.NewUnauthorizedError("The token is missing or wrong.", nil)
	case workflow.AuthHMAC:
		s, err := h.signatureOf(r)
		if err != nil {
			return nil, err
		}
		return func(body []byte) error { return s.check(auth, body) }, nil
	default:
		return nil, router.NewUnauthorizedError("", nil)
	}
}

// secrets are the values of the variables that are set.
func secrets(auth *workflow.Auth) []string {
	var values []string
	for _, name := range auth.SecretEnv {
		if v := os.Getenv(name); v != "" {
			values = append(values, v)
		}
	}
	return values
}

// anySecret is 1 when said is one of the secrets. It takes the same time whichever
// it is.
func anySecret(auth *workflow.Auth, said string) int {
	found := 0
	for _, secret := range secrets(auth) {
		found |= same(said, secret)
	}
	return found
}

// same is 1 for equal strings; the time it takes tells neither where they differ
// nor how long they are.
func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// only is the value of a header that is there once, else "".
func only(h http.Header, name string) string {
	if values := h.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}

// signature is what a request says of its body.
type signature struct {
	// sums are those of which one has to be right.
	sums [][]byte
	// payload is what is signed, cut where the body stands.
	payload []string
}

func errSignature() error {
	return router.NewUnauthorizedError("The signature is missing or wrong.", nil)
}

// signatureOf reads the signature and checks its time.
func (h *webhook) signatureOf(r *http.Request) (*signature, error) {
	auth := &h.on.Auth
	s := &signature{}
	header, timestamp := only(r.Header, auth.Header), ""
	if auth.Preset == workflow.PresetStripe {
		var ok bool
		if timestamp, s.sums, ok = parseStripe(header); !ok {
			return nil, errSignature()
		}
	} else {
		encoded, ok := strings.CutPrefix(header, auth.Prefix)
		sum, err := decodeSum(encoded, auth.Encoding)
		if !ok || err != nil || len(sum) == 0 {
			return nil, errSignature()
		}
		s.sums = [][]byte{sum}
		if auth.TimestampHeader != "" {
			timestamp = only(r.Header, auth.TimestampHeader)
		}
	}
	if auth.Tolerance > 0 {
		at, ok := parseTimestamp(timestamp)
		if !ok {
			return nil, router.NewUnauthorizedError("The time of the signature is missing or can't be read.", nil)
		}
		if off := age(at); off > auth.Tolerance {
			word := "old"
			if at.After(time.Now()) {
				word = "far in the future"
			}
			return nil, router.NewUnauthorizedError(fmt.Sprintf("The signature is too %s: its time is %s off, more than the %s allowed.",
				word, off.Round(time.Second), auth.Tolerance), nil)
		}
	}
	id := ""
	if h.on.DeliveryHeader != "" {
		id = only(r.Header, h.on.DeliveryHeader)
	}
	s.payload = strings.Split(auth.Payload, "{body}")
	for i, part := range s.payload {
		s.payload[i] = strings.NewReplacer("{timestamp}", timestamp, "{id}", id).Replace(part)
	}
	return s, nil
}

// check compares every signature with the one of each secret, in constant time.
func (s *signature) check(auth *workflow.Auth, body []byte) error {
	found := 0
	for _, secret := range secrets(auth) {
		mac := hmac.New(algorithm(auth.Algorithm), []byte(secret))
		for i, part := range s.payload {
			if i > 0 {
				mac.Write(body)
			}
			mac.Write([]byte(part))
		}
		right := mac.Sum(nil)
		for _, sum := range s.sums {
			found |= subtle.ConstantTimeCompare(right, sum)
		}
	}
	if found != 1 {
		return errSignature()
	}
	return nil
}

func algorithm(name string) func() hash.Hash {
	switch name {
	case "sha1":
		return sha1.New
	case "sha512":
		return sha512.New
	default:
		return sha256.New
	}
}

func decodeSum(s, encoding string) ([]byte, error) {
	if encoding == "base64" {
		return base64.StdEncoding.DecodeString(s)
	}
	return hex.DecodeString(s)
}

// parseTimestamp reads seconds or milliseconds since 1970, or RFC 3339.
func parseTimestamp(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n < 0 || n > 1e14 {
			return time.Time{}, false
		}
		if n >= 1e11 { // as seconds it would be the year 5138
			return time.UnixMilli(n), true
		}
		return time.Unix(n, 0), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}
