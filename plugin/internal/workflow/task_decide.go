package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Why an answer, or another change of a task, is refused. Their messages are for
// people.
var (
	ErrTaskClosed    = errors.New("the task has ended already")
	ErrTaskDue       = errors.New("the task's due date is over")
	ErrTaskAnswered  = errors.New("this assignee has answered already")
	ErrNotYourTurn   = errors.New("it is not your turn yet: others have to answer first")
	ErrNotAssignee   = errors.New("only assignees can do this")
	ErrUnknownAction = errors.New("the task has no such action")
)

// TaskEnd is how a task ends, and with it its step.
type TaskEnd struct {
	// Status is the task's, Step that of its step.
	Status  Status          `json:"-"`
	Reason  string          `json:"-"`
	Step    Status          `json:"status"`
	Result  json.RawMessage `json:"result"`
	Failure *Failure        `json:"error,omitempty"`
}

// taskResult is what ctx.step.task returns.
type taskResult struct {
	Action       string          `json:"action"`
	Values       json.RawMessage `json:"values"`
	By           string          `json:"by"`
	ByCollection string          `json:"byCollection"`
	Comment      string          `json:"comment,omitempty"`
	Answers      []TaskAnswer    `json:"answers"`
}

// Turn is the place of a person who may answer at a time, or why not.
func (t *Task) Turn(p Person, now time.Time) (*Place, error) {
	place := t.Place(p)
	switch {
	case place != nil && t.answered(p):
		return nil, ErrTaskAnswered
	case t.Status.Final() && t.Reason == TaskDue, !t.Status.Final() && t.Over(now):
		return nil, ErrTaskDue
	case t.Status.Final():
		return nil, ErrTaskClosed
	case place == nil:
		return nil, ErrNotAssignee
	case !t.asked(place):
		return nil, ErrNotYourTurn
	default:
		return place, nil
	}
}

// Over reports whether the due date has passed.
func (t *Task) Over(now time.Time) bool { return !t.DueAt.IsZero() && !now.Before(t.DueAt) }

// asked reports whether a place that has not answered may do so.
func (t *Task) asked(place *Place) bool {
	for i := range t.Places {
		other := &t.Places[i]
		before := t.Order == OrderSequential && other != place || place.After == other.String()
		if t.Order == OrderSequential && other == place {
			return true
		}
		if before && !t.answered(other.Person) {
			return false
		}
	}
	return true
}

// Asked lists the people whose turn it is.
func (t *Task) Asked() []*Place {
	var out []*Place
	for i := range t.Places {
		if p := &t.Places[i]; !t.Status.Final() && !t.answered(p.Person) && t.asked(p) {
			out = append(out, p)
		}
	}
	return out
}

// Answer adds the answer of one person and ends the task when that decides it:
// end is nil while others have to answer. The caller has checked Turn and the
// action.
func (t *Task) Answer(a TaskAnswer) (end *TaskEnd) {
	t.Answers = append(t.Answers, a)
	action, decided := t.verdict()
	if !decided {
		return nil
	}
	last := a // its values and comment are those of the decision, if it is one for it
	for _, other := range t.Answers {
		if other.Action == action {
			last = other
		}
	}
	last.Action = action
	end = t.decision(last)
	t.close(end)
	return end
}

// verdict is the action that the answers so far decide. One that rejects does as
// soon as those who have not rejected are too few to agree; when enough agree,
// the action that most of them chose, and the latest of those that as many chose.
func (t *Task) verdict() (action string, decided bool) {
	need, rejects, agree := t.Quorum.Need(len(t.Places)), 0, 0
	chosen := map[string]int{}
	rejected := ""
	for _, a := range t.Answers {
		if found := t.Action(a.Action); found != nil && found.Rejects {
			rejects++
			rejected = a.Action
			continue
		}
		agree++
		chosen[a.Action]++
		if chosen[a.Action] >= chosen[action] {
			action = a.Action
		}
	}
	switch {
	case agree >= need:
		return action, true
	case len(t.Places)-rejects < need:
		return rejected, true
	default:
		return "", false
	}
}

