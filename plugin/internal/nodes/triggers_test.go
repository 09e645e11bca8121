package nodes

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// TestTriggers runs workflows/triggers.js: each by what starts it.
func TestTriggers(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	create := func(title string) (status int, saved object) {
		res := d.request("POST", "/api/collections/posts/records?triggerWorkflows=tidy-title", `{"title":"`+title+`"}`)
		return res.StatusCode, d.answer(res.Body)
	}
	status, saved := create("  Tidy ")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Tidy", saved["title"])
	status, saved = create("Untitled")
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "Give it a title.", saved["message"])

	tag := d.save("tags", object{"title": "go"})
	tag.Set("title", "golang")
	require.NoError(t, d.Save(tag))
	require.NoError(t, d.Save(tag)) // nothing has changed
	d.comesToLog(`tag "go" is "golang" now`)

	post := d.post(object{"title": "Three short words"})
	res := d.request("POST", "/api/collections/posts/records/"+post.Id+"/trigger?triggerWorkflows=recount", "{}")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, object{"recount": 3.0}, d.answer(res.Body)["outputs"])
	res = d.request("POST", "/api/collections/posts/records/"+post.Id+"/trigger?triggerWorkflows=recount", `{"title":"a form's words, not saved"}`)
	require.Equal(t, object{"recount": 5.0}, d.answer(res.Body)["outputs"])

	require.Equal(t, http.StatusAccepted, d.request("POST", "/api/workflows/hooks/ping", `{"a":1}`).StatusCode)
	d.comesToLog("called with 7 characters")

	row, err := d.FindFirstRecordByData("_workflows", "key", "nightly-report")
	require.NoError(t, err)
	require.False(t, row.GetDateTime("nextRun").IsZero())
	require.Equal(t, 30, row.GetDateTime("nextRun").Time().Minute())
}

// comesToLog waits until the workflows have logged this line, and that just once.
func (d *demo) comesToLog(want string) {
	d.t.Helper()
	var lines []string
	require.Eventually(d.t, func() bool {
		lines = append(lines, d.logs()...)
		return slices.Contains(lines, want)
	}, soon, glance)
	require.NoError(d.t, plugin.Get(d.App).Drain(context.Background()))
	lines = append(lines, d.logs()...)
	require.Equal(d.t, []string{want}, slices.DeleteFunc(lines, func(l string) bool { return l != want }))
}
