package task

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Caller is who asks for a change.
type Caller struct {
	workflow.Person
	// Superuser may do what any assignee may.
	Superuser bool
	// As is the assignee ("collection/id") whom a superuser acts for. Not needed
	// where it is the turn of one only.
	As string
}

// Answer is what a person decides.
type Answer struct {
	Action  string
	Values  map[string]any
	Comment string
}

// maxComment is the length of a comment in bytes.
const maxComment = 10000

// Find reads a task that the caller may see; others get sql.ErrNoRows.
func (d *Desk) Find(ctx context.Context, id string, by Caller) (*workflow.Task, error) {
	t, err := d.config.Store.Task(ctx, id)
	if err == nil && !by.sees(t) {
		err = fmt.Errorf("task %q: %w", id, sql.ErrNoRows)
	}
	return t, err
}

func (c Caller) sees(t *workflow.Task) bool { return c.Superuser || t.Sees(c.Person) }

// Answer adds the caller's answer. When that decides the task its execution goes
// on. Errors: sql.ErrNoRows, those of workflow.Task.Turn, workflow.ErrUnknownAction,
// validation.Errors by field.
func (d *Desk) Answer(ctx context.Context, id string, by Caller, answer Answer) (*workflow.Task, error) {
	return d.change(ctx, id, by, func(tx core.App, t *workflow.Task, place *workflow.Place) error {
		action := t.Action(answer.Action)
		if action == nil {
			return workflow.ErrUnknownAction
		}
		if len(answer.Comment) > maxComment {
			return validation.Errors{"comment": validation.NewError("validation_max_text_constraint", fmt.Sprintf("Must be no more than %d characters.", maxComment))}
		}
		form, err := newForm(ctx, tx, t.Fields)
		if err != nil {
			return fmt.Errorf("the fields of task %s are not valid any more: %w", t.ID, err)
		}
		values, err := fill(ctx, tx, form, answer.Values, action.Rejects)
		if err != nil {
			return err
		}
		a := workflow.TaskAnswer{
			Action: action.Key, Values: values, Comment: answer.Comment, By: by.ID, ByCollection: by.Collection, At: d.config.Now().UTC(),
		}
		if place.Person != by.Person {
			a.For = place.String()
		}
		if end := t.Answer(a); end != nil {
			return d.end(ctx, tx, t, end)
		}
		return nil
	})
}

// Delegate hands the caller's place over to another person.
func (d *Desk) Delegate(ctx context.Context, id string, by Caller, to string) (*workflow.Task, error) {
	return d.change(ctx, id, by, func(tx core.App, t *workflow.Task, place *workflow.Place) error {
		person, err := d.named(tx, "to", place.Collection, to)
		if err != nil {
			return err
		}
		return refuse("to", t.Delegate(place, person))
	})
}

// AddSigner adds an assignee before the caller or after them.
func (d *Desk) AddSigner(ctx context.Context, id string, by Caller, user, order string) (*workflow.Task, error) {
	if order != "" && order != "before" && order != "after" {
		return nil, refuse("order", errors.New(`expected "before" or "after"`))
	}
	return d.change(ctx, id, by, func(tx core.App, t *workflow.Task, place *workflow.Place) error {
		person, err := d.named(tx, "user", place.Collection, user)
		if err != nil {
			return err
		}
		return refuse("user", t.AddSigner(place, person, order == "before"))
	})
}

// change lets the caller do something with their place when it is their turn.
func (d *Desk) change(ctx context.Context, id string, by Caller, fn func(tx core.App, t *workflow.Task, place *workflow.Place) error) (*workflow.Task, error) {
	var letters []workflow.Person
	t, err := d.config.Store.ChangeTask(ctx, id, func(tx core.App, t *workflow.Task) error {
		if !by.sees(t) {
			return sql.ErrNoRows
		}
		who, err := by.actsFor(t)
		if err != nil {
			return err
		}
		place, err := t.Turn(who, d.config.Now())
		if err != nil {
			return err
		}
		if err := fn(tx, t, place); err != nil {
			return err
		}
		letters = d.address(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.post.send(t, letters)
	return t, nil
}

// actsFor is whose place the caller uses.
func (c Caller) actsFor(t *workflow.Task) (workflow.Person, error) {
	if c.As != "" && !c.Superuser {
		return c.Person, refuse("as", errors.New("only superusers can act for others"))
	}
	if c.As != "" {
		collection, id, ok := strings.Cut(c.As, "/")
		who := workflow.Person{ID: id, Collection: collection}
		if !ok || t.Place(who) == nil {
			return who, refuse("as", fmt.Errorf("%q is not an assignee of the task", c.As))
		}
		return who, nil
	}
	if c.Superuser && t.Place(c.Person) == nil {
		switch asked := t.Asked(); {
		case len(asked) == 1:
			return asked[0].Person, nil
		case len(asked) > 1:
			return c.Person, refuse("as", errors.New("say for which assignee, as collection/id: it is the turn of several"))
		}
	}
	return c.Person, nil
}

// named finds a person whom a request names, by default in a collection.
func (d *Desk) named(app core.App, field, collection, id string) (workflow.Person, error) {
	if c, rest, ok := strings.Cut(id, "/"); ok {
		collection, id = c, rest
	}
	if id == "" {
		return workflow.Person{}, validation.Errors{field: validation.ErrRequired}
	}
	found, err := d.find(app, workflow.Invited{Person: workflow.Person{ID: id, Collection: collection}})
	if err != nil {
		return workflow.Person{}, refuse(field, err)
	}
	return found[0], nil
}

// refuse is an error about one field of a request; nil stays nil.
func refuse(field string, err error) error {
	if err == nil {
		return nil
	}
	return validation.Errors{field: validation.NewError("validation_invalid_value", err.Error())}
}
