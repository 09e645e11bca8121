package plugin_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// soon is how long a test waits for the watcher, and glance how often it looks.
const (
	soon   = 10 * time.Second
	glance = 10 * time.Millisecond
)

// listed is what who is shown of a collection.
func listed(a *app, who, collection, query string) []map[string]any {
	a.t.Helper()
	res := a.send(who, http.MethodGet, "/api/collections/"+collection+"/records?perPage=500&"+query, nil)
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	items := res.data(a.t)["items"].([]any)
	out := make([]map[string]any, len(items))
	for i, item := range items {
		out[i] = item.(map[string]any)
	}
	return out
}

// workflowRow is a workflow as a superuser reads it, or nil.
func workflowRow(a *app, key string) map[string]any {
	a.t.Helper()
	rows := listed(a, "super", "_workflows", "filter="+url.QueryEscape(fmt.Sprintf("key=%q", key)))
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}

// versionRows are a workflow's versions, oldest first.
func versionRows(a *app, key string) []map[string]any {
	a.t.Helper()
	return listed(a, "super", "_workflowVersions", "sort=number&filter="+url.QueryEscape(fmt.Sprintf("workflow=%q", key)))
}

// said is what a workflow returns for a new post, or "key=reason" when it was
// skipped.
func said(a *app, key string) string {
	a.t.Helper()
	res := a.create("?triggerWorkflows="+key, nil)
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	if skipped := res.skipped(); skipped != "" {
		return skipped
	}
	return fmt.Sprint(output(a.t, a.row(res.id(a.t, key))))
}

// comesToSay waits until the watcher has brought said to want.
func comesToSay(a *app, key, want string) {
	a.t.Helper()
	require.EventuallyWithT(a.t, func(c *assert.CollectT) { assert.Equal(c, want, said(a, key)) }, soon, glance)
}

// reloaded waits until all that was written so far has been looked at, where what
// is to be seen is that nothing changes. It adds a workflow in a file of its own
// that is read first.
func reloaded(a *app) {
	a.t.Helper()
	key := fmt.Sprintf("reloaded-%d", time.Now().UnixNano())
	a.write("0.js", saying(key, "yes", ""))
	comesToSay(a, key, "yes")
}

// flip moves a workflow's switch as a superuser does.
func flip(a *app, key string, enabled bool) {
	a.t.Helper()
	id := workflowRow(a, key)["id"].(string)
	res := a.send("super", http.MethodPatch, "/api/collections/_workflows/records/"+id, map[string]any{"enabled": enabled})
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
}

// saying is a workflow that returns value; more are further options.
func saying(key, value, more string) string {
	return fmt.Sprintf(`workflow(%q, { on: { type: "action", collection: "posts" }, %s }, (ctx) => %q);`+"\n", key, more, value)
}

