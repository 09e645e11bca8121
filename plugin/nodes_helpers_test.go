package plugin_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestNodeHelpers_InHooks: pb_hooks have them too, and what they do inside a
// transaction is part of it.
func TestNodeHelpers_InHooks(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	vm := bound(a)
	require.Equal(t, map[string]any{"n": 2.0, "tagged": 1.0},
		eval(t, vm, `$workflows.aggregate($app, "posts", { values: { n: "count()", tagged: "count(category)" } })`))
	require.Equal(t, []any{map[string]any{"category": newsID, "n": 1.0}},
		eval(t, vm, `$workflows.aggregate($app, $app.findCollectionByNameOrId("posts"), { values: { n: "count()" }, groupBy: ["category"], filter: "category != ''", limit: 1 })`))
	require.Equal(t, 1.0, eval(t, vm, `$workflows.updateRecords($app, "posts", "title = {:now} || id = {:id}", { slug: "seen" }, { now: new Date(0), id: "`+bareID+`" })`))
	require.Equal(t, []any{2.0, 2.0, 0.0}, eval(t, vm, `(() => {
		const seen = [];
		try {
			$app.runInTransaction((txApp) => {
				seen.push($workflows.updateRecords(txApp, "posts", "id != ''", { "tags+": "`+goTagID+`" }));
				seen.push($workflows.deleteRecords(txApp, "posts", "tags.id ?= {:tag}", { tag: "`+goTagID+`" }));
				seen.push($workflows.aggregate(txApp, "posts", { values: { n: "count()" } }).n);
				throw new Error("never mind");
			});
		} catch (e) {}
		return seen;
	})()`))
	require.Equal(t, 2, a.count("posts"), "rolled back")
	require.Equal(t, 0.0, eval(t, vm, `$workflows.notify($app.findAuthRecordByEmail("users", "test@example.com"), "notices")`), "nobody listens")
}

