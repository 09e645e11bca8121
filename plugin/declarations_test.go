package plugin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

var member = regexp.MustCompile(`(?m)^ {8}(?:readonly )?(\w+)(?:<.*)?\??[:(<]`)

// declaredMembers are the members of interfaces in the declarations.
func declaredMembers(t *testing.T, text string, interfaces ...string) []string {
	t.Helper()
	names := map[string]bool{}
	for _, name := range interfaces {
		found := regexp.MustCompile(`\n    interface ` + name + `\b[^{\n]*\{`).FindStringIndex(text)
		require.NotNilf(t, found, "there is no interface %s", name)
		body, _, _ := strings.Cut(text[found[1]:], "\n    }\n")
		for _, m := range member.FindAllStringSubmatch(body, -1) {
			names[m[1]] = true
		}
	}
	out := []string{}
	for name := range names {
		out = append(out, name)
	}
	return out
}

// What scripts have and what the declarations tell is the same.
func TestDeclarationsTellWhatScriptsHave(t *testing.T) {
	a := newApp(t, plugin.Config{}, one(`
		workflow("names", { on: { type: "before", collection: "posts" } }, (ctx) => ctx.end({
			ctx: Object.keys(ctx), step: Object.keys(ctx.step), log: Object.keys(ctx.log), execution: Object.keys(ctx.execution),
			workflows: Object.keys($workflows), errors: Object.getOwnPropertyNames(globalThis).filter((name) => /Error$/.test(name)),
		}));
	`))
	require.Equal(t, http.StatusOK, a.create("?triggerWorkflows=names", nil).StatusCode)
	names := map[string][]string{}
	for group, list := range output(t, a.rows("names")[0]).(map[string]any) {
		for _, name := range list.([]any) {
			names[group] = append(names[group], name.(string))
		}
	}
	var b strings.Builder
	require.NoError(t, a.plugin.WriteTypes(&b))
	text := b.String()

	require.ElementsMatch(t, names["ctx"], declaredMembers(t, text, "BaseContext", "BeforeContext", "WebhookContext"))
	require.ElementsMatch(t, names["step"], declaredMembers(t, text, "Step"))
	require.ElementsMatch(t, names["log"], declaredMembers(t, text, "Log"))
	require.ElementsMatch(t, names["execution"], declaredMembers(t, text, "ExecutionInfo"))
	require.ElementsMatch(t, names["workflows"], declaredMembers(t, text, "Helpers"))
	for _, name := range []string{"NonRetryableError", "RetryAfterError", "TimeoutError", "RejectedError", "WithdrawnError"} {
		require.Contains(t, names["errors"], name)
		require.Contains(t, text, "declare class "+name+" extends Error {")
	}
}

func TestTypesAreWrittenWhenTheAppServes(t *testing.T) {
	testApp := newTestApp(t, plugin.Config{}, nil)
	t.Cleanup(testApp.Cleanup)
	path := filepath.Join(testApp.DataDir(), "workflows.d.ts")
	require.NoError(t, os.Remove(path)) // of the tests' template
	require.NoError(t, testApp.Save(core.NewBaseCollection("early")))
	require.NoFileExists(t, path, "not for commands")

	a := &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	a.serve()
	read := func() string {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(raw)
	}
	require.Contains(t, read(), "interface Early {")
	require.NoError(t, testApp.RunInTransaction(func(txApp core.App) error {
		return txApp.Save(core.NewBaseCollection("late"))
	}))
	require.Contains(t, read(), "interface Late {", "once the transaction has committed")

	// A folder in the place of the file: the collection is saved all the same.
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.MkdirAll(filepath.Join(path, "x"), 0o755))
	require.NoError(t, testApp.Save(core.NewBaseCollection("later")))
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, testApp.Save(core.NewBaseCollection("last")))
	require.Contains(t, read(), "interface Later {")
	require.Contains(t, read(), "interface Last {")
}
