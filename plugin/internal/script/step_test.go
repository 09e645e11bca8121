package script

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// recorded is a step that an earlier run completed.
func recorded(name string, index int, result string) *workflow.Step {
	return &workflow.Step{Name: name, Index: index, Kind: workflow.StepRun, Status: workflow.StatusCompleted, Result: json.RawMessage(result)}
}

func TestStep_ResultIsJournaledAndReplayed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, c := range []struct{ value, want string }{
		{`{ a: 1, b: { c: [1, 2] } }`, `{"a":1,"b":{"c":[1,2]}}`},
		{`[1, "x", null, false]`, `[1,"x",null,false]`},
		{`[]`, `[]`},
		{`({})`, `{}`},
		{`"a \"text\"\n"`, `"a \"text\"\n"`},
		{`["a\u2028 ä 😀"]`, `["a\u2028 ä 😀"]`},
		{`""`, `""`},
		{`0`, `0`},
		{`1.5e300`, `1.5e+300`},
		{`true`, `true`},
	} {
		fn := `(ctx) => [ctx.step.run("a", () => { ctx.respond("ran"); const v = ` + c.value + `; return v })]`
		first, j := s.run(fn)
		require.Equalf(t, workflow.StatusCompleted, first.Status, "%s: %+v", c.value, first.Failure)
		require.Equal(t, []string{"ran"}, first.Messages)
		require.Len(t, j.saved, 1)
		step := j.saved[0]
		require.Equal(t, workflow.StatusCompleted, step.Status)
		require.Equal(t, workflow.StepRun, step.Kind)
		require.JSONEq(t, c.want, string(step.Result), c.value)
		require.JSONEq(t, "["+c.want+"]", string(first.Output), c.value)

		second, j := s.run(fn, step)
		require.Equal(t, string(first.Output), string(second.Output), "a replay gives an equal value")
		require.Equal(t, first.Messages, second.Messages, "what the body said is said again")
		require.Empty(t, j.saved, "a replay does not call the body again")
	}
}

func TestStep_ReplayContinuesWhereTheJournalEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, j := s.run(`(ctx) => {
		const a = ctx.step.run("a", () => "new a");
		a.list.push(3); // the script may do with its value what it wants
		const b = ctx.step.run("b", () => "new b");
		return [a, b];
	}`, recorded("a", 0, `{"list":[1,2]}`))
	require.JSONEq(t, `[{"list":[1,2,3]}, "new b"]`, string(out.Output))
	require.Equal(t, []string{"b#0=completed"}, j.names())
	require.JSONEq(t, `["", null]`, s.output(`(ctx) => ["", ctx.step.run("a", () => 1)]`, &workflow.Step{Name: "a", Status: workflow.StatusCompleted}), "no result reads as null")
}

func TestStep_RepeatedNamesHaveTheirOwnEntries(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fn := `(ctx) => [10, 20, 30].map((n) => ctx.step.run("n", () => [n, ctx.step.idempotencyKey]))`
	out, j := s.run(fn)
	require.JSONEq(t, `[[10,"e1:n:0"],[20,"e1:n:1"],[30,"e1:n:2"]]`, string(out.Output))
	require.Equal(t, []string{"n#0=completed", "n#1=completed", "n#2=completed"}, j.names())

	out, j = s.run(fn, recorded("n", 0, `"r0"`), recorded("n", 1, `"r1"`))
	require.JSONEq(t, `["r0","r1",[30,"e1:n:2"]]`, string(out.Output))
	require.Equal(t, []string{"n#2=completed"}, j.names())
	require.Equal(t, `"undefined"`, s.output(`(ctx) => typeof ctx.step.idempotencyKey`), "outside a step there is none")
}

func TestStep_Failure(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fn := "(ctx) => {\n  ctx.step.run(\"charge\", () => {\n    throw new TypeError(\"no money\")\n  })\n}"
	out, j := s.run(fn)
	require.Equal(t, workflow.StatusFailed, out.Status)
	require.Equal(t, []string{"charge#0=failed"}, j.names())
	for _, f := range []*workflow.Failure{out.Failure, j.saved[0].Failure} {
		require.Equal(t, "charge", f.Step)
		require.Equal(t, "TypeError", f.Name)
		require.Equal(t, "no money", f.Message)
		require.True(t, strings.Contains(f.Stack, "workflows/w.js:4:") && strings.Contains(f.Stack, "workflows/w.js:3:"), f.Stack)
	}

	again, replayed := s.run(fn, j.saved[0])
	require.Equal(t, workflow.StatusFailed, again.Status, "a recorded failure fails again")
	require.Equal(t, "no money", again.Failure.Message)
	require.Equal(t, "charge", again.Failure.Step)
	require.Empty(t, replayed.saved)

	caught := `(ctx) => { try { ctx.step.run("a", () => { throw new TypeError("x") }) } catch (e) { ctx.step.run("b", () => e.name); return e.name + e.message } }`
	out, j = s.run(caught)
	require.JSONEq(t, `"TypeErrorx"`, string(out.Output))
	require.Equal(t, []string{"a#0=failed", "b#0=completed"}, j.names())
	require.JSONEq(t, `"TypeErrorx"`, s.output(caught, j.saved...), "the same path at replay")

	out, _ = s.run(`(ctx) => ctx.step.run("a", () => 1)`, &workflow.Step{Name: "a", Status: workflow.StatusAborted})
	require.Equal(t, workflow.StatusFailed, out.Status)
	require.Equal(t, "the step ended as aborted", out.Failure.Message)

	out, _ = s.run(`(ctx) => { try { ctx.step.run("a", () => { throw new Error("x") }) } catch (e) { throw new Error("a bug") } }`)
	require.Equal(t, workflow.StatusError, out.Status, "another error than the step's is not the step's failure")
	require.Empty(t, out.Failure.Step)
}

