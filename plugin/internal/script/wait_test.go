package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// filters makes "bad" a filter that can't be used.
func filters(c *Config) {
	c.MatchEvent = func(_ context.Context, filter string, _ []byte) (bool, error) {
		if filter == "bad" {
			return false, errors.New("the filter can't be used")
		}
		return true, nil
	}
}

func TestWaits_WrongArguments(t *testing.T) {
	t.Parallel()
	s := newStage(t, filters)
	const name, duration, date = "the name must be a string of 1 to 255 characters, got ", "expected a duration", "expected a Date, a DateTime, a date as text or milliseconds since 1970, got "
	const eventName = "expected a name of 1 to 100 characters without / and control characters, got "
	for _, c := range []struct{ call, want string }{
		{`sleep()`, `sleep(name, …): ` + name + `undefined`},
		{`sleep(5)`, `sleep(name, …): ` + name + `5`},
		{`sleep("")`, `sleep(name, …): ` + name + `""`},
		{`sleep("a")`, `sleep("a"): ` + duration},
		{`sleep("a", null)`, `sleep("a"): ` + duration},
		{`sleep("a", -1)`, `sleep("a"): ` + duration},
		{`sleep("a", NaN)`, `sleep("a"): ` + duration},
		{`sleep("a", Infinity)`, `sleep("a"): ` + duration},
		{`sleep("a", "soon")`, `sleep("a"): ` + duration},
		{`sleep("a", "5 minutes")`, `sleep("a"): ` + duration},
		{`sleep("a", new Date())`, `sleep("a"): ` + duration},

		{`sleepUntil(null)`, `sleepUntil(name, …): ` + name + `null`},
		{`sleepUntil("a")`, `sleepUntil("a"): ` + date + `undefined`},
		{`sleepUntil("a", "tomorrow")`, `sleepUntil("a"): ` + date + `"tomorrow"`},
		{`sleepUntil("a", "")`, `sleepUntil("a"): ` + date + `""`},
		{`sleepUntil("a", null)`, `sleepUntil("a"): ` + date + `null`},
		{`sleepUntil("a", {})`, `sleepUntil("a"): ` + date},
		{`sleepUntil("a", new Date(NaN))`, `sleepUntil("a"): ` + date},
		{`sleepUntil("a", NaN)`, `sleepUntil("a"): ` + date},
		{`sleepUntil("a", Infinity)`, `sleepUntil("a"): ` + date},
		{`sleepUntil("a", 1e18)`, `sleepUntil("a"): ` + date},
		{`sleepUntil("a", true)`, `sleepUntil("a"): ` + date},

		{`waitForEvent({})`, `waitForEvent(name, …): ` + name},
		{`waitForEvent("a", 5)`, `waitForEvent("a"): options expected an object, got 5`},
		{`waitForEvent("a", { events: "x" })`, `waitForEvent("a"): options.events is unknown; did you mean "event"?`},
		{`waitForEvent("a", { event: 5 })`, `waitForEvent("a"): event: `},
		{`waitForEvent("a", { event: "" })`, `waitForEvent("a"): event: ` + eventName + `""`},
		{`waitForEvent("a", { event: "a/b" })`, `waitForEvent("a"): event: ` + eventName + `"a/b"`},
		{`waitForEvent("a/b")`, `waitForEvent("a/b"): event: ` + eventName + `"a/b"`},
		{`waitForEvent("a/b", { timeout: 5 })`, `waitForEvent("a/b"): event: ` + eventName + `"a/b"`},
		{`waitForEvent("a", { event: "x".repeat(101) })`, `waitForEvent("a"): event: ` + eventName},
		{`waitForEvent("a", { timeout: "soon" })`, `waitForEvent("a"): timeout: ` + duration},
		{`waitForEvent("a", { timeout: null })`, `waitForEvent("a"): timeout: ` + duration},
		{`waitForEvent("a", { timeout: -1 })`, `waitForEvent("a"): timeout: ` + duration},
		{`waitForEvent("a", { if: 1 })`, `waitForEvent("a"): if: `},
		{`waitForEvent("a", { if: "bad" })`, `waitForEvent("a"): if: the filter can't be used`},

		{`eventUrl()`, `eventUrl(event, options): event: ` + eventName + `""`},
		{`eventUrl(5)`, `eventUrl(event, options): event: ` + eventName},
		{`eventUrl("a/b")`, `eventUrl(event, options): event: ` + eventName + `"a/b"`},
		{`eventUrl("a", 5)`, `eventUrl("a"): options expected an object, got 5`},
		{`eventUrl("a", { expire: 5 })`, `eventUrl("a"): options.expire is unknown; did you mean "expires"?`},
		{`eventUrl("a", { expires: "never" })`, `eventUrl("a"): expires: expected a duration over 0, got "never"`},
		{`eventUrl("a", { expires: 0 })`, `eventUrl("a"): expires: expected a duration over 0, got 0`},

		{`invoke()`, `invoke(name, …): ` + name},
		{`invoke("a")`, `invoke("a", key, options): the key must be a string, got undefined`},
		{`invoke("a", { key: "b" })`, `invoke("a", key, options): the key must be a string, got [object Object]`},
		{`invoke("a", "b", 5)`, `invoke("a"): options expected an object, got 5`},
		{`invoke("a", "b", { dta: 5 })`, `invoke("a"): options.dta is unknown; did you mean "data"?`},
		{`invoke("a", "b", { wait: "no" })`, `invoke("a"): wait `},
		{`invoke("a", "b", { data: { f: () => 1 } })`, `invoke("a"): data: result.f is a function`},
		{`invoke("a", "b", { data: NaN })`, `invoke("a"): data: result is NaN`},

		{`parallel()`, `parallel(name, …): ` + name},
		{`parallel("a")`, `parallel("a", branches): expected an object or a list of functions, got undefined`},
		{`parallel("a", () => 1)`, `parallel("a", branches): expected an object or a list of functions, got `},
		{`parallel("a", "b")`, `parallel("a", branches): expected an object or a list of functions, got "b"`},
		{`parallel("a", { b: 1 })`, `parallel("a"): branch "b" must be a function, got 1`},
		{`parallel("a", [() => 1, null])`, `parallel("a"): branch "1" must be a function, got null`},
		{`parallel("a", { "": () => 1 })`, `parallel("a"): branch "" must be a function`},
		{`parallel("a", { b: () => 1 }, 5)`, `parallel("a"): options expected an object, got 5`},
		{`parallel("a", { b: () => 1 }, { modus: "all" })`, `parallel("a"): options.modus is unknown; did you mean "mode"?`},
		{`parallel("a", { b: () => 1 }, { mode: "first" })`, `parallel("a"): mode: expected "all", "any", "race" or "settled", got "first"`},
		{`parallel("a", { b: () => 1 }, { mode: 1 })`, `parallel("a"): mode `},

		{`map()`, `map(name, …): ` + name},
		{`map("a")`, `map("a", items, fn): items must be a list, got undefined`},
		{`map("a", 5, () => 1)`, `map("a", items, fn): items must be a list, got 5`},
		{`map("a", "abc", () => 1)`, `map("a", items, fn): items must be a list, got "abc"`},
		{`map("a", {}, () => 1)`, `map("a", items, fn): items must be a list, got [object Object]`},
		{`map("a", () => 1, () => 1)`, `map("a", items, fn): items must be a list, got () => 1`},
		{`map("a", { length: -1 }, () => 1)`, `map("a", items, fn): items must be a list, got [object Object]`},
		{`map("a", [1])`, `map("a", items, fn): fn must be a function, got undefined`},
		{`map("a", [1], "fn")`, `map("a", items, fn): fn must be a function, got "fn"`},
		{`map("a", [1], () => 1, 5)`, `map("a"): options expected an object, got 5`},
		{`map("a", [1], () => 1, { limit: 5 })`, `map("a"): options.limit is unknown`},
		{`map("a", [1], () => 1, { concurrency: 0 })`, `map("a"): concurrency: expected a whole number over 0, got 0`},
		{`map("a", [1], () => 1, { concurrency: 1.5 })`, `map("a"): concurrency: expected a whole number over 0, got 1.5`},
		{`map("a", [1], () => 1, { concurrency: "2" })`, `map("a"): concurrency: expected a whole number over 0, got "2"`},
	} {
		out, j := s.run(`(ctx) => { ctx.step.` + c.call + ` }`)
		if assert.Equal(t, workflow.StatusError, out.Status, c.call) {
			assert.Contains(t, out.Failure.Message, "ctx.step."+c.want, c.call)
			assert.Contains(t, out.Failure.Stack, "workflows/w.js:2:", c.call)
		}
		assert.Empty(t, j.saved, c.call)
		assert.Empty(t, j.uses, "a wrong call takes no place in the journal: %s", c.call)
	}
}

