package trigger

import (
	"fmt"
	"net/http"
	"strconv"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// item is one entry of an ApiError's data, its message kept as it is:
// PocketBase makes sentences of others.
type item struct {
	code     string
	message  string
	response *router.ApiError
}

func (i *item) Code() string  { return i.code }
func (i *item) Error() string { return i.message }

// Resolve implements PocketBase's router.SafeErrorResolver.
func (i *item) Resolve(data map[string]any) any {
	data["message"] = i.message
	if i.response != nil {
		data["response"] = i.response
	}
	return data
}

// workflowError is the answer when a sync or transaction workflow did not
// complete.
func workflowError(key string, out workflow.Outcome) *router.ApiError {
	status := http.StatusInternalServerError
	if out.Status == workflow.StatusFailed || out.Status == workflow.StatusRejected {
		status = http.StatusBadRequest
	}
	message := fmt.Sprintf("workflow %q ended as %s", key, out.Status)
	if out.Failure != nil && out.Failure.Message != "" {
		message = out.Failure.Message
	}
	return router.NewApiError(status, message, validation.Errors{key: &item{code: "workflow_failed", message: message}})
}

// skippedError is the 400 of strict mode.
func skippedError(ref Ref, reason workflow.SkipReason) *router.ApiError {
	message := fmt.Sprintf("Workflow %q can't be triggered: %s.", ref.String(), reason)
	return router.NewBadRequestError(message, validation.Errors{
		parameter: &item{code: "workflow_skipped", message: fmt.Sprintf("%s=%s", ref, reason)},
	})
}

// parameterError is the 400 for a parameter that can't be read.
func parameterError(err error) *router.ApiError {
	return router.NewBadRequestError(err.Error(), validation.Errors{
		parameter: &item{code: "validation_invalid_workflows", message: err.Error()},
	})
}

// batchError names the sub-request that failed, as PocketBase's own batch does.
func batchError(index int, err error) *router.ApiError {
	response := router.ToApiError(err)
	out := router.NewBadRequestError("Batch transaction failed.", validation.Errors{
		"requests": validation.Errors{
			strconv.Itoa(index): &item{code: "batch_request_failed", message: "Batch request failed.", response: response},
		},
	})
	if response.Status >= http.StatusInternalServerError {
		out.Status = response.Status
	}
	return out
}
