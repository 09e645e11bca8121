package plugin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

func TestManual_Record(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	sees := func(t *testing.T, url, entry, body string) (map[string]any, *core.Record) {
		t.Helper()
		res := a.send("user", http.MethodPost, url+entry, body)
		require.Equal(t, 202, res.StatusCode, res.body)
		row := a.row(res.started(t, entry))
		return output(t, row).(map[string]any), row
	}
	t.Run("the record", func(t *testing.T) {
		out, row := sees(t, onFull, "see", "")
		data := out["data"].(map[string]any)
		require.Equal(t, fullID, data["id"])
		require.Equal(t, "Full", data["title"])
		require.Equal(t, "News", data["expand"].(map[string]any)["category"].(map[string]any)["title"])
		require.Equal(t, map[string]any{}, out["params"])
		require.Equal(t, "posts", out["collection"])
		require.JSONEq(t, `{"type":"manual","action":"trigger","collection":"posts","record":"`+fullID+
			`","request":"POST /api/collections/posts/records/`+fullID+`/trigger"}`, row.GetString("trigger"))
	})
	t.Run("the values of a form over it, which are not saved", func(t *testing.T) {
		out, _ := sees(t, onFull, "see", `{"title":"New","category":"","secret":"hush","nonsense":1,"id":"other","file":"x.txt","tags-":"`+jsTagID+`"}`)
		data := out["data"].(map[string]any)
		require.Equal(t, "New", data["title"])
		require.Empty(t, data["category"])
		require.Equal(t, fullID, data["id"])
		require.Equal(t, []any{goTagID}, data["tags"])
		require.Empty(t, data["file"])
		require.NotContains(t, data, "secret")
		require.NotContains(t, data, "nonsense")
		require.Empty(t, data["expand"])
		require.Equal(t, "New", out["params"].(map[string]any)["title"])
		stored, err := a.FindRecordById("posts", fullID)
		require.NoError(t, err)
		require.Equal(t, "Full", stored.GetString("title"))
		require.Empty(t, stored.GetString("secret"))
	})
	t.Run("values of another type are made ones of the field", func(t *testing.T) {
		out, _ := sees(t, onFull, "see", `{"title":7,"tags":"`+goTagID+`"}`)
		require.Equal(t, "7", out["data"].(map[string]any)["title"])
		require.Equal(t, []any{goTagID}, out["data"].(map[string]any)["tags"])
	})
	t.Run("a record that is not stored yet", func(t *testing.T) {
		before := a.count("posts")
		out, row := sees(t, onPosts+"trigger?triggerWorkflows=", "see", `{"title":"Fresh","category":"`+newsID+`"}`)
		data := out["data"].(map[string]any)
		require.Empty(t, data["id"])
		require.Equal(t, "Fresh", data["title"])
		require.Equal(t, "News", data["expand"].(map[string]any)["category"].(map[string]any)["title"])
		require.JSONEq(t, `{"type":"manual","action":"trigger","collection":"posts","request":"POST /api/collections/posts/records/trigger"}`, row.GetString("trigger"))
		require.Equal(t, before, a.count("posts"))
	})
	t.Run("a condition is about what the form says", func(t *testing.T) {
		sees(t, onFull, "draft", `{"title":"a draft"}`)
		sees(t, onPosts+"trigger?triggerWorkflows=", "draft", `{"title":"a new draft"}`)
		res := a.send("user", http.MethodPost, onFull+"draft", `{}`)
		require.Equal(t, "draft=condition_false", res.skipped())
		require.Equal(t, 200, res.StatusCode)
	})
	t.Run("a list workflow gets a list of one", func(t *testing.T) {
		out, _ := sees(t, onFull, "list", `{"title":"New"}`)
		require.Len(t, out["data"], 1)
		require.Equal(t, "New", out["data"].([]any)[0].(map[string]any)["title"])
	})
	t.Run("a related record", func(t *testing.T) {
		out, row := sees(t, onFull, "aboutCategory!category", "")
		require.Equal(t, "News", out["data"].(map[string]any)["title"])
		require.Equal(t, "category", out["path"])
		require.Contains(t, row.GetString("trigger"), `"record":"`+newsID+`"`)
	})
	t.Run("a record that the form relates to", func(t *testing.T) {
		out, _ := sees(t, onPosts+bareID+"/trigger?triggerWorkflows=", "aboutCategory!category", `{"category":"`+newsID+`"}`)
		require.Equal(t, "News", out["data"].(map[string]any)["title"])
	})
	t.Run("related records: one execution each, or one with all", func(t *testing.T) {
		res := a.send("user", http.MethodPost, onFull+"aboutTags!tags,allTags!tags", nil)
		executions := res.data(t)["executions"].(map[string]any)
		require.Len(t, executions["aboutTags!tags"], 2)
		require.Len(t, output(t, a.row(executions["allTags!tags"].(string))).(map[string]any)["data"], 2)
	})
	t.Run("what can't be started is skipped", func(t *testing.T) {
		res := a.send("user", http.MethodPost, onFull+"see,see,nobody,off,wrong,write,plain,aboutTags,aboutTags!nothing,aboutCategory!tags,aboutVault!vault", nil)
		require.Equal(t, 202, res.StatusCode)
		require.Equal(t, "see=duplicate, nobody=unknown, off=disabled, wrong=invalid, write=wrong_trigger, plain=wrong_trigger, aboutTags=collection_mismatch, "+
			"aboutTags!nothing=unknown_path, aboutCategory!tags=collection_mismatch, aboutVault!vault=no_related_record", res.skipped())
		require.Len(t, res.data(t)["skipped"], 10)
		require.Len(t, res.data(t)["executions"], 1)
		res = a.send("user", http.MethodPost, onPosts+bareID+"/trigger?triggerWorkflows=aboutCategory!category", nil)
		require.Equal(t, "aboutCategory!category=no_related_record", res.skipped())
	})
	many := strings.TrimSuffix(strings.Repeat("see,", 51), ",")
	for _, c := range []struct {
		name, who, url string
		status         int
		says           string
	}{
		{"a guest", "", onFull + "see", 401, "without a login"},
		{"an unknown record", "user", onPosts + "missing00000000/trigger?triggerWorkflows=see", 404, "missing00000000"},
		{"a record that the user may not view", "user", "/api/collections/vaults/records/" + secretID + "/trigger?triggerWorkflows=aboutVault", 404, secretID},
		{"a superuser may", "super", "/api/collections/vaults/records/" + secretID + "/trigger?triggerWorkflows=aboutVault", 202, "aboutVault"},
		{"an unknown collection", "user", "/api/collections/nothing/records/x/trigger?triggerWorkflows=see", 404, "collection"},
		{"no workflow", "user", onPosts + fullID + "/trigger", 400, "must name at least one workflow"},
		{"an empty list of them", "user", onFull + ",%20,", 400, "must name at least one workflow"},
		{"an entry that can't be read", "user", onFull + "see!", 400, "not of the form"},
		{"too many entries", "user", onFull + many, 400, "more than 50"},
		{"neither ids nor values", "user", onPosts + "trigger?triggerWorkflows=see", 400, "?ids=a,b,c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.count("_workflowExecutions")
			res := a.send(c.who, http.MethodPost, c.url, nil)
			require.Equal(t, c.status, res.StatusCode, res.body)
			require.Contains(t, res.body, c.says)
			if c.status >= 400 {
				require.Equal(t, before, a.count("_workflowExecutions"))
			}
		})
	}
}