// methods are calls that are right of what can't be used everywhere.
var methods = map[string]string{
	"sleep": `"in", 5`, "sleepUntil": `"in", 5`, "waitForEvent": `"in"`, "eventUrl": `"in"`, "invoke": `"in", "b"`,
	"parallel": `"in", { a: () => 1 }`, "map": `"in", [1], () => 1`,
}

func TestWaits_NotInsideAStep(t *testing.T) {
	t.Parallel()
	s := newStage(t, filters)
	for method, args := range methods {
		for _, outer := range []string{"run", "transaction"} {
			out, j := s.run(fmt.Sprintf(`(ctx) => { ctx.step.%s("out", () => { ctx.step.%s(%s) }) }`, outer, method, args))
			require.Equal(t, workflow.StatusFailed, out.Status, method)
			require.Equal(t, fmt.Sprintf(`ctx.step.%s("in") can't be used inside step "out": call it after that step`, method), out.Failure.Message)
			require.Equal(t, []string{"out#0=failed"}, j.names())
		}
		out, j := s.run(fmt.Sprintf(`(ctx) => { $app.runInTransaction(() => { ctx.step.%s(%s) }) }`, method, args))
		require.Equal(t, workflow.StatusError, out.Status, method)
		require.Contains(t, out.Failure.Message, "can't be used inside $app.runInTransaction")
		require.Empty(t, j.saved)
	}
}