// TestDefinitions_Rows: what a superuser reads of the files.
func TestDefinitions_Rows(t *testing.T) {
	t.Parallel()
	const source = `const lib = require(__dirname + "/lib/names.js");
workflow("plain", { on: { type: "action", collection: "posts" } }, (ctx) => lib.name);
workflow("full", {
    title: "A title", description: "What it does", tags: ["one", "two"],
    on: {
        type: "action", collection: "posts", global: true, actions: ["create", "delete"],
        condition: "title != ''", fields: ["title"], expand: ["category"],
    },
    mode: "sync", enabled: false, rule: null, timeout: "5m", allowReentry: true,
}, (ctx) => lib.name);
workflow("open", { on: { type: "action", collection: "tags" }, rule: "", mode: "transaction" }, (ctx) => lib.name);
`
	modules := map[string]any{"lib/names.js": `module.exports = require("./one");`, "lib/one.js": `module.exports = { name: "x" };`}
	a := newApp(t, plugin.Config{}, files{"all.js": source, "lib/names.js": modules["lib/names.js"].(string), "lib/one.js": modules["lib/one.js"].(string)})
	type object = map[string]any
	const login = `@request.auth.id != ""`
	for key, want := range map[string]object{
		"plain": {
			"title": "", "description": "", "tags": []any{}, "enabled": true, "mode": "async", "rule": login,
			"trigger": object{"type": "action", "collection": "posts"},
		},
		"full": {
			"title": "A title", "description": "What it does", "tags": []any{"one", "two"}, "enabled": false, "mode": "sync", "rule": nil,
			"trigger": object{
				"type": "action", "collection": "posts", "global": true, "actions": []any{"create", "delete"},
				"condition": "title != ''", "fields": []any{"title"}, "expand": []any{"category"},
			},
		},
		"open": {
			"title": "", "description": "", "tags": []any{}, "enabled": true, "mode": "transaction", "rule": "",
			"trigger": object{"type": "action", "collection": "tags"},
		},
	} {
		t.Run(key, func(t *testing.T) {
			for name, value := range (object{"key": key, "valid": true, "missing": false, "error": "", "source": "file", "file": "all.js", "version": 1.0}) {
				want[name] = value
			}
			row := workflowRow(a, key)
			for name, value := range want {
				require.Equal(t, value, row[name], name)
			}
			require.NotEmpty(t, row["created"])
			require.NotEmpty(t, row["updated"])
		})
	}
	versions := listed(a, "super", "_workflowVersions", "sort=workflow")
	require.Len(t, versions, 3)
	for i, key := range []string{"full", "open", "plain"} {
		v := versions[i]
		require.Equal(t, key, v["workflow"])
		require.EqualValues(t, 1, v["number"])
		require.Regexp(t, "^[0-9a-f]{64}$", v["hash"])
		require.Equal(t, source, v["script"])
		require.Equal(t, modules, v["modules"], "every local file that it requires")
		definition := v["definition"].(object)
		require.Equal(t, key, definition["key"])
		require.Equal(t, workflowRow(a, key)["trigger"], definition["on"])
		require.Equal(t, "all.js", definition["file"])
		require.EqualValues(t, map[string]int{"plain": 2, "full": 3, "open": 11}[key], definition["line"])
	}
}

// TestDefinitions_Switch: a superuser's PATCH counts from the next request on.
func TestDefinitions_Switch(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(saying("hello", "hi", "")+`
workflow("everywhere", { on: { type: "action", collection: "posts", global: true, actions: ["create"] } }, (ctx) => "global");`))
	for range 2 {
		require.Equal(t, "hi", said(a, "hello"))
		flip(a, "hello", false)
		require.Equal(t, "hello=disabled", said(a, "hello"))
		flip(a, "hello", true)
	}
	require.Len(t, a.rows("hello"), 2)
	before := len(a.rows("everywhere"))
	require.Equal(t, 4, before, "one per post")
	flip(a, "everywhere", false)
	a.create("", nil)
	require.Len(t, a.rows("everywhere"), before)
	flip(a, "everywhere", true)
	a.create("", nil)
	require.Len(t, a.rows("everywhere"), before+1)
}

// TestDefinitions_SwitchInABatch: the switch moves when the batch has committed,
// and not when it is rolled back.
func TestDefinitions_SwitchInABatch(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(saying("hello", "hi", "")))
	url := "/api/collections/_workflows/records/" + workflowRow(a, "hello")["id"].(string)
	type object = map[string]any
	off := object{"method": "PATCH", "url": url, "body": object{"enabled": false}}
	fails := object{"method": "POST", "url": "/api/collections/posts/records", "body": object{"title": ""}}
	res := a.send("super", http.MethodPost, "/api/batch", object{"requests": []any{off, fails}})
	require.Equal(t, http.StatusBadRequest, res.StatusCode, res.body)
	require.Equal(t, "hi", said(a, "hello"))
	res = a.send("super", http.MethodPost, "/api/batch", object{"requests": []any{off}})
	require.Equal(t, http.StatusOK, res.StatusCode, res.body)
	require.Equal(t, "hello=disabled", said(a, "hello"))
}

