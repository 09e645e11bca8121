package workflow

// Concurrency limits how many executions of a workflow are in progress at a
// time: from their start to their end, waits included.
type Concurrency struct {
	// Limit is at least 1; 0 is no limit.
	Limit int `json:"limit,omitempty"`
	// Key is a KeyExpression: the limit counts for each of its values. Empty is
	// one limit for all.
	Key string `json:"key,omitempty"`
}

// DedupPolicy says what happens to a trigger while an execution of the same key
// has not ended.
type DedupPolicy string

const (
	// DedupSkip starts nothing; the entry is skipped as duplicate (the default).
	DedupSkip DedupPolicy = "skip"
	// DedupReplace cancels the earlier execution.
	DedupReplace DedupPolicy = "replace"
	// DedupReturn answers with the earlier execution.
	DedupReturn DedupPolicy = "return"
)

// Dedup keeps executions of one key from piling up.
type Dedup struct {
	// Key is a KeyExpression; executions for which it is "" are not compared.
	Key    string      `json:"key,omitempty"`
	Policy DedupPolicy `json:"policy,omitempty"`
}
