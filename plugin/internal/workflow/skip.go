package workflow

// SkipReason is why a named workflow did not start. The values are part of the
// HTTP contract (header X-Workflow-Skipped).
type SkipReason string

// The reasons, in the order in which they are looked for.
const (
	SkipDuplicate          SkipReason = "duplicate"
	SkipUnknown            SkipReason = "unknown"
	SkipInvalid            SkipReason = "invalid"
	SkipDisabled           SkipReason = "disabled"
	SkipWrongTrigger       SkipReason = "wrong_trigger"
	SkipNotLocal           SkipReason = "not_local"
	SkipActionMismatch     SkipReason = "action_mismatch"
	SkipUnknownPath        SkipReason = "unknown_path"
	SkipCollectionMismatch SkipReason = "collection_mismatch"
	SkipNoRelatedRecord    SkipReason = "no_related_record"
	SkipTooManyTargets     SkipReason = "too_many_targets"
	SkipConditionFalse     SkipReason = "condition_false"
	SkipRecursion          SkipReason = "recursion"
)
