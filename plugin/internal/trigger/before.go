package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Before runs the handlers of before workflows inside a request.
type Before interface {
	// Run runs e with record as ctx.record, inside the open transaction of app if
	// that has one. It stores nothing of e.
	Run(ctx context.Context, app core.App, record *core.Record, e *workflow.Execution) workflow.Kept
	// Keep stores what has ended, through app if that has an open transaction.
	Keep(app core.App, ended ...workflow.Kept) error
}

// interception is the before workflows of one write, which decide whether it is
// done. The write's record is theirs to change.
type interception struct {
	trigger *Trigger
	plan    *plan
	event   *core.RecordRequestEvent

	data, original, user json.RawMessage
	// said are the messages so far.
	said []string
	// unkept ran outside of a transaction and are not stored yet.
	unkept []workflow.Kept

	held bool // the end of the write's transaction is followed
	mu   sync.Mutex
	// inside ran in that transaction and are stored with it.
	inside []workflow.Kept
	undone bool // it was rolled back
	cancel context.CancelCauseFunc
}

// errUndone ends what runs in a transaction that is over, as that of a batch which
// took too long.
var errUndone = errors.New("the transaction of the request was rolled back")

// intercept runs the before workflows of a write one after another, and then the
// write, unless one of them has it not done.
func (t *Trigger) intercept(p *plan, e *core.RecordRequestEvent) error {
	first, err := t.takeBefore(p, e.Record)
	if err != nil {
		return err
	}
	if len(first) == 0 {
		return t.write(p, e)
	}
	i := &interception{trigger: t, plan: p, event: e}
	if err := i.freeze(); err != nil {
		return router.NewInternalServerError("", err)
	}
	err = i.run(first)
	if err != nil {
		t.failed(p, err)
	}
	return err
}

