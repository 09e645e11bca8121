package workflow

// Status is the state of an execution or of one of its steps.
type Status string

const (
	// StatusQueued is an execution that is stored and waits for a worker.
	StatusQueued Status = "queued"
	// StatusRunning is an execution or step that a worker is busy with.
	StatusRunning Status = "running"
	// StatusWaiting is a parked execution or step: it lives as a row only.
	StatusWaiting Status = "waiting"
	// StatusCompleted ended well.
	StatusCompleted Status = "completed"
	// StatusFailed ended by decision: ctx.fail or an uncaught step failure.
	StatusFailed Status = "failed"
	// StatusError ended with an exception nobody planned.
	StatusError Status = "error"
	// StatusAborted ran out of time.
	StatusAborted Status = "aborted"
	// StatusCanceled was ended from outside.
	StatusCanceled Status = "canceled"
	// StatusRejected was refused by a human.
	StatusRejected Status = "rejected"
)

// Statuses lists every status in the order of an execution's life.
var Statuses = []Status{
	StatusQueued, StatusRunning, StatusWaiting,
	StatusCompleted, StatusFailed, StatusError, StatusAborted, StatusCanceled, StatusRejected,
}

// transitions is the one table of legal moves. Final statuses have no way out;
// running to queued is recovery: the process died or was stopped in between.
var transitions = map[Status][]Status{
	StatusQueued: {
		StatusRunning, StatusWaiting, StatusCompleted, StatusFailed, StatusError, StatusAborted, StatusCanceled, StatusRejected,
	},
	StatusRunning: {
		StatusQueued, StatusWaiting, StatusCompleted, StatusFailed, StatusError, StatusAborted, StatusCanceled, StatusRejected,
	},
	StatusWaiting: {
		StatusQueued, StatusRunning, StatusFailed, StatusError, StatusAborted, StatusCanceled, StatusRejected,
	},
}

// Final reports whether nothing can follow s.
func (s Status) Final() bool {
	switch s {
	case StatusCompleted, StatusFailed, StatusError, StatusAborted, StatusCanceled, StatusRejected:
		return true
	case StatusQueued, StatusRunning, StatusWaiting:
		return false
	default:
		return false
	}
}

// CanBecome reports whether an execution may move from s to next.
func (s Status) CanBecome(next Status) bool {
	for _, to := range transitions[s] {
		if to == next {
			return true
		}
	}
	return false
}
