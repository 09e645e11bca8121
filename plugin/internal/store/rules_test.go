package store

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// apiFixture is an app with one ended and one queued execution of a user.
type apiFixture struct {
	app                 core.App
	api                 http.Handler
	ended, queued, step string
	workflow, gone      string
	version             string
	owner, other, super string
}

func newFixture(t testing.TB) apiFixture {
	t.Helper()
	app := newApp(t)
	s := New(app)
	ctx := context.Background()
	router, err := apis.NewRouter(app)
	require.NoError(t, err)
	api, err := router.BuildMux()
	require.NoError(t, err)
	f := apiFixture{app: app, api: api}
	owner, token := authToken(t, app, "users", "test@example.com")
	f.owner = token
	_, f.other = authToken(t, app, "users", "test2@example.com")
	_, f.super = authToken(t, app, core.CollectionNameSuperusers, "test@example.com")

	ended, queued := newExecution("a"), newExecution("a")
	for _, e := range []*workflow.Execution{ended, queued} {
		e.User, e.UserCollection = owner.Id, "users"
	}
	insert(t, app, s, ended, queued)
	step := newStep("s", 0)
	step.Failure = &workflow.Failure{Message: "step failure", Stack: "step stack"}
	require.NoError(t, s.SaveStep(ctx, ended, step))
	ended.Status, ended.Messages = workflow.StatusError, []string{"told to the user"}
	ended.Failure = &workflow.Failure{Message: "went wrong", Stack: "secret stack"}
	ended.Logs = []workflow.Log{{Level: "info", Message: "secret log"}}
	require.NoError(t, errOf(s.Finish(ctx, ended)))
	f.ended, f.queued, f.step = ended.ID, queued.ID, step.ID

	_, err = s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1"), newVersion("b", "1")}, nil)
	require.NoError(t, err)
	_, err = s.SyncDefinitions(ctx, []workflow.Version{newVersion("a", "1")}, nil)
	require.NoError(t, err)
	f.workflow, f.gone = row(t, app, "a").Id, row(t, app, "b").Id
	versions, err := app.FindAllRecords(versionsName)
	require.NoError(t, err)
	f.version = versions[0].Id
	return f
}