// TestManual_ViewRule: what a rule hides does not exist, here as everywhere.
func TestManual_ViewRule(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	rule := "title != 'Bare' && @request.auth.id != ''"
	posts.ViewRule = &rule
	require.NoError(t, a.Save(posts))
	res := a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=see&ids="+fullID+","+bareID, nil)
	require.Equal(t, 404, res.StatusCode)
	require.Contains(t, res.body, bareID)
	require.NotContains(t, res.body, fullID)
	require.Zero(t, a.count("_workflowExecutions"))
	require.Equal(t, 404, a.send("user", http.MethodPost, onPosts+bareID+"/trigger?triggerWorkflows=see", `{"title":"mine"}`).StatusCode,
		"the rule is about what is stored")
	require.Equal(t, 202, a.send("super", http.MethodPost, onPosts+bareID+"/trigger?triggerWorkflows=see", nil).StatusCode)
}

// TestManual_EmailVisibility: a form can't show an address that is hidden.
func TestManual_EmailVisibility(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	users, err := a.FindCollectionByNameOrId("users")
	require.NoError(t, err)
	users.ViewRule = new(string)
	require.NoError(t, a.Save(users))
	other := record(t, a.TestApp, "users", map[string]any{"email": "hidden@example.com", "password": "1234567890", "name": "Bob"})
	res := a.send("user", http.MethodPost, "/api/collections/users/records/"+other.Id+"/trigger?triggerWorkflows=aboutUser", `{"emailVisibility":true,"name":"Ann"}`)
	data := output(t, a.row(res.started(t, "aboutUser"))).(map[string]any)["data"].(map[string]any)
	require.Equal(t, "Ann", data["name"])
	require.NotContains(t, data, "email")
}

