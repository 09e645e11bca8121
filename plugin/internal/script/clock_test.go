package script

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// endless are handlers that never end by themselves and hold on to what they can.
var endless = []struct{ name, fn string }{
	{"loop", `(ctx) => { while (true) {} }`},
	{"try", `(ctx) => { try { while (true) {} } catch (e) { return "caught" } }`},
	{"finally", `(ctx) => { try { while (true) {} } finally { return "finally" } }`},
	{"both, again and again", `(ctx) => { for (;;) { try { while (true) {} } catch (e) { continue } finally { continue } } }`},
	{"step", `(ctx) => { ctx.step.run("a", () => { try { while (true) {} } finally { return 1 } }); return "went on" }`},
	{"transaction", `(ctx) => { ctx.step.transaction("a", () => { try { while (true) {} } finally { return 1 } }); return "went on" }`},
	{"around a step", `(ctx) => { try { ctx.step.run("a", () => { while (true) {} }) } catch (e) { return "caught" } finally { return "finally" } }`},
	{"Array.map", `(ctx) => { try { [1].map(() => { while (true) {} }) } catch (e) { return "caught" } }`},
	{"sort", `(ctx) => { [1, 2].sort(() => { while (true) {} }) }`},
	{"replace", `(ctx) => { "a".replace(/a/, () => { while (true) {} }) }`},
	{"getter", `(ctx) => { const o = { get a() { while (true) {} } }; try { o.a } catch (e) { return "caught" } }`},
	{"toJSON", `(ctx) => { try { JSON.stringify({ toJSON() { while (true) {} } }) } catch (e) { return "caught" } }`},
	{"getter of a step's result", `(ctx) => { ctx.step.run("a", () => ({ get a() { while (true) {} } })) }`},
	{"toJSON of a step's result", `(ctx) => { ctx.step.run("a", () => ({ toJSON() { while (true) {} } })) }`},
	{"valueOf", `(ctx) => { return 1 + { valueOf() { while (true) {} } } }`},
	{"generator", `(ctx) => { function* g() { try { while (true) { yield 1 } } finally { while (true) {} } } for (const x of g()) {} }`},
	{"PocketBase's transaction", `(ctx) => { try { $app.runInTransaction(() => { while (true) {} }) } catch (e) { return "caught" } }`},
	{"deep recursion", `(ctx) => { const f = (n) => { if (n > 100) { while (true) {} } f(n + 1) }; f(0) }`},
}

var endlessAsync = []struct{ name, fn string }{
	{"async", `async (ctx) => { while (true) {} }`},
	{"async after await", `async (ctx) => { await null; try { while (true) {} } catch (e) { return "caught" } finally { return "finally" } }`},
	{"async microtasks", `async (ctx) => { for (;;) { await null } }`},
	{"async step", `async (ctx) => { try { await ctx.step.run("a", async () => { await null; while (true) {} }) } catch (e) { return "caught" } }`},
	{"then", `(ctx) => Promise.resolve().then(() => { while (true) {} })`},
}

func TestClock_ScriptTimeout(t *testing.T) {
	t.Parallel()
	s := newStage(t, limit(30*time.Millisecond))
	for _, c := range slices.Concat(endless, endlessAsync) {
		out, j := s.run(c.fn)
		require.Equalf(t, workflow.StatusAborted, out.Status, "%s: %s %+v", c.name, out.Output, out.Failure)
		require.Equal(t, "script_timeout", out.Reason, c.name)
		require.Equal(t, "TimeoutError", out.Failure.Name, c.name)
		require.Equal(t, "the script ran longer than 30ms and was interrupted", out.Failure.Message, c.name)
		require.Nil(t, out.Output, c.name)
		require.Empty(t, j.saved, c.name)
	}
	s.runner.config.ScriptTimeout = waitFor
	require.Equal(t, `1`, s.output(`(ctx) => { ctx.step.transaction("a", () => 1); return 1 }`), "no transaction was left open")
}

func TestClock_TopLevelOfTheFile(t *testing.T) {
	t.Parallel()
	s := newStage(t, limit(50*time.Millisecond))
	out, _ := s.execute(context.Background(), s.define(`while (true) {}`, nil))
	require.Equal(t, workflow.StatusAborted, out.Status)
	require.Equal(t, "script_timeout", out.Reason)
}

func TestClock_TheNextExecutionIsUnharmed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range endless {
		e := s.define(handler(`(ctx) => ctx.data.bad ? (`+c.fn+`)(ctx) : [ctx.data.title, ctx.step.run("a", () => [1].map((n) => n + 1))]`), nil)
		bad := *e
		bad.Input.Data = []byte(`{"bad":true}`)
		for range 2 {
			s.limited(30*time.Millisecond, func() {
				out, _ := s.execute(context.Background(), &bad)
				require.Equalf(t, workflow.StatusAborted, out.Status, "%s: %s %+v", c.name, out.Output, out.Failure)
			})
			out, _ := s.execute(context.Background(), e)
			require.Equalf(t, workflow.StatusCompleted, out.Status, "%s: %+v", c.name, out.Failure)
			require.JSONEq(t, `["Hello",[2]]`, string(out.Output), c.name)
		}
	}
}

