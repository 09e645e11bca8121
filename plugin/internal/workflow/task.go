package workflow

import (
	"encoding/json"
	"slices"
	"time"
)

// MaxPeople is how many assignees, and how many receivers of a copy, a task may
// have.
const MaxPeople = 500

// Person is a record of an auth collection.
type Person struct {
	ID string `json:"id"`
	// Collection is its collection's name.
	Collection string `json:"collection"`
}

// String is "collection/id".
func (p Person) String() string { return p.Collection + "/" + p.ID }

// Place is what one assignee holds in a task.
type Place struct {
	Person
	// DelegatedBy is who handed it over, AddedBy who added it; each
	// "collection/id" or "".
	DelegatedBy string `json:"delegatedBy,omitempty"`
	AddedBy     string `json:"addedBy,omitempty"`
	// After is whose answer it waits for, besides the task's order.
	After string `json:"after,omitempty"`
	// Notified is set before a mail goes out.
	Notified bool `json:"notified,omitempty"`
}

// TaskAction is one of the answers that a task can get.
type TaskAction struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	// Rejects says that the answer refuses.
	Rejects bool `json:"rejects"`
}

// TaskAnswer is what one person decided.
type TaskAnswer struct {
	Action       string          `json:"action"`
	Values       json.RawMessage `json:"values"`
	Comment      string          `json:"comment,omitempty"`
	By           string          `json:"by"`
	ByCollection string          `json:"byCollection"`
	// For is the assignee ("collection/id") whom a superuser answered for.
	For string    `json:"for,omitempty"`
	At  time.Time `json:"at"`
}

// TaskOrder is how the assignees are asked.
type TaskOrder string

const (
	// OrderParallel asks all at the same time.
	OrderParallel TaskOrder = "parallel"
	// OrderSequential asks one after another.
	OrderSequential TaskOrder = "sequential"
)

// DueFail is the value of onDue that lets the step fail.
const DueFail = "fail"

// Why a task ended without a decision, or by itself.
const (
	TaskDue       = "due"
	TaskWithdrawn = "withdrawn"
	TaskEnded     = "execution_ended"
	TaskLost      = "branch_lost"
)

// Task is what a step asks people to decide.
type Task struct {
	ID        string
	Execution string
	Workflow  string
	// Step, Branch and Index are the step's own.
	Step, Branch string
	Index        int
	// Status is waiting until the task has ended, Reason why it did.
	Status Status
	Reason string

	Title, Description string
	// Fields are PocketBase field definitions as JSON, nil for none.
	Fields  json.RawMessage
	Actions []TaskAction
	Places  []Place
	CC      []Person
	Quorum  Quorum
	Order   TaskOrder
	Answers []TaskAnswer
	// Reads are the read receipts by "collection/id".
	Reads map[string]time.Time
	// DueAt is zero without a due date; OnDue is an action's key, DueFail or "".
	DueAt time.Time
	OnDue string
	// Notify is false when nobody is to get a mail.
	Notify bool
	// User is who caused the execution and may withdraw.
	User, UserCollection string
}

// TaskOptions are what a script says of a task.
type TaskOptions struct {
	Title, Description string
	Fields             json.RawMessage
	Actions            []TaskAction
	Assignees, CC      []Invited
	Quorum             Quorum
	Order              TaskOrder
	DueIn              time.Duration
	OnDue              string
	Notify             bool
}

// Invited is a person, or everyone who has a role.
type Invited struct {
	Person
	// Role, instead of an ID, is of the auth collection Collection.
	Role string
}

// TaskEvent is the name of the event by which a task ends its wait. Nobody else
// can send it: a slash is not valid in the name of an event.
func TaskEvent(id string) string { return "task/" + id }

// Action finds an action; nil when there is none of that key.
func (t *Task) Action(key string) *TaskAction {
	for i := range t.Actions {
		if t.Actions[i].Key == key {
			return &t.Actions[i]
		}
	}
	return nil
}

// Place finds the place of a person; nil when there is none.
func (t *Task) Place(p Person) *Place {
	for i := range t.Places {
		if t.Places[i].Person == p {
			return &t.Places[i]
		}
	}
	return nil
}

// Sees reports whether a person takes part: as assignee or by a copy.
func (t *Task) Sees(p Person) bool { return t.Place(p) != nil || slices.Contains(t.CC, p) }

// Starter reports whether a person caused the execution.
func (t *Task) Starter(p Person) bool {
	return t.User != "" && t.User == p.ID && t.UserCollection == p.Collection
}

// answered reports whether a place has given its answer.
func (t *Task) answered(p Person) bool {
	return slices.ContainsFunc(t.Answers, func(a TaskAnswer) bool { return a.of() == p.String() })
}

// of is whose place the answer counts for, as "collection/id".
func (a TaskAnswer) of() string {
	if a.For != "" {
		return a.For
	}
	return Person{a.By, a.ByCollection}.String()
}
