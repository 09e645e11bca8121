package workflow

import "encoding/json"

// Outcome is how one run of a handler ended.
type Outcome struct {
	// Status is a final status, StatusWaiting when the run has parked, or
	// StatusQueued when it was interrupted from outside (shutdown) and has to be
	// taken up again later.
	Status   Status
	Reason   string
	Output   json.RawMessage
	Failure  *Failure
	Messages []string
	Logs     []Log
	// Response is what ctx.respondWith said, or nil.
	Response *Response
	// Ended is true when the script called ctx.end(): a chain of sync
	// workflows stops there with success.
	Ended bool
	// Park is what a waiting execution waits for.
	Park Park
}

// Apply copies the outcome into e.
func (o Outcome) Apply(e *Execution) {
	e.Status, e.Reason, e.Output, e.Failure = o.Status, o.Reason, o.Output, o.Failure
	e.Messages, e.Logs, e.Response = o.Messages, o.Logs, o.Response
}
