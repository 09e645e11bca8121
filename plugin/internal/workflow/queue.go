package workflow

// Waiter is an execution that has to be run, as far as a queue must know it.
type Waiter struct {
	ID       string `db:"id"`
	Workflow string `db:"workflow"`
}

// Canceled is what a cancel has ended and whom that wakes.
type Canceled struct {
	IDs []string
	// Woken are the parents that were waiting for one of them.
	Woken []Waiter
	// Tasks are the open ones that went with them.
	Tasks []string
}

// Ended is what the end of an execution set in motion.
type Ended struct {
	// Woken is the parent that was waiting for it, if any.
	Woken []Waiter
	// Canceled are the children that it left behind.
	Canceled Canceled
	// Tasks are the open ones that went with it.
	Tasks []string
}
