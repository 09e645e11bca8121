package api

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/task"
	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// tasksName is the collection of tasks.
const tasksName = "_workflowTasks"

// tasks is the routes for people who have something to decide.
type tasks struct {
	app  core.App
	desk *task.Desk
}

// BindTasks adds the routes of tasks: for every login, each of which sees its own.
func BindTasks(e *core.ServeEvent, app core.App, desk *task.Desk) {
	t := &tasks{app, desk}
	group := e.Router.Group("/api/workflows")
	group.Bind(apis.BodyLimit(maxBody), apis.RequireAuth())
	group.GET("/tasks", t.list)
	group.GET("/tasks/{id}", t.view)
	group.POST("/tasks/{id}", t.answer)
	group.POST("/tasks/{id}/delegate", t.delegate)
	group.POST("/tasks/{id}/signers", t.addSigner)
	group.POST("/tasks/{id}/withdraw", t.withdraw)
	group.POST("/tasks/{id}/read", t.read)
	group.POST("/executions/{id}/withdraw", t.withdrawAll)
}

func caller(e *core.RequestEvent, as string) task.Caller {
	return task.Caller{
		Person:    workflow.Person{ID: e.Auth.Id, Collection: e.Auth.Collection().Name},
		Superuser: e.HasSuperuserAuth(),
		As:        as,
	}
}

// answer is what a person decides.
func (t *tasks) answer(e *core.RequestEvent) error {
	var body struct {
		Action  string         `json:"action"`
		Values  map[string]any `json:"values"`
		Comment string         `json:"comment"`
		As      string         `json:"as"`
	}
	if err := readBody(e, &body); err != nil {
		return err
	}
	answer := task.Answer{Action: body.Action, Values: body.Values, Comment: body.Comment}
	done, err := t.desk.Answer(e.Request.Context(), e.Request.PathValue("id"), caller(e, body.As), answer)
	return t.changed(e, done, err)
}

func (t *tasks) delegate(e *core.RequestEvent) error {
	var body struct {
		To string `json:"to"`
		As string `json:"as"`
	}
	if err := readBody(e, &body); err != nil {
		return err
	}
	done, err := t.desk.Delegate(e.Request.Context(), e.Request.PathValue("id"), caller(e, body.As), body.To)
	return t.changed(e, done, err)
}

func (t *tasks) addSigner(e *core.RequestEvent) error {
	var body struct {
		User  string `json:"user"`
		Order string `json:"order"`
		As    string `json:"as"`
	}
	if err := readBody(e, &body); err != nil {
		return err
	}
	done, err := t.desk.AddSigner(e.Request.Context(), e.Request.PathValue("id"), caller(e, body.As), body.User, body.Order)
	return t.changed(e, done, err)
}

func (t *tasks) withdraw(e *core.RequestEvent) error {
	done, err := t.desk.Withdraw(e.Request.Context(), e.Request.PathValue("id"), caller(e, ""))
	return t.changed(e, done, err)
}

func (t *tasks) withdrawAll(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	done, err := t.desk.WithdrawAll(e.Request.Context(), id, caller(e, ""))
	if err != nil {
		return failTask(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"id": id, "withdrawn": done})
}

func (t *tasks) read(e *core.RequestEvent) error {
	done, err := t.desk.Read(e.Request.Context(), e.Request.PathValue("id"), caller(e, ""))
	return t.changed(e, done, err)
}

// changed answers with the task or, to who does not see it any more, with how it
// stands.
func (t *tasks) changed(e *core.RequestEvent, done *workflow.Task, err error) error {
	if err != nil {
		return failTask(e, err)
	}
	if by := caller(e, ""); !by.Superuser && !done.Sees(by.Person) {
		return e.JSON(http.StatusOK, map[string]any{"id": done.ID, "status": done.Status})
	}
	return t.show(e, done.ID)
}

// failTask is the answer for an error of the desk.
func failTask(e *core.RequestEvent, err error) error {
	var fields validation.Errors
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return e.NotFoundError("", nil)
	case errors.As(err, &fields):
		return e.BadRequestError("The task can't be changed like this.", fields)
	case errors.Is(err, workflow.ErrUnknownAction):
		return e.BadRequestError("The task can't be changed like this.", validation.Errors{
			"action": validation.NewError("validation_unknown_action", sentence(workflow.ErrUnknownAction)),
		})
	}
	for known, status := range map[error]int{
		workflow.ErrTaskDue:      http.StatusGone,
		workflow.ErrTaskClosed:   http.StatusConflict,
		workflow.ErrTaskAnswered: http.StatusConflict,
		workflow.ErrNotYourTurn:  http.StatusConflict,
		workflow.ErrGone:         http.StatusConflict,
		workflow.ErrNotAssignee:  http.StatusForbidden,
		task.ErrNotStarter:       http.StatusForbidden,
		task.ErrTooLarge:         http.StatusRequestEntityTooLarge,
	} {
		if errors.Is(err, known) {
			return e.Error(status, sentence(known), nil)
		}
	}
	return e.InternalServerError("", err)
}

// sentence is an error's message for people.
func sentence(err error) string {
	message := err.Error()
	first, size := utf8.DecodeRuneInString(message)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(message[size:], ".") + "."
}