func TestClock_EachExecutionHasTheWholeTime(t *testing.T) {
	t.Parallel()
	s := newStage(t, limit(time.Second))
	e := s.define(handler(`(ctx) => { const end = Date.now() + 100; while (Date.now() < end) {} return 1 }`), nil)
	for range 12 {
		out, _ := s.execute(context.Background(), e)
		require.Equal(t, workflow.StatusCompleted, out.Status)
	}
}

// slowJournal takes its time to store.
type slowJournal struct {
	*journal
	wait time.Duration
}

func (j slowJournal) Save(ctx context.Context, step *workflow.Step) error {
	time.Sleep(j.wait)
	return j.journal.Save(ctx, step)
}

func (j slowJournal) Transaction(ctx context.Context, step *workflow.Step, fn func(tx any) error) error {
	time.Sleep(j.wait)
	return j.journal.Transaction(ctx, step, fn)
}

func TestClock_WaitingForTheJournalDoesNotCount(t *testing.T) {
	t.Parallel()
	s := newStage(t, limit(time.Second))
	j := slowJournal{newJournal(s.app, nil), 600 * time.Millisecond}
	e := s.define(handler(`(ctx) => { ctx.step.run("a", () => 1); ctx.step.transaction("b", () => 2); return 3 }`), nil)
	out := s.runner.Run(context.Background(), e, j)
	require.Equalf(t, workflow.StatusCompleted, out.Status, "%+v", out.Failure)
	require.Equal(t, []string{"a#0=completed", "b#0=completed"}, j.names())
}

func TestClock_ContextEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	// The causes that the engine gives.
	stopping, timedOut := errors.New("the engine is stopping"), errors.New("the execution timed out")
	canceledBy := func(cause error) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
		return ctx, func() { cancel(nil) }
	}
	for _, c := range []struct {
		name   string
		ctx    func() (context.Context, context.CancelFunc)
		status workflow.Status
		reason string
		error  string
	}{
		{"stopping", func() (context.Context, context.CancelFunc) { return canceledBy(stopping) }, workflow.StatusQueued, "", ""},
		{"canceled without a cause", func() (context.Context, context.CancelFunc) { return canceledBy(nil) }, workflow.StatusQueued, "", ""},
		{"gone", func() (context.Context, context.CancelFunc) { return canceledBy(workflow.ErrGone) }, workflow.StatusCanceled, "gone", ""},
		{"timeout", func() (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(context.Background(), 20*time.Millisecond, timedOut)
		}, workflow.StatusAborted, "timeout", "the execution ran into its timeout"},
	} {
		for _, script := range slices.Concat(endless, endlessAsync) {
			ctx, cancel := c.ctx()
			out, j := s.execute(ctx, s.define(handler(script.fn), nil))
			cancel()
			require.Equalf(t, c.status, out.Status, "%s, %s: %+v", c.name, script.name, out.Failure)
			require.Equal(t, c.reason, out.Reason)
			require.Empty(t, j.saved, "%s, %s", c.name, script.name)
			if c.error == "" {
				require.Nil(t, out.Failure)
			} else {
				require.Equal(t, c.error, out.Failure.Message)
			}
		}
	}
}

func TestClock_StoppingWhileAStepIsSaved(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	s := newStage(t, binding("stopEngine", func() { cancel(errors.New("the engine is stopping")) }))
	out, j := s.execute(ctx, s.define(handler(`(ctx) => { try { ctx.step.run("a", () => { stopEngine() }) } finally { return "went on" } }`), nil))
	require.Equal(t, workflow.StatusQueued, out.Status, "the execution is taken up again later")
	require.Empty(t, j.saved)
}

func TestClock_NoRunBeginsOrParksAfterItsTime(t *testing.T) {
	t.Parallel()
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ran := 0
	s := newStage(t, binding("untilItIsOver", func() {
		ran++
		<-soon.Done()
	}))
	e := s.define(handler(`(ctx) => { untilItIsOver(); ctx.step.sleep("nap", "1h") }`), nil)
	for range 20 {
		out, j := s.execute(soon, e)
		require.Equal(t, workflow.StatusAborted, out.Status, "a wait would be over at once")
		require.Equal(t, "timeout", out.Reason)
		require.Empty(t, j.saved)
	}
	require.LessOrEqual(t, ran, 1, "later ones did not begin")
}

// TestClock_SleepCutShort: a sleep that a time-out ends is not slept, also where
// nothing follows it that could be interrupted.
func TestClock_SleepCutShort(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	sleeper := s.define(handler(`(ctx) => { sleep(60000); return "slept" }`), nil)
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		out, _ := s.execute(ctx, sleeper)
		cancel()
		require.Equal(t, workflow.StatusAborted, out.Status)
		require.Equal(t, "timeout", out.Reason)

		out, _ = s.run(`(ctx) => { try { ctx.step.run("a", { timeout: 1 }, () => { sleep(60000); return "slept" }) } catch (e) { return e.name } }`)
		require.Equal(t, workflow.StatusCompleted, out.Status, out.Failure)
		require.JSONEq(t, `"TimeoutError"`, string(out.Output))
	}
}
