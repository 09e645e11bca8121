package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// claim is what a single-use URL stands for.
type claim struct {
	Execution string `json:"e"`
	Event     string `json:"n"`
	// Step is the step that made the URL: what it was made for once, it can be
	// used for once.
	Step string `json:"s"`
	// Expires is in seconds since 1970; 0 is never.
	Expires int64 `json:"x,omitempty"`
}

var errToken = errors.New("the token is not valid")

// EventToken is the secret part of a single-use URL. It is signed with the secret
// of PocketBase's own superuser tokens: renewing that one makes all URLs void.
func (a *API) EventToken(execution, event, step string, expires time.Time) string {
	c := claim{Execution: execution, Event: event, Step: step}
	if !expires.IsZero() {
		c.Expires = expires.Unix()
	}
	raw, _ := json.Marshal(c) // strings and a number
	body := base64.RawURLEncoding.EncodeToString(raw)
	signature, err := a.sign(body)
	if err != nil {
		return "" // no superusers collection, no tokens
	}
	return body + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (a *API) readToken(token string) (claim, error) {
	var c claim
	body, given, _ := strings.Cut(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil {
		return c, errToken
	}
	want, err := a.sign(body)
	if err != nil {
		return c, err
	}
	if !hmac.Equal(signature, want) {
		return c, errToken
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return c, fmt.Errorf("%w: %w", errToken, err)
	}
	if c.Expires != 0 && time.Now().Unix() >= c.Expires {
		return c, fmt.Errorf("%w: it has expired", errToken)
	}
	return c, nil
}

func (a *API) sign(body string) ([]byte, error) {
	superusers, err := a.app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return nil, fmt.Errorf("find the secret of event URLs: %w", err)
	}
	mac := hmac.New(sha256.New, []byte("workflow event\x00"+superusers.AuthToken.Secret))
	mac.Write([]byte(body))
	return mac.Sum(nil), nil
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}
