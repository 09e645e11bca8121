package plugin_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestRecord_BadInput: every wrong option, at load or when the schema changes.
func TestRecord_BadInput(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", 300) + `"`
	cases := []struct{ on, more, option, says string }{
		{``, ``, "on.collection", "is required"},
		{`collection: 1`, ``, "on.collection", "expected a string"},
		{`collection: "nothing"`, ``, "on.collection", `there is no collection "nothing"`},
		{`collection: ` + long, ``, "on.collection", "there is no collection"},
		{`collection: "_workflows"`, ``, "on.collection", "belongs to the workflows"},
		{`collection: "_WorkflowExecutions"`, ``, "on.collection", "belongs to the workflows"},
		{`collection: "posts", events: []`, ``, "on.events", "empty list"},
		{`collection: "posts", events: "create"`, ``, "on.events", "expected a list"},
		{`collection: "posts", events: null`, ``, "on.events", "expected a list"},
		{`collection: "posts", events: ["save"]`, ``, "on.events", `got "save"`},
		{`collection: "posts", events: [1]`, ``, "on.events", "strings"},
		{`collection: "posts", fields: []`, ``, "on.fields", "empty list"},
		{`collection: "posts", fields: ["nope"]`, ``, "on.fields", `no field "nope"`},
		{`collection: "posts", fields: ["slug"], events: ["create"]`, ``, "on.fields", `has no "update"`},
		{`collection: "posts", condition: 1`, ``, "on.condition", "expected a string"},
		{`collection: "posts", condition: "title ="`, ``, "on.condition", "filter"},
		{`collection: "posts", condition: "nope = 1"`, ``, "on.condition", "nope"},
		{`collection: "posts", condition: "@original.nope = 1"`, ``, "on.condition", "nope"},
		{`collection: "posts", condition: "@original.category.nope = 1"`, ``, "on.condition", "nope"},
		{`collection: "posts", condition: "@original.@request.auth.id = 1"`, ``, "on.condition", ""},
		{`collection: "posts", condition: "@original.title.x = 1"`, ``, "on.condition", ""},
		{`collection: "posts", expand: "category"`, ``, "on.expand", "expected a list"},
		{`collection: "posts", expand: ["title"]`, ``, "on.expand", "no relation"},
		{`collection: "posts", actions: ["create"]`, ``, "on.actions", "is unknown"},
		{`collection: "posts", global: true`, ``, "on.global", "is unknown"},
		{`collection: "posts"`, `mode: "sync"`, "mode", `trigger type "record" can't have mode "sync", only "async" or "transaction"`},
	}
	sources := files{"good.js": seen("good", `collection: "posts", condition: "@original.slug != slug", fields: ["tags"]`, "")}
	for i, c := range cases {
		sources[fmt.Sprintf("bad%02d.js", i)] = seen(fmt.Sprintf("bad%02d", i), c.on, c.more)
	}
	a := newApp(t, plugin.Config{}, sources)
	for i, c := range cases {
		key := fmt.Sprintf("bad%02d", i)
		row := workflowRow(a, key)
		require.NotNil(t, row, c.on)
		require.Equal(t, false, row["valid"], c.on)
		require.Contains(t, row["error"], fmt.Sprintf("%q", c.option), c.on)
		require.Contains(t, row["error"], c.says, c.on)
		require.Equal(t, key+"=invalid", a.create("?triggerWorkflows="+key, nil).skipped(), c.on)
	}
	require.Equal(t, "good=wrong_trigger", a.create("?triggerWorkflows=good", nil).skipped())
	require.Equal(t, true, workflowRow(a, "good")["valid"])
	require.NoError(t, a.save("posts", fullID, map[string]any{"tags": []string{}, "slug": "new"}))
	require.Len(t, a.rows("good"), 1)

	// Disabled and enabled again.
	flip(a, "good", false)
	require.NoError(t, a.save("posts", fullID, map[string]any{"tags": []string{goTagID}, "slug": "1"}))
	require.Len(t, a.rows("good"), 1)
	flip(a, "good", true)
	require.NoError(t, a.save("posts", fullID, map[string]any{"tags": []string{}, "slug": "2"}))
	require.Len(t, a.rows("good"), 2)

	// A field that goes takes the workflow with it, and back.
	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	slug := posts.Fields.GetByName("slug")
	posts.Fields.RemoveById(slug.GetId())
	require.NoError(t, a.Save(posts))
	row := workflowRow(a, "good")
	require.Equal(t, false, row["valid"])
	require.Contains(t, fmt.Sprint(row["error"]), "slug")
	require.NoError(t, a.save("posts", fullID, map[string]any{"tags": []string{goTagID}}))
	posts.Fields.Add(&core.TextField{Name: "slug"})
	require.NoError(t, a.Save(posts))
	require.NoError(t, a.save("posts", fullID, map[string]any{"tags": []string{}, "slug": "3"}))
	require.Len(t, a.rows("good"), 3)
}