// TestDefinitions_StoredSwitchWins: "enabled" in the file is the first value
// only.
func TestDefinitions_StoredSwitchWins(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(saying("hello", "one", "enabled: false")))
	require.Equal(t, "hello=disabled", said(a, "hello"))
	flip(a, "hello", true)
	a.write("all.js", saying("hello", "two", "enabled: false"))
	comesToSay(a, "hello", "two")
	require.EqualValues(t, 2, workflowRow(a, "hello")["version"])
	flip(a, "hello", false)
	a.write("all.js", saying("hello", "three", "enabled: true"))
	reloaded(a)
	require.EqualValues(t, 3, workflowRow(a, "hello")["version"])
	require.Equal(t, "hello=disabled", said(a, "hello"))
}

// TestDefinitions_FilesOwnTheRest: what comes from the file can't be changed over
// the API, not even by a superuser.
func TestDefinitions_FilesOwnTheRest(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(saying("hello", "hi", `rule: null, title: "Hello"`)))
	before := workflowRow(a, "hello")
	url := "/api/collections/_workflows/records/" + before["id"].(string)
	for field, value := range map[string]any{
		"key": "other", "title": "Other", "description": "Other", "tags": []string{"other"}, "valid": false, "missing": true,
		"error": "other", "mode": "sync", "trigger": map[string]any{"type": "action", "collection": "tags"}, "rule": "",
		"source": "go", "file": "other.js", "version": 9,
	} {
		res := a.send("super", http.MethodPatch, url, map[string]any{field: value, "enabled": false})
		require.Equal(t, http.StatusBadRequest, res.StatusCode, "%s: %s", field, res.body)
		require.Contains(t, res.body, `"`+field+`":{"code":"validation_read_only"`)
	}
	require.Equal(t, before, workflowRow(a, "hello"))
	res := a.create("?triggerWorkflows=hello", nil)
	require.Equal(t, http.StatusForbidden, res.StatusCode, "the rule is still superusers only")
}

// TestReload_Source: the watcher takes up what changes, without a restart.
func TestReload_Source(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"hello.js": saying("hello", "one", "")})
	require.Equal(t, "one", said(a, "hello"))

	a.write("hello.js", saying("hello", "two", `title: "Second"`))
	comesToSay(a, "hello", "two")
	require.Equal(t, "Second", workflowRow(a, "hello")["title"])
	versions := versionRows(a, "hello")
	require.Len(t, versions, 2)
	require.NotEqual(t, versions[0]["hash"], versions[1]["hash"])
	require.Contains(t, versions[0]["script"], "one", "a version never changes")
	executions := a.rows("hello")
	require.Equal(t, 1, executions[0].GetInt("version"))
	require.Equal(t, 2, executions[len(executions)-1].GetInt("version"))

	a.write("new.js", saying("new", "here", ""))
	comesToSay(a, "new", "here")
	require.EqualValues(t, 2, workflowRow(a, "hello")["version"], "the other file did not change")

	a.write("notes.txt", saying("text", "no", ""))
	a.write(".hidden.js", saying("hidden", "no", ""))
	a.write("new.test.js", saying("tested", "no", ""))
	reloaded(a)
	for _, key := range []string{"text", "hidden", "tested"} {
		require.Nil(t, workflowRow(a, key), "not a workflow file")
	}
}

// TestReload_Module: a local file that is required is part of the version.
func TestReload_Module(t *testing.T) {
	t.Parallel()
	source := func(lib string) string {
		return `const value = require(__dirname + "/` + lib + `");
workflow("hello", { on: { type: "action", collection: "posts" } }, (ctx) => value);`
	}
	a := newApp(t, plugin.Config{}, files{
		"hello.js": source("lib/value.js"), "lib/value.js": `module.exports = "one";`,
		"other.js": saying("other", "other", ""),
	})
	require.Equal(t, "one", said(a, "hello"))
	a.write("lib/value.js", `module.exports = "two";`)
	comesToSay(a, "hello", "two")
	require.EqualValues(t, 1, workflowRow(a, "other")["version"], "which does not require it")
	versions := versionRows(a, "hello")
	require.Len(t, versions, 2)
	require.Equal(t, versions[0]["script"], versions[1]["script"])
	require.Equal(t, map[string]any{"lib/value.js": `module.exports = "one";`}, versions[0]["modules"])
	require.Equal(t, map[string]any{"lib/value.js": `module.exports = "two";`}, versions[1]["modules"])

	require.NoError(t, os.MkdirAll(filepath.Join(a.dir, "later", "deep"), 0o755))
	a.write("later/deep/value.js", `module.exports = "three";`)
	a.write("hello.js", source("later/deep/value.js"))
	comesToSay(a, "hello", "three")
	require.EqualValues(t, 3, workflowRow(a, "hello")["version"])
	a.write("later/deep/value.js", `module.exports = "four";`)
	comesToSay(a, "hello", "four")
	require.EqualValues(t, 4, workflowRow(a, "hello")["version"])
}