func TestManual_Many(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	const url = onPosts + "trigger?ids=" + bareID + ",%20" + fullID + "," + bareID + "&triggerWorkflows="
	res := a.send("user", http.MethodPost, url+"see,list,aboutTags!tags,allTags!tags", `{"title":"Form"}`)
	require.Equal(t, 202, res.StatusCode, res.body)
	executions := res.data(t)["executions"].(map[string]any)
	each := executions["see"].([]any)
	require.Len(t, each, 2)
	require.Equal(t, "Bare", output(t, a.row(each[0].(string))).(map[string]any)["data"].(map[string]any)["title"], "in the order of the ids, as stored")
	require.Equal(t, "Full", output(t, a.row(each[1].(string))).(map[string]any)["data"].(map[string]any)["title"])
	row := a.row(executions["list"].(string))
	all := output(t, row).(map[string]any)
	require.Equal(t, bareID, all["data"].([]any)[0].(map[string]any)["id"])
	require.Equal(t, fullID, all["data"].([]any)[1].(map[string]any)["id"])
	require.Equal(t, map[string]any{"title": "Form"}, all["params"])
	require.JSONEq(t, `{"type":"manual","action":"trigger","collection":"posts","request":"POST /api/collections/posts/records/trigger"}`, row.GetString("trigger"))
	require.Len(t, executions["aboutTags!tags"], 2, "of those that have some")
	require.IsType(t, "", executions["allTags!tags"])

	ids := make([]string, 101)
	for i := range ids {
		ids[i] = fmt.Sprintf("post%011d", i)
	}
	res = a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=see&ids="+strings.Join(ids, ","), nil)
	require.Equal(t, 400, res.StatusCode)
	require.Contains(t, res.body, "At most 100 records")
	res = a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=see&ids=,", `{"title":"x"}`)
	require.Equal(t, 400, res.StatusCode)

	posts, err := a.FindCollectionByNameOrId("posts")
	require.NoError(t, err)
	for _, id := range ids[10:15] {
		r := core.NewRecord(posts)
		r.Load(map[string]any{"id": id, "title": "draft " + id})
		require.NoError(t, a.Save(r))
	}
	res = a.send("user", http.MethodPost, onPosts+"trigger?triggerWorkflows=draft&ids="+fullID+","+strings.Join(ids[10:15], ","), nil)
	require.Len(t, res.data(t)["executions"].(map[string]any)["draft"], 5, "those that satisfy the condition")
	a.drain()
}