// takeBefore takes the workflows that run before the write out of its plan.
func (t *Trigger) takeBefore(p *plan, record *core.Record) ([]*candidate, error) {
	if !slices.ContainsFunc(p.candidates, (*candidate).before) {
		return nil, nil
	}
	var first, rest []*candidate
	target := ""
	if record.Id != "" {
		target = record.Collection().Name + "/" + record.Id
	}
	for _, c := range p.candidates {
		if c.before() && recurs(p.parent, c.definition(), target) {
			c.skip = workflow.SkipRecursion
		}
		if c.before() {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	p.candidates = rest
	return first, t.strict(rest)
}

// freeze makes the input that all of them see.
func (i *interception) freeze() (err error) {
	app, record := i.event.App, i.event.Record
	if i.user, err = export(app, i.plan.info.Auth, nil); err != nil {
		return err
	}
	if i.plan.action == workflow.ActionDelete {
		i.data, err = export(app, record, nil)
		return err
	}
	if i.plan.action == workflow.ActionUpdate {
		if i.original, err = export(app, record.Original(), nil); err != nil {
			return err
		}
	}
	i.data, err = submitted(app, record.Collection(), i.plan.submitted, i.plan.info.Body)
	return err
}

// run runs the workflows of list and what follows them.
func (i *interception) run(list []*candidate) error {
	for n, c := range list {
		if c.definition().Mode == workflow.ModeTransaction && i.event.App.TxInfo() == nil {
			return i.within(list[n:])
		}
		goOn, err := i.one(c)
		if err != nil {
			if keepErr := i.keep(); keepErr != nil {
				return keepErr
			}
			return i.refuse(err)
		}
		if !goOn {
			break
		}
	}
	if err := i.keep(); err != nil {
		return err
	}
	if len(i.plan.candidates) == 0 && (i.plan.session == nil || i.plan.session.key == nil) {
		return i.event.Next()
	}
	return i.trigger.write(i.plan, i.event)
}

// within is run in a transaction that the write is part of.
func (i *interception) within(list []*candidate) error {
	if err := i.keep(); err != nil { // whatever becomes of the transaction
		return err
	}
	outer := i.event.App
	defer func() { i.event.App = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		i.event.App = tx
		return i.run(list)
	})
}

// one runs one workflow. False ends the chain and lets the write be done; the
// error is why it must not be.
func (i *interception) one(c *candidate) (goOn bool, err error) {
	e := i.trigger.execution(i.plan, c, i.event.Record, i.data, i.original, i.user)
	e.Cause.Type = workflow.TriggerBefore
	e.Mode = workflow.ModeSync
	var kept workflow.Kept
	if i.event.App.TxInfo() != nil {
		e.Mode = workflow.ModeTransaction
		kept, err = i.inTransaction(e)
	} else {
		kept = i.trigger.config.Before.Run(context.Background(), i.event.App, i.event.Record, e)
		i.unkept = append(i.unkept, kept)
	}
	i.said = append(i.said, e.Messages...)
	d := i.plan.decided(c.ref, c.named)
	d.verdict, d.execution = workflow.VerdictStarted, e.ID
	i.trigger.remember(d)
	if s := i.plan.told; s != nil {
		s.tell(result{index: i.plan.index, ref: c.ref, id: e.ID}, e.Messages)
	}
	switch {
	case err != nil:
		return false, router.NewInternalServerError("", err)
	case e.Status != workflow.StatusCompleted:
		return false, workflowError(e.Workflow, workflow.Outcome{Status: e.Status, Failure: e.Failure})
	case kept.Ended && len(e.Messages) > 0:
		return false, &intercepted{messages: i.said}
	default:
		return !kept.Ended, nil
	}
}

// inTransaction runs e in the transaction of the write. Its row is part of that,
// and stored alone when it is rolled back.
func (i *interception) inTransaction(e *workflow.Execution) (workflow.Kept, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	tx := i.event.App
	i.mu.Lock()
	i.cancel = cancel
	i.mu.Unlock()
	// Not under our mutex: completed is called under that of the transaction.
	if !i.held {
		i.held = true
		tx.TxInfo().OnComplete(i.completed)
	}
	kept := i.trigger.config.Before.Run(ctx, tx, i.event.Record, e)

	i.mu.Lock()
	undone := i.undone
	i.inside = append(i.inside, kept)
	i.mu.Unlock()
	if undone { // a batch ran into its time-out meanwhile
		i.record(kept)
		return kept, errUndone
	}
	return kept, i.trigger.config.Before.Keep(tx, kept)
}

// completed is called when the transaction of the write has ended either way.
func (i *interception) completed(txErr error) error {
	if txErr == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.undone = true
	i.cancel(errUndone) // one may still run
	i.record(i.inside...)
	return nil
}

// record stores what ran in a transaction that was rolled back.
func (i *interception) record(ended ...workflow.Kept) {
	if len(ended) == 0 {
		return
	}
	if err := i.trigger.config.Before.Keep(i.trigger.app, ended...); err != nil {
		i.trigger.app.Logger().Error("Recording executions before a write failed", "workflow", ended[0].Execution.Workflow, "error", err)
	}
}

// keep stores what ran outside of a transaction.
func (i *interception) keep() error {
	if len(i.unkept) == 0 {
		return nil
	}
	err := i.trigger.config.Before.Keep(i.trigger.app, i.unkept...)
	i.unkept = nil
	if err != nil {
		return router.NewInternalServerError("", err)
	}
	return nil
}

// refuse ends the request without the write. In a batch, what answers in its
// place is the answer of the sub-request, and the others go on; not so where
// nested records are at stake: they are written already.
func (i *interception) refuse(err error) error {
	in, ok := err.(*intercepted) //nolint:errorlint // one made it, nobody wrapped it
	s := i.plan.told
	if !ok || s == nil || !s.batch {
		return err
	}
	if s.nests(i.plan.index) {
		return in.refusal("A workflow that ends with messages can't answer for a sub-request with nested values: ")
	}
	return i.event.JSON(http.StatusOK, in.body())
}
