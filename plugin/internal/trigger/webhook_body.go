package trigger

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// maxParts bounds the parts of a multipart body.
const maxParts = 1000

// readWebhookBody reads the whole body; more than limit bytes are a 413.
func readWebhookBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, apis.ErrRequestEntityTooLarge
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		var known *router.ApiError
		if errors.As(err, &known) {
			return nil, known // PocketBase's own limit
		}
		return nil, router.NewBadRequestError("The body can't be read.", err)
	}
	if int64(len(raw)) > limit {
		return nil, apis.ErrRequestEntityTooLarge
	}
	return raw, nil
}

// webhookParams is ctx.params without its body, which is ctx.data.
type webhookParams struct {
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Query   map[string]any    `json:"query"`
	// RawBody is what was sent; "" for a multipart body, whose files are not kept.
	RawBody string `json:"rawBody"`
	// RawBodyEncoding is "base64" where the body is no text.
	RawBodyEncoding string        `json:"rawBodyEncoding,omitempty"`
	Files           []webhookFile `json:"files,omitempty"`
}

// webhookFile is a file of a multipart body.
type webhookFile struct {
	Field string `json:"field"`
	Name  string `json:"name"`
	Size  int64  `json:"size"`
	Type  string `json:"type"`
}

// parse makes a script's input of the request.
func (h *webhook) parse(r *http.Request) (in workflow.Input, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return in, router.NewBadRequestError("The query can't be read.", nil)
	}
	query.Del(tokenParameter)
	params := webhookParams{Method: r.Method, Headers: h.headers(r.Header), Query: values(query)}
	body, err := h.parseBody(r.Header.Get("Content-Type"), &params)
	if err != nil {
		return in, err
	}
	if in.Data, err = json.Marshal(body); err == nil {
		in.Params, err = json.Marshal(params)
	}
	if err != nil {
		return in, router.NewBadRequestError("The request can't be stored as JSON.", err)
	}
	return in, nil
}

// parseBody makes of the body what its media type says, and text of everything
// else.
func (h *webhook) parseBody(contentType string, params *webhookParams) (any, error) {
	media, details := "", map[string]string(nil)
	if contentType != "" {
		var err error
		if media, details, err = mime.ParseMediaType(contentType); err != nil {
			return nil, router.NewApiError(http.StatusUnsupportedMediaType, "The Content-Type can't be read.", nil)
		}
	}
	if !accepts(h.on.ContentTypes, media) && (media != "" || len(h.body) > 0) {
		return nil, router.NewApiError(http.StatusUnsupportedMediaType,
			fmt.Sprintf("The Content-Type must be %s.", strings.Join(h.on.ContentTypes, " or ")), nil)
	}
	if media == "multipart/form-data" {
		return h.parseMultipart(details["boundary"], params)
	}
	if !utf8.Valid(h.body) {
		if isJSON(media) {
			return nil, router.NewBadRequestError("The body is not valid JSON: it is not UTF-8.", nil)
		}
		params.RawBody, params.RawBodyEncoding = base64.StdEncoding.EncodeToString(h.body), "base64"
		return nil, nil
	}
	params.RawBody = string(h.body)
	switch {
	case len(h.body) == 0:
		return nil, nil
	case isJSON(media):
		var body json.RawMessage
		if err := json.Unmarshal(h.body, &body); err != nil {
			return nil, router.NewBadRequestError("The body is not valid JSON: "+err.Error()+".", nil)
		}
		return body, nil
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(params.RawBody)
		if err != nil {
			return nil, router.NewBadRequestError("The form can't be read.", nil)
		}
		return values(form), nil
	default:
		return params.RawBody, nil
	}
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// accepts reports whether media is one of types; none means any.
func accepts(types []string, media string) bool {
	if len(types) == 0 {
		return true
	}
	group, _, _ := strings.Cut(media, "/")
	return slices.Contains(types, media) || slices.Contains(types, group+"/*")
}

// parseMultipart reads the fields and lists the files.
func (h *webhook) parseMultipart(boundary string, params *webhookParams) (any, error) {
	wrong := func(err error) error { return router.NewBadRequestError("The multipart body can't be read.", err) }
	if boundary == "" {
		return nil, wrong(nil)
	}
	fields := url.Values{}
	params.Files = []webhookFile{}
	reader := multipart.NewReader(bytes.NewReader(h.body), boundary)
	for n := 0; ; n++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return values(fields), nil
		}
		if err != nil || n == maxParts {
			return nil, wrong(err)
		}
		if part.FileName() == "" {
			raw, err := io.ReadAll(part)
			if err != nil {
				return nil, wrong(err)
			}
			fields.Add(part.FormName(), strings.ToValidUTF8(string(raw), "\uFFFD"))
			continue
		}
		size, err := io.Copy(io.Discard, part)
		if err != nil {
			return nil, wrong(err)
		}
		params.Files = append(params.Files, webhookFile{
			Field: part.FormName(), Name: part.FileName(), Size: size, Type: part.Header.Get("Content-Type"),
		})
	}
}

// values are the names of a form with a string each, or a list of those that are
// there more than once.
func values(form url.Values) map[string]any {
	out := make(map[string]any, len(form))
	for name, list := range form {
		if len(list) == 1 {
			out[name] = list[0]
		} else {
			out[name] = list
		}
	}
	return out
}

// secretHeaders never come to a script, a row or a log.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", parentHeader, "X-Hub-Signature", "X-Hub-Signature-256", "Stripe-Signature"}

// headers have lower case names; those that are there more than once are joined.
func (h *webhook) headers(header http.Header) map[string]string {
	out := make(map[string]string, len(header))
	for name, list := range header {
		secret := strings.EqualFold(name, h.on.Auth.Header) || slices.ContainsFunc(secretHeaders, func(s string) bool { return strings.EqualFold(s, name) })
		if !secret {
			out[strings.ToLower(name)] = strings.Join(list, ", ")
		}
	}
	return out
}