func TestManual_NocoBase(t *testing.T) {
	t.Parallel()
	a := newApp(t, plugin.Config{}, one(manualWorkflows))
	ask := func(url, body string) answer {
		return a.send("user", http.MethodPost, url, strings.NewReader(body), "Content-Type", "")
	}
	executions := func(t *testing.T, res answer) map[string]any {
		t.Helper()
		require.Less(t, res.StatusCode, 300, res.body)
		return res.data(t)["data"].(map[string]any)["executions"].(map[string]any)
	}
	sees := func(t *testing.T, res answer, key string) map[string]any {
		t.Helper()
		return output(t, a.row(executions(t, res)[key].(string))).(map[string]any)
	}
	t.Run("no record", func(t *testing.T) {
		require.Equal(t, map[string]any{"a": 1.0}, sees(t, ask("/api/workflows:trigger?triggerWorkflows=plain", `{"values":{"a":1}}`), "plain")["data"])
		require.Equal(t, map[string]any{"a": 1.0}, sees(t, ask("/api/workflows:trigger?triggerWorkflows=plain", `{"a":1}`), "plain")["data"])
		res := ask("/api/workflows:trigger?triggerWorkflows=plain,open,see", `{}`)
		require.Len(t, executions(t, res), 2)
		require.Equal(t, "see=wrong_trigger", res.skipped())
	})
	t.Run("one record", func(t *testing.T) {
		for _, url := range []string{"/api/posts:trigger/" + fullID + "?triggerWorkflows=see", "/api/posts:trigger?filterByTk=" + fullID + "&triggerWorkflows=see"} {
			res := ask(url, `{"values":{"title":"New"}}`)
			require.Equal(t, 202, res.StatusCode)
			out := sees(t, res, "see")
			require.Equal(t, "New", out["data"].(map[string]any)["title"])
			require.Equal(t, fullID, out["data"].(map[string]any)["id"])
		}
		require.Equal(t, "New", sees(t, ask("/api/posts:trigger?triggerWorkflows=see", `{"title":"New"}`), "see")["data"].(map[string]any)["title"], "not stored yet")
	})
	t.Run("many", func(t *testing.T) {
		for _, list := range []string{"filterByTk[]=" + fullID + "&filterByTk[]=" + bareID, "filterByTk[0]=" + fullID + "&filterByTk[1]=" + bareID, "filterByTk=" + fullID + "," + bareID} {
			res := ask("/api/posts:trigger?triggerWorkflows=see,list&"+list, `{"values":{"title":"New"}}`)
			require.Len(t, executions(t, res)["see"], 2)
			require.Equal(t, "Full", sees(t, res, "list")["data"].([]any)[0].(map[string]any)["title"])
		}
	})
	t.Run("messages and errors", func(t *testing.T) {
		res := ask("/api/workflows:trigger?triggerWorkflows=answers", `{"values":{"name":"Ann"}}`)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, []any{map[string]any{"message": "hello Ann"}}, res.data(t)["messages"])
		require.Equal(t, map[string]any{"answers": map[string]any{"name": "Ann"}}, res.data(t)["data"].(map[string]any)["outputs"])
		res = ask("/api/workflows:trigger?triggerWorkflows=answers", `{"values":{"name":"bad"}}`)
		require.Equal(t, 400, res.StatusCode)
		require.JSONEq(t, `{"errors":[{"message":"No such name."}]}`, res.body)
		require.NotEmpty(t, res.executions())
		require.Equal(t, 401, a.send("", http.MethodPost, "/api/workflows:trigger?triggerWorkflows=plain", `{}`).StatusCode)
		require.Equal(t, 202, a.send("", http.MethodPost, "/api/posts:trigger/"+fullID+"?triggerWorkflows=see&token="+token(t, a.TestApp, "user"), `{}`).StatusCode)
		for url, status := range map[string]int{
			"/api/posts:trigger/missing00000000?triggerWorkflows=see": 404, "/api/nothing:trigger/x?triggerWorkflows=see": 404,
			"/api/posts:trigger/" + fullID: 400, "/api/workflows:trigger": 400, "/api/posts:publish/" + fullID: 404,
		} {
			res := ask(url, `{}`)
			require.Equal(t, status, res.StatusCode, url)
			if status == 400 {
				require.NotEmpty(t, res.data(t)["errors"])
			}
		}
		require.Equal(t, 404, a.send("user", http.MethodGet, "/api/posts:trigger/"+fullID, nil).StatusCode)
	})
}
