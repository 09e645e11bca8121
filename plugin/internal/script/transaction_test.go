package script

import (
	"errors"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// saving is the body of a step that saves a record of demo2 through app.
func saving(app, title string) string {
	return `{ const r = new Record(` + app + `.findCollectionByNameOrId("demo2")); r.set("title", "` + title + `"); ` + app + `.save(r) }`
}

// count is how many records of demo2 have the title.
func (s *stage) count(title string) int {
	s.t.Helper()
	records, err := s.app.FindAllRecords("demo2", nil)
	require.NoError(s.t, err)
	n := 0
	for _, r := range records {
		if r.GetString("title") == title {
			n++
		}
	}
	return n
}

func TestTransaction_WritesAndStepCommitTogether(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fn := `(ctx) => ctx.step.transaction("save", (txApp) => { ` + saving("txApp", "together") + ` return { saved: txApp.isTransactional() } })`
	out, j := s.run(fn)
	require.JSONEq(t, `{"saved":true}`, string(out.Output))
	require.Equal(t, []string{"save#0=completed"}, j.names())
	require.Equal(t, workflow.StepTransaction, j.saved[0].Kind)
	require.JSONEq(t, `{"saved":true}`, string(j.saved[0].Result))
	require.Equal(t, 1, s.count("together"))

	out, _ = s.run(fn, j.saved...)
	require.JSONEq(t, `{"saved":true}`, string(out.Output))
	require.Equal(t, 1, s.count("together"), "a replay writes nothing")
}

func TestTransaction_ThrowingRollsBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for title, end := range map[string]string{
		"rolled back by a throw":      `throw new Error("no")`,
		"rolled back by a Go error":   `txApp.findRecordById("demo2", "missing")`,
		"rolled back by the result":   `return () => 1`,
		"rolled back by a wrong save": saving("txApp", "x"),
	} {
		out, j := s.run(`(ctx) => { try { ctx.step.transaction("save", (txApp) => { ` + saving("txApp", title) + end + ` }) } catch (e) { return "caught" } }`)
		require.JSONEq(t, `"caught"`, string(out.Output), title)
		require.Equal(t, []string{"save#0=failed"}, j.names(), title)
		require.Zero(t, s.count(title), title)
	}
	out, j := s.run(`(ctx) => { ctx.step.transaction("save", (txApp) => { ` + saving("txApp", "ended") + ` ctx.fail("stop") }) }`)
	require.Equal(t, workflow.StatusFailed, out.Status)
	require.Equal(t, "stop", out.Failure.Message)
	require.Empty(t, j.saved)
	require.Zero(t, s.count("ended"))
}

func TestTransaction_CommitFails(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	j := newJournal(s.app, nil)
	j.refuse = errors.New("disk full")
	fn := `(ctx) => { try { ctx.step.transaction("save", (txApp) => { ` + saving("txApp", "uncommitted") + ` }) } catch (e) {} return "went on" }`
	out := s.runner.Run(t.Context(), s.define(handler(fn), nil), j)
	require.Equal(t, workflow.StatusError, out.Status, "a script can't catch that its journal fails")
	require.Contains(t, out.Failure.Message, "disk full")
	require.Zero(t, s.count("uncommitted"))
}

func TestTransaction_DollarAppIsTheTransactionsApp(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.JSONEq(t, `[false,true,false]`, s.output(`(ctx) => {
		const before = $app.isTransactional();
		const inside = ctx.step.transaction("save", (txApp) => { `+saving("$app", "through $app")+` return $app.isTransactional() });
		return [before, inside, $app.isTransactional()];
	}`), "and a write through it does not wait for ever")
	require.Equal(t, 1, s.count("through $app"))

	out, _ := s.run(`(ctx) => { ctx.step.transaction("save", (txApp) => { ` + saving("$app", "rolled back") + ` throw new Error("no") }) }`)
	require.Equal(t, workflow.StatusFailed, out.Status)
	require.Zero(t, s.count("rolled back"))
	require.JSONEq(t, `false`, s.output(`(ctx) => { try { ctx.step.transaction("a", () => { throw 1 }) } catch (e) {} return $app.isTransactional() }`), "also after a failure")
}

func TestTransaction_NestedInAStep(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.JSONEq(t, `true`, s.output(`(ctx) => ctx.step.transaction("save", (txApp) => {
		let nested;
		$app.runInTransaction((inner) => { `+saving("inner", "nested")+` nested = $app.isTransactional() });
		txApp.runInTransaction((inner) => { `+saving("inner", "nested too")+` });
		return nested;
	})`))
	require.Equal(t, 1, s.count("nested"))
	require.Equal(t, 1, s.count("nested too"))
}

func TestTransaction_TheScriptsOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	require.JSONEq(t, `[true,true,false]`, s.output(`(ctx) => {
		let seen;
		$app.runInTransaction((txApp) => { `+saving("txApp", "own")+saving("$app", "own too")+` seen = [txApp.isTransactional(), $app.isTransactional()] });
		return [...seen, $app.isTransactional()];
	}`))
	require.Equal(t, 2, s.count("own")+s.count("own too"))

	out, _ := s.run(`(ctx) => { $app.runInTransaction((txApp) => { ` + saving("$app", "own undone") + ` throw new Error("in it") }) }`)
	require.Equal(t, workflow.StatusError, out.Status)
	require.Equal(t, "in it", out.Failure.Message)
	require.Zero(t, s.count("own undone"))

	for _, method := range []string{"run", "transaction"} {
		out, j := s.run(`(ctx) => { $app.runInTransaction(() => { ctx.step.` + method + `("a", () => 1) }) }`)
		require.Equal(t, workflow.StatusError, out.Status)
		require.Contains(t, out.Failure.Message, `ctx.step.`+method+`("a") can't be used inside $app.runInTransaction`)
		require.Empty(t, j.saved)
	}
	require.Equal(t, `1`, s.output(`(ctx) => { try { $app.runInTransaction(() => { throw 1 }) } catch (e) {} return ctx.step.run("a", () => 1) }`), "afterwards steps work")
}

func TestTransaction_ModeTransaction(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	inside := func(fn string) (out workflow.Outcome) {
		t.Helper()
		rollback := errors.New("roll back")
		require.ErrorIs(t, s.app.RunInTransaction(func(tx core.App) error {
			e := s.define(handler(fn), nil)
			e.Mode = workflow.ModeTransaction
			out = s.runner.Run(WithApp(t.Context(), tx), e, newJournal(tx, nil))
			return rollback
		}), rollback)
		return out
	}
	out := inside(`(ctx) => { ` + saving("$app", "mode") + ` return [$app.isTransactional(), ctx.step.transaction("a", (tx) => tx.isTransactional())] }`)
	require.JSONEq(t, `[true,true]`, string(out.Output), "$app is the app of the write's transaction")
	require.Zero(t, s.count("mode"), "so that it is undone with it")

	for _, end := range []string{`return 1`, `ctx.end(1)`} {
		out = inside(`(ctx) => { try { ctx.step.transaction("a", () => { throw new Error("broken") }) } catch (e) {} ` + end + ` }`)
		require.Equal(t, workflow.StatusFailed, out.Status, "a failed transaction step spoils the write's transaction, caught or not")
		require.Equal(t, "broken", out.Failure.Message)
		require.Equal(t, "a", out.Failure.Step)
	}
	require.JSONEq(t, `false`, s.output(`(ctx) => $app.isTransactional()`), "the next run has the ordinary app again")
}
