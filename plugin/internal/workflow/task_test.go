package workflow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is a task of people named a, b, c… with the usual actions and "later", a
// third one that does not reject.
func asked(quorum Quorum, order TaskOrder, names ...string) *Task {
	t := &Task{
		Title: "It", Step: "decide", Status: StatusWaiting, Quorum: quorum, Order: order,
		Actions: []TaskAction{{Key: "approve"}, {Key: "later"}, {Key: "reject", Rejects: true}, {Key: "never", Rejects: true}},
	}
	for _, name := range names {
		t.Places = append(t.Places, Place{Person: person(name)})
	}
	return t
}

func person(name string) Person { return Person{ID: name, Collection: "users"} }

func TestTask_Quorum(t *testing.T) {
	t.Parallel()
	// answers are "person action" in turn; wants says what the last one decides, ""
	// for nothing. Whatever comes before must decide nothing.
	cases := []struct {
		name    string
		quorum  Quorum
		people  string
		answers []string
		want    string
	}{
		{"one of one agrees", "any", "a", []string{"a approve"}, "approve"},
		{"one of one rejects", "any", "a", []string{"a reject"}, "reject"},
		{"any: the first to agree decides", "any", "a b c", []string{"b approve"}, "approve"},
		{"any: others may still agree after one rejects", "any", "a b c", []string{"a reject", "b approve"}, "approve"},
		{"any: all reject", "any", "a b", []string{"a reject", "b never"}, "never"},
		{"all: the first to reject decides", "all", "a b c", []string{"b reject"}, "reject"},
		{"all: not before the last has agreed", "all", "a b c", []string{"a approve", "b approve"}, ""},
		{"all agree", "all", "a b c", []string{"c approve", "a approve", "b approve"}, "approve"},
		{"all: the last rejects", "all", "a b", []string{"a approve", "b reject"}, "reject"},
		{"a number agree", "2", "a b c", []string{"a approve", "b reject", "c approve"}, "approve"},
		{"a number can't be reached any more", "2", "a b c", []string{"a reject", "c reject"}, "reject"},
		{"60 % of five are three", "60%", "a b c d e", []string{"a approve", "b approve", "c approve"}, "approve"},
		{"60 % of five: two are too few", "60%", "a b c d e", []string{"a approve", "b approve"}, ""},
		{"60 % of five: three reject", "60%", "a b c d e", []string{"a reject", "b reject", "c reject"}, "reject"},
		{"50 % of four are two", "50%", "a b c d", []string{"a approve", "b approve"}, "approve"},
		{"a share is rounded up", "51%", "a b c d", []string{"a approve", "b approve"}, ""},
		{"1 % is one", "1%", "a b", []string{"a approve"}, "approve"},
		{"100 % is all", "100%", "a b", []string{"a approve", "b reject"}, "reject"},
		{"the action that most chose", "all", "a b c", []string{"a later", "b later", "c approve"}, "later"},
		{"the later of two that as many chose", "all", "a b", []string{"a later", "b approve"}, "approve"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			task := asked(c.quorum, OrderParallel, strings.Fields(c.people)...)
			var end *TaskEnd
			for i, said := range c.answers {
				name, action, _ := strings.Cut(said, " ")
				_, err := task.Turn(person(name), time.Now())
				require.NoError(t, err)
				end = task.Answer(TaskAnswer{Action: action, Values: json.RawMessage(`{}`), By: name, ByCollection: "users", Comment: "so says " + name})
				if i < len(c.answers)-1 {
					require.Nil(t, end, "%s decides too early", said)
				}
			}
			if c.want == "" {
				require.Nil(t, end)
				require.Equal(t, StatusWaiting, task.Status)
				return
			}
			require.NotNil(t, end)
			var result taskResult
			require.NoError(t, json.Unmarshal(end.Result, &result))
			require.Equal(t, c.want, result.Action)
			require.Len(t, result.Answers, len(c.answers))
			if task.Action(c.want).Rejects {
				require.Equal(t, StatusRejected, end.Step)
				require.Equal(t, "RejectedError", end.Failure.Name)
				require.Contains(t, end.Failure.Message, "so says "+result.By)
			} else {
				require.Equal(t, StatusCompleted, end.Step)
				require.Nil(t, end.Failure)
			}
			require.Equal(t, end.Status, task.Status)
			_, err := task.Turn(person("a"), time.Now())
			require.Error(t, err, "a task that has ended takes no answer")
		})
	}
}