// TestReload_VanishedFile: its workflow is unknown until the file is back, and
// what it did stays.
func TestReload_VanishedFile(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"hello.js": saying("hello", "one", "")})
	a.write("hello.js", saying("hello", "two", ""))
	comesToSay(a, "hello", "two")
	require.EqualValues(t, 2, workflowRow(a, "hello")["version"])
	history := len(a.rows("hello"))
	flip(a, "hello", false)

	require.NoError(t, os.Remove(filepath.Join(a.dir, "hello.js")))
	comesToSay(a, "hello", "hello=unknown")
	require.Equal(t, true, workflowRow(a, "hello")["missing"])
	require.Len(t, a.rows("hello"), history)
	require.Len(t, versionRows(a, "hello"), 2)

	a.write("moved.js", saying("hello", "one", ""))
	comesToSay(a, "hello", "hello=disabled") // the switch is where it was
	row := workflowRow(a, "hello")
	require.Equal(t, false, row["missing"])
	require.EqualValues(t, 1, row["version"], "the same source has its old number")
	require.Equal(t, "moved.js", row["file"])
	flip(a, "hello", true)
	require.Equal(t, "one", said(a, "hello"))
	require.Len(t, versionRows(a, "hello"), 2)
}

// TestReload_DeleteMissing: a superuser can clear away what has no file.
func TestReload_DeleteMissing(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"hello.js": saying("hello", "one", "")})
	require.Equal(t, "one", said(a, "hello"))
	url := "/api/collections/_workflows/records/" + workflowRow(a, "hello")["id"].(string)
	require.NoError(t, os.Remove(filepath.Join(a.dir, "hello.js")))
	comesToSay(a, "hello", "hello=unknown")
	require.Equal(t, http.StatusNoContent, a.send("super", http.MethodDelete, url, nil).StatusCode)
	require.Nil(t, workflowRow(a, "hello"))
	require.Equal(t, "hello=unknown", said(a, "hello"))
	a.write("hello.js", saying("hello", "one", ""))
	comesToSay(a, "hello", "one")
	require.EqualValues(t, 1, workflowRow(a, "hello")["version"])
}

