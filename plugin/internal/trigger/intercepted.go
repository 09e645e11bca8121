package trigger

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// intercepted stands in for the error of a write that is not done because a
// before workflow ended it with messages: everything is undone, and the answer
// is a 200.
type intercepted struct{ messages []string }

func (i *intercepted) Error() string { return "a workflow answers in place of the write" }

// Unwrap is the answer where none can be given in place of the write, as at a
// sign-up over OAuth2.
func (i *intercepted) Unwrap() error { return i.refusal("") }

func (i *intercepted) refusal(prefix string) *router.ApiError {
	return router.NewBadRequestError(prefix+strings.Join(i.messages, " "), nil)
}

func (i *intercepted) body() map[string]any { return map[string]any{"messages": i.messages} }

// intercept answers in place of a single write.
func (s *session) intercept(e *core.RequestEvent, in *intercepted) error {
	s.intercepted = true
	in.messages = s.messages
	raw, err := json.Marshal(in.body())
	if err != nil {
		return fmt.Errorf("encode the messages: %w", err)
	}
	h := e.Response.Header()
	h.Set("Content-Type", "application/json")
	s.tellBefore(h)
	s.key.intercepted(h, raw)
	e.Response.WriteHeader(http.StatusOK)
	_, err = e.Response.Write(raw)
	return err
}