func TestTask_Turn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	say := func(task *Task, name string) {
		task.Answer(TaskAnswer{Action: "approve", By: name, ByCollection: "users"})
	}
	turn := func(task *Task, name string) error {
		_, err := task.Turn(person(name), now)
		return err
	}
	names := func(task *Task) (out []string) {
		for _, p := range task.Asked() {
			out = append(out, p.ID)
		}
		return out
	}
	t.Run("in parallel it is everyone's turn", func(t *testing.T) {
		task := asked("all", OrderParallel, "a", "b")
		require.Equal(t, []string{"a", "b"}, names(task))
		say(task, "b")
		require.Equal(t, []string{"a"}, names(task))
		require.ErrorIs(t, turn(task, "b"), ErrTaskAnswered)
		require.ErrorIs(t, turn(task, "x"), ErrNotAssignee)
	})
	t.Run("in a sequence one after another", func(t *testing.T) {
		task := asked("all", OrderSequential, "a", "b", "c")
		require.ErrorIs(t, turn(task, "b"), ErrNotYourTurn)
		say(task, "a")
		require.Equal(t, []string{"b"}, names(task))
		require.NoError(t, turn(task, "b"))
		require.ErrorIs(t, turn(task, "c"), ErrNotYourTurn)
	})
	t.Run("the same id of another collection is a stranger", func(t *testing.T) {
		task := asked("any", OrderParallel, "a")
		_, err := task.Turn(Person{ID: "a", Collection: "clients"}, now)
		require.ErrorIs(t, err, ErrNotAssignee)
	})
	t.Run("after the due date nobody", func(t *testing.T) {
		task := asked("any", OrderParallel, "a")
		task.DueAt = now
		require.ErrorIs(t, turn(task, "a"), ErrTaskDue)
		task.DueAt = now.Add(time.Second)
		require.NoError(t, turn(task, "a"))
		task.EndDue()
		require.ErrorIs(t, turn(task, "a"), ErrTaskDue)
		require.Empty(t, names(task))
	})
	t.Run("an answer by a superuser counts for the assignee", func(t *testing.T) {
		task := asked("all", OrderParallel, "a", "b")
		task.Answer(TaskAnswer{Action: "approve", By: "root", ByCollection: "_superusers", For: "users/a"})
		require.Equal(t, []string{"b"}, names(task))
	})
	t.Run("who gets a place waits and answers in it", func(t *testing.T) {
		task := asked("all", OrderSequential, "a", "b")
		require.ErrorContains(t, task.Delegate(task.Place(person("a")), person("b")), "assignee of the task already")
		require.NoError(t, task.Delegate(task.Place(person("a")), person("x")))
		require.Equal(t, "users/a", task.Place(person("x")).DelegatedBy)
		require.ErrorIs(t, turn(task, "a"), ErrNotAssignee)
		require.Equal(t, []string{"x"}, names(task))
	})
	for order, want := range map[TaskOrder][]string{OrderSequential: {"x"}, OrderParallel: {"x", "b"}} {
		t.Run("a signer before me, "+string(order), func(t *testing.T) {
			task := asked("all", order, "a", "b")
			require.NoError(t, task.AddSigner(task.Place(person("a")), person("x"), true))
			require.Equal(t, want, names(task))
			require.ErrorIs(t, turn(task, "a"), ErrNotYourTurn)
			require.NoError(t, task.Delegate(task.Place(person("x")), person("y")))
			require.ErrorIs(t, turn(task, "a"), ErrNotYourTurn, "who the place of the signer went to is waited for")
			say(task, "y")
			require.NoError(t, turn(task, "a"))
		})
	}
	for order, want := range map[TaskOrder][]string{OrderSequential: {"a"}, OrderParallel: {"a", "b"}} {
		t.Run("a signer after me, "+string(order), func(t *testing.T) {
			task := asked("all", order, "a", "b")
			require.NoError(t, task.AddSigner(task.Place(person("a")), person("x"), false))
			require.ErrorContains(t, task.AddSigner(task.Place(person("a")), person("x"), false), "already")
			require.Equal(t, want, names(task))
			say(task, "a")
			require.NoError(t, turn(task, "x"))
			require.Equal(t, 3, task.Quorum.Need(len(task.Places)))
		})
	}
}

func TestTask_Due(t *testing.T) {
	t.Parallel()
	for onDue, want := range map[string]TaskEnd{
		"":        {Status: StatusAborted, Step: StatusCompleted},
		"fail":    {Status: StatusAborted, Step: StatusFailed},
		"approve": {Status: StatusCompleted, Step: StatusCompleted},
		"reject":  {Status: StatusRejected, Step: StatusRejected},
	} {
		task := asked("all", OrderParallel, "a", "b")
		task.OnDue = onDue
		task.Answer(TaskAnswer{Action: "later", By: "a", ByCollection: "users"})
		end := task.EndDue()
		require.Equal(t, want.Status, end.Status, onDue)
		require.Equal(t, want.Step, end.Step, onDue)
		require.Equal(t, TaskDue, task.Reason)
		require.Equal(t, end.Step != StatusCompleted, end.Failure != nil, onDue)
	}
}

func TestParseQuorum(t *testing.T) {
	t.Parallel()
	for _, good := range []any{"any", "all", int64(1), int64(12), "60%", "33.3%", "100%"} {
		_, err := ParseQuorum(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []any{"", "most", "ALL", int64(0), int64(-1), 1.5, "0%", "101%", "60", "%", "-5%", "1e2%", "6 0%", true, nil, []any{}} {
		_, err := ParseQuorum(bad)
		require.ErrorContains(t, err, `"any", "all"`, "%v", bad)
	}
	require.Equal(t, 7, Quorum("7%").Need(100), "no rounding error makes it eight")
}