// TestReload_BrokenFile: the last good version goes on, and the row tells what is
// wrong and where.
func TestReload_BrokenFile(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{"hello.js": saying("hello", "one", ""), "fine.js": saying("fine", "fine", "")})
	head := "workflow(\"hello\", {\n    on: { type: \"action\", collection: \"posts\" },\n"
	const tail = "}, (ctx) => \"broken\");\n"
	for _, c := range []struct{ name, source, wrong string }{
		{"syntax", head + "}, (ctx) => {", `hello.js:3: syntax error: `},
		{"throws", head + tail + "\nthrow new Error(\"on line 5\");", `hello.js:5: the file throws: on line 5`},
		{"requires what is not there", head + tail + `require(__dirname + "/nothing.js");`, `hello.js:4: the file throws: Invalid module`},
		{"an option that does not exist", head + "    titel: 1,\n" + tail, `hello.js:3: option "titel": is unknown; did you mean "title"?`},
		{"an option of another type", head + "    tags: \"one\",\n" + tail, `hello.js:3: option "tags": expected a list of strings, got "one"`},
		{"an option inside another", strings.Replace(head, "collection", "fields: [1],\n    collection", 1) + tail, `hello.js:2: option "on.fields": expected a list of non-empty strings, got 1 in it`},
		{"a time that is none", head + "    timeout: \"soon\",\n" + tail, `hello.js:3: option "timeout": expected a duration`},
		{"a mode that does not exist", head + "    mode: \"later\",\n" + tail, `hello.js:3: option "mode": expected "async", "sync" or "transaction", got "later"`},
		{"a rule that is none", head + "    rule: \"id = = 1\",\n" + tail, `hello.js:3: option "rule": expected a PocketBase filter`},
		{"itself as onFailure", head + "    onFailure: \"hello\",\n" + tail, `hello.js:3: option "onFailure": expected the key of another workflow, got its own`},
		{"an onFailure that is no key", head + "    onFailure: \"a b\",\n" + tail, `hello.js:3: option "onFailure": expected the key of another workflow, got "a b"`},
		{"an onFailure of another type", head + "    onFailure: true,\n" + tail, `hello.js:3: option "onFailure": expected a string, got true`},
		{"no handler", head + "});\n", `hello.js:1: the third argument of workflow("hello", options, handler) must be a function, got undefined`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.write("hello.js", c.source)
			reloaded(a)
			row := workflowRow(a, "hello")
			require.Contains(t, row["error"], c.wrong)
			require.Equal(t, false, row["valid"])
			require.Equal(t, false, row["missing"])
			require.EqualValues(t, 1, row["version"])
			require.Equal(t, "one", said(a, "hello"))
			require.Equal(t, true, workflowRow(a, "fine")["valid"])
		})
	}
	a.write("hello.js", saying("hello", "mended", ""))
	comesToSay(a, "hello", "mended")
	require.Equal(t, true, workflowRow(a, "hello")["valid"])
	require.Empty(t, workflowRow(a, "hello")["error"])
	require.Len(t, versionRows(a, "hello"), 2, "what did not load is no version")
}

// TestReload_OneOfAFile: a wrong option is the matter of its own workflow.
func TestReload_OneOfAFile(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(saying("left", "one", "")+saying("right", "one", "")))
	a.write("all.js", saying("left", "two", `mode: "later"`)+saying("right", "two", ""))
	reloaded(a)
	require.Equal(t, false, workflowRow(a, "left")["valid"])
	require.Equal(t, "one", said(a, "left"))
	require.Equal(t, "two", said(a, "right"))
	require.Equal(t, true, workflowRow(a, "right")["valid"])
}

// TestDefinitions_NeverLoaded: a workflow whose key is known is invalid, one that
// nobody could read is unknown.
func TestDefinitions_NeverLoaded(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"option.js": saying("option", "no", `mode: "later"`),
		"syntax.js": `workflow("syntax", {`,
		"fine.js":   saying("fine", "fine", ""),
	})
	require.Equal(t, "fine", said(a, "fine"))
	require.Equal(t, "option=invalid", said(a, "option"))
	row := workflowRow(a, "option")
	require.Equal(t, false, row["valid"])
	require.EqualValues(t, 0, row["version"])
	require.Equal(t, `option.js:1: option "mode": expected "async", "sync" or "transaction", got "later"`, row["error"])
	require.Equal(t, "syntax=unknown", said(a, "syntax"))
	require.Nil(t, workflowRow(a, "syntax"))

	a.write("option.js", saying("option", "yes", `enabled: false`))
	a.write("syntax.js", saying("syntax", "yes", ""))
	comesToSay(a, "syntax", "yes")
	comesToSay(a, "option", "option=disabled") // the first version that loads says how it begins
	require.Equal(t, true, workflowRow(a, "option")["valid"])
}

// TestDefinitions_TheSameKeyTwice: the first in the order of names has it.
func TestDefinitions_TheSameKeyTwice(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, files{
		"a.js": saying("hello", "first", ""),
		"b.js": saying("hello", "second", "") + saying("neighbour", "here", ""),
	})
	require.Equal(t, "first", said(a, "hello"))
	require.Equal(t, "here", said(a, "neighbour"), "the rest of its file is not touched")
	require.Equal(t, true, workflowRow(a, "hello")["valid"])
	require.NoError(t, os.Remove(filepath.Join(a.dir, "a.js")))
	comesToSay(a, "hello", "second")
}