// decision is the end by an action.
func (t *Task) decision(a TaskAnswer) *TaskEnd {
	end := &TaskEnd{Status: StatusCompleted, Step: StatusCompleted}
	end.Result = marshal(taskResult{a.Action, a.Values, a.By, a.ByCollection, a.Comment, t.Answers})
	if action := t.Action(a.Action); action != nil && action.Rejects {
		end.Status, end.Step = StatusRejected, StatusRejected
		message := fmt.Sprintf("%q was rejected", t.Title)
		if a.Comment != "" {
			message += ": " + a.Comment
		}
		end.Failure = &Failure{Name: "RejectedError", Message: message, Step: t.Step}
	}
	return end
}

// EndDue ends the task because its due date is over.
func (t *Task) EndDue() *TaskEnd {
	var end *TaskEnd
	switch t.OnDue {
	case "":
		end = &TaskEnd{Status: StatusAborted, Step: StatusCompleted, Result: json.RawMessage("null")}
	case DueFail:
		end = &TaskEnd{Status: StatusAborted, Step: StatusFailed, Failure: &Failure{
			Name: "TimeoutError", Message: fmt.Sprintf("nobody decided %q in time", t.Title), Step: t.Step,
		}}
	default:
		end = t.decision(TaskAnswer{Action: t.OnDue, Values: json.RawMessage("{}")})
	}
	end.Reason = TaskDue
	t.close(end)
	return end
}

// EndWithdrawn ends the task because who caused the execution takes it back.
func (t *Task) EndWithdrawn() *TaskEnd {
	end := &TaskEnd{Status: StatusCanceled, Step: StatusCanceled, Reason: TaskWithdrawn, Failure: &Failure{
		Name: "WithdrawnError", Message: fmt.Sprintf("%q was withdrawn", t.Title), Step: t.Step,
	}}
	t.close(end)
	return end
}

func (t *Task) close(end *TaskEnd) { t.Status, t.Reason = end.Status, end.Reason }

// Delegate hands the place of from over to another person.
func (t *Task) Delegate(from *Place, to Person) error {
	if t.Place(to) != nil {
		return fmt.Errorf("%s is an assignee of the task already", to)
	}
	old := from.String()
	from.Person, from.DelegatedBy, from.Notified = to, old, false
	for i := range t.Places {
		if t.Places[i].After == old {
			t.Places[i].After = to.String()
		}
	}
	return nil
}

// AddSigner adds an assignee. In a sequence they come right before or after by;
// else before lets by wait for them, and after lets them wait for by.
func (t *Task) AddSigner(by *Place, who Person, before bool) error {
	switch {
	case t.Place(who) != nil:
		return fmt.Errorf("%s is an assignee of the task already", who)
	case len(t.Places) >= MaxPeople:
		return fmt.Errorf("a task can't have more than %d assignees", MaxPeople)
	}
	place := Place{Person: who, AddedBy: by.String()}
	at := 1 + slices.IndexFunc(t.Places, func(p Place) bool { return p.Person == by.Person })
	switch {
	case before:
		at--
		if t.Order != OrderSequential {
			by.After = who.String()
		}
	case t.Order != OrderSequential:
		place.After = by.String()
	}
	t.Places = slices.Insert(t.Places, at, place)
	return nil
}

// Read keeps that a person has read the task; the first time counts.
func (t *Task) Read(p Person, now time.Time) (first bool) {
	if _, known := t.Reads[p.String()]; known {
		return false
	}
	if t.Reads == nil {
		t.Reads = map[string]time.Time{}
	}
	t.Reads[p.String()] = now
	return true
}

func marshal(v any) json.RawMessage {
	raw, _ := json.Marshal(v) // valid JSON and strings
	return raw
}