// TestNodeHelpers_Refused: the message names the helper and says what was expected.
func TestNodeHelpers_Refused(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(boundWorkflows))
	vm := bound(a)
	const user = `$app.findAuthRecordByEmail("users", "test@example.com")`
	for script, says := range map[string]string{
		`$workflows.aggregate()`:                                                                `$workflows.aggregate: expected $app, or the txApp of a transaction, as the first argument, got undefined`,
		`$workflows.aggregate("posts", {})`:                                                     `$workflows.aggregate: expected $app, or the txApp of a transaction, as the first argument, got "posts"`,
		`$workflows.aggregate($app)`:                                                            `$workflows.aggregate: expected the name of a collection, got undefined`,
		`$workflows.aggregate($app, "nothing", {})`:                                             `$workflows.aggregate: there is no collection "nothing"`,
		`$workflows.aggregate($app, "posts")`:                                                   `$workflows.aggregate: options: expected an object, got undefined`,
		`$workflows.aggregate($app, "posts", {})`:                                               `$workflows.aggregate: option "values": expected at least one`,
		`$workflows.aggregate($app, "posts", { sum: "views" })`:                                 `options: unknown option "sum", expected values, filter, params, groupBy, sort, limit`,
		`$workflows.aggregate($app, "posts", { values: "count()" })`:                            `values: expected an object, got "count()"`,
		`$workflows.aggregate($app, "posts", { values: { n: 1 } })`:                             `values.n: expected a string, got 1`,
		`$workflows.aggregate($app, "posts", { values: { n: "count()" }, filter: 7 })`:          `filter: expected a string, got 7`,
		`$workflows.aggregate($app, "posts", { values: { n: "count()" }, filter: "nope = 1" })`: `option "filter": "nope = 1" can't be used`,
		`$workflows.aggregate($app, "posts", { values: { n: "count()" }, params: 7 })`:          `params: expected an object, got 7`,
		`$workflows.aggregate($app, "posts", { values: { n: "count()" }, groupBy: [7] })`:       `groupBy: expected a string, got 7`,
		`$workflows.aggregate($app, "posts", { values: { n: "count()" }, limit: 0 })`:           `limit: expected a whole number over 0, got 0`,
		`$workflows.updateRecords($app, "posts")`:                                               `$workflows.updateRecords: filter: expected a string, got undefined`,
		`$workflows.updateRecords($app, "posts", "", { title: "x" })`:                           `option "filter": expected a filter; all records are "id != ''"`,
		`$workflows.updateRecords($app, "posts", "id != ''")`:                                   `values: expected an object, got undefined`,
		`$workflows.updateRecords($app, "posts", "id != ''", {})`:                               `option "values": expected at least one field`,
		`$workflows.updateRecords($app, "posts", "id != ''", { title: undefined })`:             `$workflows.updateRecords: values.title is undefined`,
		`$workflows.updateRecords($app, "posts", "id != ''", { colour: "red" })`:                `option "values": collection "posts" has no field "colour"`,
		`$workflows.updateRecords($app, "posts", "id != ''", { title: "" })`:                    `title: cannot be blank`,
		`$workflows.deleteRecords($app, "posts", "id = {:id}", { id: undefined })`:              `$workflows.deleteRecords: params.id is undefined`,
		`$workflows.deleteRecords($app, "posts", "id = ", {})`:                                  `$workflows.deleteRecords: option "filter": "id = " can't be used`,
		`$workflows.mail()`: `$workflows.mail: options: expected an object, got undefined`,
		`$workflows.mail({ to: "a@example.com", subject: "s", body: "b" })`:                        `options: unknown option "body", expected to, cc, bcc, replyTo, from, subject, html, text, headers, attachments`,
		`$workflows.mail({ subject: "s", html: "b" })`:                                             `to: expected at least one address`,
		`$workflows.mail({ to: [], subject: "s", html: "b" })`:                                     `to: expected at least one address`,
		`$workflows.mail({ to: "nobody", subject: "s", html: "b" })`:                               `to: expected an e-mail address, { address, name } or an auth record with one, got "nobody"`,
		`$workflows.mail({ to: "a@example.com\nBcc: b@example.com", subject: "s", html: "b" })`:    `to: expected an e-mail address`,
		`$workflows.mail({ cc: [7], subject: "s", html: "b" })`:                                    `cc: expected an e-mail address`,
		`$workflows.mail({ to: "a@example.com", html: "b" })`:                                      `subject: expected a text`,
		`$workflows.mail({ to: "a@example.com", subject: 7, html: "b" })`:                          `subject: expected a string, got 7`,
		`$workflows.mail({ to: "a@example.com", subject: "s" })`:                                   `html: expected the content, as html or as text`,
		`$workflows.mail({ to: "a@example.com", subject: "s", html: undefined })`:                  `options.html is undefined`,
		`$workflows.mail({ to: "a@example.com", subject: "s", text: "b", headers: { a: 1 } })`:     `headers.a: expected a string, got 1`,
		`$workflows.mail({ to: "a@example.com", subject: "s", text: "b", attachments: "x" })`:      `attachments: expected an object, got "x"`,
		`$workflows.mail({ to: "a@example.com", subject: "s", text: "b", attachments: { a: 1 } })`: `attachments.a: expected a string, bytes, a file of $filesystem or a reader, got 1`,
		`$workflows.notify()`:                                                                 `$workflows.notify: user: expected an auth record, { id, collectionName } as ctx.user is, or a list of them, got undefined`,
		`$workflows.notify("me", "notices")`:                                                  `user: expected an auth record`,
		`$workflows.notify(null, "notices")`:                                                  `user: expected an auth record`,
		`$workflows.notify({ id: "x" }, "notices")`:                                           `user: expected an auth record`,
		`$workflows.notify($app.findRecordById("posts", "` + fullID + `"), "notices")`:        `user: expected an auth record`,
		`$workflows.notify([` + user + `, 7], "notices")`:                                     `user: expected an auth record`,
		`$workflows.notify(` + user + `)`:                                                     `topic: expected a string, got undefined`,
		`$workflows.notify(` + user + `, "")`:                                                 `topic: expected a name without "?" or line breaks, got ""`,
		`$workflows.notify(` + user + `, "a?b")`:                                              `topic: expected a name without "?" or line breaks, got "a?b"`,
		`$workflows.notify(` + user + `, "a", (() => { const a = {}; a.a = a; return a })())`: `data: it can't be sent as JSON`,
	} {
		t.Run(script, func(t *testing.T) {
			caught := eval(t, vm, `(() => { try { `+script+`; return "nothing thrown" } catch (e) { return [e instanceof Error, e.message] } })()`)
			require.IsType(t, []any{}, caught)
			require.Equal(t, true, caught.([]any)[0])
			require.Contains(t, caught.([]any)[1], says)
		})
	}
	require.Equal(t, 2, a.count("posts"))
	require.Equal(t, "Full", a.found("posts", fullID).GetString("title"))
}

// TestNodeHelpers_WrongArgumentsAreNotRetried: the next attempt would have the same.
func TestNodeHelpers_WrongArgumentsAreNotRetried(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`workflow("wrong", { on: { type: "action", collection: "posts" }, retries: { limit: 3, delay: "1h" } }, (ctx) => {
		ctx.step.run("count", () => $workflows.aggregate($app, "posts", { values: { n: "total()" } }));
	});`))
	row := a.ends(a.trigger("wrong", nil))
	require.Equal(t, "failed", row.GetString("status"))
	require.Contains(t, row.GetString("error"), `option \"values.n\": expected`)
	require.Contains(t, row.GetString("error"), `NonRetryableError`)
}

func (a *app) found(collection, id string) *core.Record {
	a.t.Helper()
	r, err := a.FindRecordById(collection, id)
	require.NoError(a.t, err)
	return r
}