// TestDefinitions_Unfit: what only the database can tell.
func TestDefinitions_Unfit(t *testing.T) {
	t.Parallel()
	sources := files{}
	wrongs := map[string]string{}
	for key, c := range map[string]struct{ on, more, wrong string }{
		"collection": {`collection: "nothing"`, ``, `option "on.collection": there is no collection "nothing"`},
		"fields":     {`collection: "posts", fields: ["title", "nothing"]`, ``, `option "on.fields": collection "posts" has no field "nothing"`},
		"expand":     {`collection: "posts", expand: ["title"]`, ``, `option "on.expand": collection "posts" has no relation "title"`},
		"condition":  {`collection: "posts", condition: "nothing = 1"`, ``, `option "on.condition": `},
		"rule":       {`collection: "posts"`, `rule: "@request.auth.id != '' && nothing = 1"`, `option "rule": `},
		"global":     {`collection: "posts", global: true, actions: ["create"], fields: ["nothing"]`, ``, `option "on.fields": `},
	} {
		sources[key+".js"] = fmt.Sprintf("\n"+`workflow(%q, { on: { type: "action", %s }, %s }, (ctx) => 1);`, key, c.on, c.more)
		wrongs[key] = key + ".js:2: " + c.wrong
	}
	a := newApp(t, plugin.Config{}, sources)
	for key, wrong := range wrongs {
		t.Run(key, func(t *testing.T) {
			row := workflowRow(a, key)
			require.Equal(t, false, row["valid"])
			require.Contains(t, row["error"], wrong)
			require.Equal(t, key+"=invalid", said(a, key))
			require.Empty(t, a.rows(key))
		})
	}
}

// TestDefinitions_SchemaChanges: a workflow is as valid as its collection.
func TestDefinitions_SchemaChanges(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(`
const on = { type: "action", collection: "comments" };
workflow("local", { on: { ...on, fields: ["content"] } }, (ctx) => ctx.data.id);
workflow("everywhere", { on: { ...on, global: true, actions: ["create"] } }, (ctx) => ctx.data.id);
`))
	comments, err := a.FindCollectionByNameOrId("comments")
	require.NoError(t, err)
	schema := func(method, id string, body any) {
		t.Helper()
		res := a.send("super", method, "/api/collections"+id, body)
		require.Less(t, res.StatusCode, 300, res.body)
	}
	// comment tells what started when a comment was made.
	comment := func(t *testing.T, collection string) string {
		t.Helper()
		res := a.send("user", http.MethodPost, "/api/collections/"+collection+"/records?triggerWorkflows=local", map[string]any{"content": "c"})
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		var keys []string
		for entry := range strings.SplitSeq(res.executions(), ", ") {
			key, _, _ := strings.Cut(entry, "=")
			keys = append(keys, key)
		}
		return strings.Join(append(keys, res.skipped()), " ")
	}
	invalid := func(t *testing.T, wrong string, keys ...string) {
		t.Helper()
		for _, key := range keys {
			row := workflowRow(a, key)
			require.Equal(t, false, row["valid"])
			require.Contains(t, row["error"], wrong)
		}
	}
	valid := func(t *testing.T) {
		t.Helper()
		for _, key := range []string{"local", "everywhere"} {
			row := workflowRow(a, key)
			require.Equal(t, true, row["valid"])
			require.Empty(t, row["error"])
			require.EqualValues(t, 1, row["version"])
		}
		require.Equal(t, "local everywhere ", comment(t, "comments"))
	}
	const gone = `option "on.collection": there is no collection "comments"`
	valid(t)
	t.Run("renamed", func(t *testing.T) {
		schema(http.MethodPatch, "/"+comments.Id, map[string]any{"name": "remarks"})
		invalid(t, gone, "local", "everywhere")
		require.Equal(t, " local=invalid", comment(t, "remarks"))
		schema(http.MethodPatch, "/"+comments.Id, map[string]any{"name": "comments"})
		valid(t)
	})
	t.Run("a field less", func(t *testing.T) {
		all := a.send("super", http.MethodGet, "/api/collections/comments", nil).data(t)["fields"].([]any)
		others := slices.DeleteFunc(slices.Clone(all), func(f any) bool { return f.(map[string]any)["name"] == "content" })
		schema(http.MethodPatch, "/"+comments.Id, map[string]any{"fields": others})
		invalid(t, `option "on.fields": collection "comments" has no field "content"`, "local")
		require.Equal(t, "everywhere local=invalid", comment(t, "comments"))
		schema(http.MethodPatch, "/"+comments.Id, map[string]any{"fields": all})
		valid(t)
	})
	t.Run("deleted", func(t *testing.T) {
		schema(http.MethodDelete, "/"+comments.Id, nil)
		invalid(t, gone, "local", "everywhere")
		require.Equal(t, "local=invalid", said(a, "local"))
		schema(http.MethodPost, "", map[string]any{"name": "comments", "createRule": "", "fields": []any{map[string]any{"type": "text", "name": "content"}}})
		valid(t)
	})
}