// call is a request of an outside client.
func (f apiFixture) call(t testing.TB, method, url, token, body string) (status int, answer string) {
	t.Helper()
	request := httptest.NewRequest(method, url, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	recorder := httptest.NewRecorder()
	f.api.ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

func TestRules(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	executions := "/api/collections/" + executionsName + "/records"
	steps := "/api/collections/" + stepsName + "/records"
	secrets := []string{"secret", `"input"`, `"logs"`, `"chain"`, `"errorStack"`, `"stack"`}
	for _, c := range []struct {
		name, url, token string
		status           int
		has, hasNot      []string
	}{
		{"the owner sees the outcome only", executions + "/" + f.ended, f.owner, 200, []string{`"status":"error"`, `"message":"went wrong"`, "told to the user"}, secrets},
		{"the owner lists their own", executions, f.owner, 200, []string{`"totalItems":2`}, secrets},
		{"hidden fields can't be filtered on", executions + "?filter=errorStack~'secret'", f.owner, 400, []string{`"status":400`}, nil},
		{"another user sees none", executions + "/" + f.ended, f.other, 404, []string{`"status":404`}, nil},
		{"another user lists none", executions, f.other, 200, []string{`"totalItems":0`}, nil},
		{"a guest sees none", executions + "/" + f.ended, "", 404, []string{`"status":404`}, nil},
		{"a guest lists none", executions, "", 200, []string{`"totalItems":0`}, nil},
		{"a superuser sees all", executions + "/" + f.ended, f.super, 200, []string{"secret input", "secret log", `"message":"went wrong"`, `"stack":"secret stack"`}, nil},
		{"steps are not the owner's", steps, f.owner, 403, []string{`"status":403`}, nil},
		{"a superuser sees steps", steps, f.super, 200, []string{`"step stack"`, `"kind":"run"`}, nil},
		{"a superuser expands steps", executions + "/" + f.ended + "?expand=" + stepsName + "_via_execution", f.super, 200, []string{"step stack"}, nil},
		{"the owner does not", executions + "/" + f.ended + "?expand=" + stepsName + "_via_execution", f.owner, 200, []string{f.ended}, []string{"step stack"}},
		{"workflows are superusers'", "/api/collections/" + workflowsName + "/records", f.owner, 403, []string{`"status":403`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := f.call(t, http.MethodGet, strings.ReplaceAll(c.url, "'", "%27"), c.token, "")
			require.Equal(t, c.status, status, body)
			for _, want := range c.has {
				require.Contains(t, body, want)
			}
			for _, secret := range c.hasNot {
				require.NotContains(t, body, secret)
			}
		})
	}
}

func TestGuards(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := func(collection, id string) string {
		if id != "" {
			id = "/" + id
		}
		return "/api/collections/" + collection + "/records" + id
	}
	whole, err := row(t, f.app, "a").MarshalJSON()
	require.NoError(t, err)
	sent := strings.Replace(string(whole), `"enabled":true`, `"enabled":false`, 1)
	for _, c := range []struct {
		name, method, url, body string
		status                  int
		has                     []string
	}{
		{"the switch can be moved", "PATCH", path(workflowsName, f.workflow), `{"enabled":false}`, 200, []string{`"enabled":false`}},
		{"also by a form that sends all", "PATCH", path(workflowsName, f.workflow), sent, 200, []string{`"enabled":false`}},
		{"other fields can't", "PATCH", path(workflowsName, f.workflow), `{"enabled":true,"rule":null,"title":"x"}`, 400, []string{`"rule":{`, `"title":{`, "validation_read_only"}},
		{"nor the hidden ones", "PATCH", path(workflowsName, f.workflow), `{"problems":{"load":{"message":"x"}}}`, 400, []string{`"problems":{`}},
		{"no workflow is created", "POST", path(workflowsName, ""), `{"key":"new"}`, 400, []string{"files"}},
		{"a live workflow stays", "DELETE", path(workflowsName, f.workflow), "", 400, []string{"file is gone"}},
		{"a missing one goes", "DELETE", path(workflowsName, f.gone), "", 204, nil},
		{"no version is changed", "PATCH", path(versionsName, f.version), `{"script":"x"}`, 400, []string{"versions can't be changed"}},
		{"no version is deleted", "DELETE", path(versionsName, f.version), "", 400, []string{"pinned"}},
		{"no version is created", "POST", path(versionsName, ""), `{}`, 400, []string{"versions can't be created"}},
		{"no execution is created", "POST", path(executionsName, ""), `{"workflow":"a"}`, 400, []string{"Trigger the workflow"}},
		{"no execution is changed", "PATCH", path(executionsName, f.queued), `{"status":"completed"}`, 400, []string{"Executions can't be changed"}},
		{"a live execution stays", "DELETE", path(executionsName, f.queued), "", 400, []string{"this one is queued"}},
		{"no step is created", "POST", path(stepsName, ""), `{}`, 400, []string{"Steps can't be created"}},
		{"no step is changed", "PATCH", path(stepsName, f.step), `{"result":1}`, 400, []string{"Steps can't be changed"}},
		{"no step is deleted", "DELETE", path(stepsName, f.step), "", 400, []string{"with their execution"}},
		{"no task is created", "POST", path(tasksName, ""), `{}`, 400, []string{"Tasks can't be created"}},
		{"an ended execution goes", "DELETE", path(executionsName, f.ended), "", 204, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := f.call(t, c.method, c.url, f.super, c.body)
			require.Equal(t, c.status, status, body)
			for _, want := range c.has {
				require.Contains(t, body, want)
			}
		})
	}
}
