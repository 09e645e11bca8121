package workflow

import "time"

// Verdict is what became of one entry of a request.
type Verdict string

// The verdicts.
const (
	// VerdictStarted: Execution is its id.
	VerdictStarted Verdict = "started"
	// VerdictSkipped: the request went on without it, Skipped says why.
	VerdictSkipped Verdict = "skipped"
	// VerdictRefused: the request was refused, nothing of it has stayed.
	VerdictRefused Verdict = "refused"
)

// Decision is why a request did or did not start a workflow. As JSON:
//
//	{"time": "2026-01-01T10:00:00.123Z", "request": "POST /api/collections/posts/records",
//	 "entry": "publish-post!category", "workflow": "publish-post", "named": true, "verdict": "skipped",
//	 "execution": "", "skipped": "no_related_record", "user": "users/abc", "why": "the path leads to no record …"}
type Decision struct {
	Time time.Time `json:"time"`
	// Request is "METHOD /path" without the query.
	Request string `json:"request"`
	// Entry is "key" or "key!path", Workflow the key alone.
	Entry    string `json:"entry"`
	Workflow string `json:"workflow"`
	// Named is false for a workflow that runs without being named.
	Named     bool       `json:"named"`
	Verdict   Verdict    `json:"verdict"`
	Execution string     `json:"execution"`
	Skipped   SkipReason `json:"skipped"`
	// User is "collection/id", "" for a guest.
	User string `json:"user"`
	Why  string `json:"why"`
}

// words say what a reason means.
var words = map[SkipReason]string{ //nolint:gosec // sentences, no credentials
	SkipDuplicate:          "the entry stands twice, or an execution with the same dedup key has not ended",
	SkipUnknown:            "there is no workflow of this key",
	SkipInvalid:            "the workflow can't be used: its file or one of its options has a problem",
	SkipDisabled:           "the workflow is switched off",
	SkipWrongTrigger:       "the workflow's trigger is of another type",
	SkipNotLocal:           "the workflow is global: it runs without being named",
	SkipActionMismatch:     "the workflow does not listen to this action",
	SkipUnknownPath:        "the path is not one of relation fields",
	SkipCollectionMismatch: "the record is of another collection than the workflow's",
	SkipNoRelatedRecord:    "the path leads to no record that the caller may see",
	SkipTooManyTargets:     "the path leads to more than 100 records",
	SkipConditionFalse:     "the workflow's condition is false for the record, or none of its fields has changed",
	SkipRecursion:          "the request comes from an execution of the same workflow for the same record, or the chain is too deep",
}

// Words is the reason as a sentence.
func (r SkipReason) Words() string {
	if w, ok := words[r]; ok {
		return w
	}
	return string(r)
}