func TestStep_WrongArguments(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const name = "the name must be a string of 1 to 255 characters, got "
	for _, c := range []struct{ args, want string }{
		{``, `(name, …): ` + name + `undefined`},
		{`null, () => 1`, `(name, …): ` + name + `null`},
		{`7, () => 1`, `(name, …): ` + name + `7`},
		{`() => 1`, `(name, …): ` + name + `() => 1`},
		{`"", () => 1`, `(name, …): ` + name + `""`},
		{`"x".repeat(256), () => 1`, `(name, …): ` + name + `"xxx`},
		{`"a"`, `("a", fn): fn must be a function, got undefined`},
		{`"a", null`, `("a", fn): fn must be a function, got null`},
		{`"a", "b"`, `("a", fn): fn must be a function, got "b"`},
		{`"a", {}, {}`, `("a", fn): fn must be a function, got [object Object]`},
		{`"a", 1, () => 1`, `("a"): options expected an object, got 1`},
		{`"a", { retires: 1 }, () => 1`, `("a"): options.retires is unknown; did you mean "retries"?`},
		{`"a", { retries: -1 }, () => 1`, `("a"): retries: expected a number of retries from 0 to 1000`},
		{`"a", { timeout: "soon" }, () => 1`, `("a"): timeout: expected a duration over 0, got "soon"`},
	} {
		for _, method := range []string{"run", "transaction"} {
			out, j := s.run(`(ctx) => { ctx.step.` + method + `(` + c.args + `) }`)
			require.Equal(t, workflow.StatusError, out.Status, c.args)
			require.Contains(t, out.Failure.Message, "ctx.step."+method+c.want)
			require.Contains(t, out.Failure.Stack, "workflows/w.js:2:")
			require.Empty(t, j.saved, c.args)
			require.Empty(t, j.uses, "a wrong call takes no place in the journal")
		}
	}
	require.Equal(t, `1`, s.output(`(ctx) => ctx.step.run("x".repeat(255), {}, () => 1)`))
}

func TestStep_NotInsideAnotherStep(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, outer := range []string{"run", "transaction"} {
		for _, inner := range []string{"run", "transaction"} {
			out, j := s.run(`(ctx) => { ctx.step.` + outer + `("out", () => { ctx.step.` + inner + `("in", () => 1) }) }`)
			require.Equal(t, workflow.StatusFailed, out.Status)
			require.Equal(t, `ctx.step.`+inner+`("in") can't be used inside step "out": call it after that step`, out.Failure.Message)
			require.Equal(t, []string{"out#0=failed"}, j.names())
		}
	}
	require.Equal(t, `3`, s.output(`(ctx) => {
		const n = ctx.step.run("out", () => { try { ctx.step.run("in", () => 1) } catch (e) { return 1 } });
		return n + ctx.step.run("after", () => 2);
	}`), "after the step all is well")
}

func TestStep_JournalRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, method := range []string{"run", "transaction"} {
		fn := `(ctx) => { try { ctx.step.` + method + `("a", () => 1) } catch (e) { return "caught" } finally { return "went on" } }`
		for _, c := range []struct {
			refuse error
			status workflow.Status
			reason string
		}{
			{errors.Join(errors.New("save"), workflow.ErrGone), workflow.StatusCanceled, "gone"},
			{errors.New("disk full"), workflow.StatusError, ""},
			{workflow.ErrStepConflict, workflow.StatusError, ""},
		} {
			j := newJournal(s.app, nil)
			j.refuse = c.refuse
			out := s.runner.Run(context.Background(), s.define(handler(fn), nil), j)
			require.Equal(t, c.status, out.Status, "%s: the script never sees that its journal is gone", method)
			require.Equal(t, c.reason, out.Reason)
			if c.status == workflow.StatusError {
				require.Contains(t, out.Failure.Message, c.refuse.Error())
			}
		}
	}
}