// TestReload_ExecutionInFlight: whatever becomes of its file, an execution ends on
// the version it started with, whether it runs already or is queued.
func TestReload_ExecutionInFlight(t *testing.T) {
	t.Parallel()
	source := func(value string) string {
		return `const lib = require(__dirname + "/lib/value.js");
workflow("slow", { on: { type: "action", collection: "posts" } }, (ctx) => {
    const before = ctx.step.run("before", () => "` + value + `");
    ctx.step.run("wait", () => {
        const record = new Record($app.findCollectionByNameOrId("logs"));
        record.set("message", ctx.data.title);
        $app.save(record);
    });
    return before + " " + ctx.step.run("after", () => lib + " ` + value + `") + " v" + ctx.execution.version;
});`
	}
	for _, c := range []struct {
		name  string
		field string
		want  any
		// do is what happens to the file, next what a new post then brings.
		do   func(a *app)
		next string
	}{
		{
			"the file changes", "version", 2.0,
			func(a *app) { a.write("slow.js", source("two")) }, "two module one two v2",
		},
		{
			"what it requires changes", "version", 2.0,
			func(a *app) { a.write("lib/value.js", `module.exports = "module two";`) }, "one module two one v2",
		},
		{
			"the file is broken", "valid", false,
			func(a *app) { a.write("slow.js", `workflow("slow", {`) }, "one module one one v1",
		},
		{
			"the file is gone", "missing", true,
			func(a *app) {
				require.NoError(a.t, os.RemoveAll(filepath.Join(a.dir, "lib")))
				require.NoError(a.t, os.Remove(filepath.Join(a.dir, "slow.js")))
			}, "slow=unknown",
		},
		{
			"it is switched off", "enabled", false,
			func(a *app) { flip(a, "slow", false) }, "slow=disabled",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, plugin.Config{}, files{"slow.js": source("one"), "lib/value.js": `module.exports = "module one";`})
			waiting, release := make(chan struct{}), make(chan struct{})
			a.OnRecordCreate("logs").BindFunc(func(e *core.RecordEvent) error {
				if e.Record.GetString("message") == "wait" {
					close(waiting)
					<-release
				}
				return e.Next()
			})
			id := a.create("?triggerWorkflows=slow", map[string]any{"title": "wait"}).id(t, "slow")
			select {
			case <-waiting:
			case <-time.After(soon):
				close(release)
				require.FailNow(t, "the step does not run")
			}
			a.plugin.Pause()
			queued := a.create("?triggerWorkflows=slow", map[string]any{"title": "queued"}).id(t, "slow")
			c.do(a)
			// It must not fail before the step is released.
			changed := assert.Eventually(t, func() bool { return workflowRow(a, "slow")[c.field] == c.want }, soon, glance)
			close(release)
			a.plugin.Resume()
			require.True(t, changed)
			for _, id := range []string{id, queued} {
				row := a.row(id)
				require.Equal(t, "completed", row.GetString("status"), row.GetString("error"))
				require.Equal(t, "one module one one v1", output(t, row))
				require.Equal(t, 1, row.GetInt("version"))
			}
			comesToSay(a, "slow", c.next)
		})
	}
}