// still is a journal where nothing may wait.
type still struct{ *journal }

func (still) Waits() bool { return false }

func TestWaits_NotInModeTransaction(t *testing.T) {
	t.Parallel()
	s := newStage(t, filters)
	for method, args := range methods {
		e := s.define(handler(fmt.Sprintf(`(ctx) => { ctx.step.%s(%s) }`, method, args)), nil)
		e.Mode = workflow.ModeTransaction
		j := newJournal(s.app, nil)
		out := s.runner.Run(t.Context(), e, still{j})
		require.Equal(t, workflow.StatusError, out.Status)
		require.Contains(t, out.Failure.Message, fmt.Sprintf(`ctx.step.%s("in") can't be used in mode "transaction"`, method))
		require.Empty(t, j.uses)
	}
}

func TestWaits_WhatTheyArePutDownAs(t *testing.T) {
	t.Parallel()
	s := newStage(t, filters)
	for call, want := range map[string]string{
		`sleep("a", "1h")`:                                                    `{"duration":3600000}`,
		`sleep("a", 1.5)`:                                                     `{"duration":1}`,
		`sleepUntil("a", "2999-01-02 03:04:05Z")`:                             `{"until":"2999-01-02 03:04:05.000Z"}`,
		`sleepUntil("a", new Date("2999-01-02T03:04:05Z"))`:                   `{"until":"2999-01-02 03:04:05.000Z"}`,
		`sleepUntil("a", new DateTime("2999-01-02 03:04:05"))`:                `{"until":"2999-01-02 03:04:05.000Z"}`,
		`waitForEvent("a")`:                                                   `{"event":"a","if":"","timeout":0}`,
		`waitForEvent("a", { event: "b", timeout: "1m", if: "event.x = 1" })`: `{"event":"b","if":"event.x = 1","timeout":60000}`,
	} {
		e := s.define(handler(`(ctx) => { ctx.step.`+call+` }`), nil)
		j := &noting{journal: newJournal(s.app, nil)}
		out := s.runner.Run(t.Context(), e, j)
		require.Equal(t, workflow.StatusWaiting, out.Status, "%s: %+v", call, out.Failure)
		require.JSONEq(t, want, j.options, call)
		require.Len(t, out.Park.Steps, 1)
		require.Equal(t, workflow.StatusWaiting, out.Park.Steps[0].Status)
		require.True(t, strings.HasPrefix(call, string(out.Park.Steps[0].Kind)), call)
	}
}

func TestWaits_ForNoTimeAtAll(t *testing.T) {
	t.Parallel()
	s := newStage(t, filters)
	require.JSONEq(t, `[null]`, s.output(`(ctx) => [ctx.step.waitForEvent("a", { timeout: 0 })]`), "it looks, but does not wait")
	require.JSONEq(t, `1`, s.output(`(ctx) => { ctx.step.sleep("a", 0); ctx.step.sleepUntil("b", 0); ctx.step.sleepUntil("c", "1970-01-01"); return 1 }`))
}

// noting keeps the options of the last step.
type noting struct {
	*journal
	options string
}

func (n *noting) Begin(name string, kind workflow.StepKind, options []byte) (*workflow.Step, error) {
	n.options = string(options)
	return n.journal.Begin(name, kind, options)
}
