package trigger

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// parentHeader names the execution whose script sends a request, signed so that
// clients can't borrow a chain.
const parentHeader = "X-Workflow-Parent"

// ParentHeader is the header value for requests of an execution's script.
func (t *Trigger) ParentHeader(execution string) string {
	return execution + "." + t.sign(execution)
}

func (t *Trigger) sign(execution string) string {
	mac := hmac.New(sha256.New, t.config.Secret)
	mac.Write([]byte(execution))
	return hex.EncodeToString(mac.Sum(nil))
}

// parentOf is the execution that sends a request, or nil.
func (t *Trigger) parentOf(r *http.Request) *workflow.Execution {
	id, signature, ok := strings.Cut(r.Header.Get(parentHeader), ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(t.sign(id))) {
		return nil
	}
	e, err := t.config.Executions.Find(r.Context(), id)
	if err != nil {
		return nil // deleted meanwhile: its chain ends there
	}
	return e
}
