package plugin_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

// mailing is an app whose mails a hook takes; sent are their receivers.
func mailing(t *testing.T, source string, fail bool) (a *app, sent func() []string) {
	t.Helper()
	testApp := newHookedApp(t, plugin.Config{}, one(source)) // PocketBase's TestApp keeps mails
	t.Cleanup(testApp.Cleanup)
	testApp.Settings().Meta.AppName, testApp.Settings().Meta.AppURL = "Shop", "https://shop.example.org"
	if fail {
		testApp.OnMailerSend().BindFunc(func(*core.MailerEvent) error { return errors.New("the mail server is down") })
	}
	a = &app{TestApp: testApp, t: t, plugin: plugin.Get(testApp)}
	a.serve()
	return a, func() (to []string) {
		for _, m := range testApp.TestMailer.Messages() {
			to = append(to, m.To[0].Address)
		}
		return to
	}
}

// TestTasks_Mail: who is asked gets one mail when it is their turn.
func TestTasks_Mail(t *testing.T) {
	t.Parallel()
	t.Run("at once, with what it is about", func(t *testing.T) {
		a, sent := mailing(t, asking("ask", `{ assignees: ["anna00000000000", "berta0000000000"], cc: "carl00000000000", title: "Pay <b>now</b>?", description: "A & B", dueIn: "2d" }`), false)
		p := people(a, "anna", "berta", "carl")
		id := a.trigger("ask", nil)
		task := a.opens(id).Id
		require.Eventually(t, func() bool { return len(sent()) == 2 }, soon, glance)
		require.Equal(t, []string{"anna@example.org", "berta@example.org"}, sent())
		m := a.TestMailer.FirstMessage()
		require.Equal(t, "Pay <b>now</b>?", m.Subject)
		for _, part := range []string{"Pay &lt;b&gt;now&lt;/b&gt;?", "A &amp; B", "Shop", `href="https://shop.example.org"`, "Please answer by"} {
			require.Contains(t, m.HTML, part)
		}
		require.NotContains(t, m.HTML, "<b>now")
		require.Equal(t, http.StatusOK, a.as(p["anna"], http.MethodPost, "/api/workflows/tasks/"+task+"/delegate", map[string]any{"to": "carl00000000000"}).StatusCode)
		require.Eventually(t, func() bool { return len(sent()) == 3 }, soon, glance)
		require.Equal(t, "carl@example.org", sent()[2], "who gets a place is asked")
		require.Equal(t, 200, a.decides(p["carl"], task, "approve").StatusCode)
		a.ends(id)
		require.Len(t, sent(), 3, "nobody is written to twice")
	})
	t.Run("one after another", func(t *testing.T) {
		a, sent := mailing(t, asking("ask", `{ `+two+`, order: "sequential" }`), false)
		p := people(a, "anna", "berta")
		task := a.opens(a.trigger("ask", nil)).Id
		require.Eventually(t, func() bool { return len(sent()) == 1 }, soon, glance)
		require.Equal(t, 200, a.decides(p["anna"], task, "approve").StatusCode)
		require.Eventually(t, func() bool { return len(sent()) == 2 }, soon, glance)
		require.Equal(t, []string{"anna@example.org", "berta@example.org"}, sent())
	})
	t.Run("not when the task says so", func(t *testing.T) {
		a, sent := mailing(t, asking("quiet", `{ assignees: "anna00000000000", notify: false }`)+asking("loud", `{ assignees: "berta0000000000" }`), false)
		people(a, "anna", "berta")
		a.opens(a.trigger("quiet", nil))
		a.opens(a.trigger("loud", nil))
		require.Eventually(t, func() bool { return len(sent()) == 1 }, soon, glance)
		require.Equal(t, []string{"berta@example.org"}, sent())
	})
	t.Run("a failure is logged only", func(t *testing.T) {
		a, sent := mailing(t, asking("ask", `{ assignees: "anna00000000000" }`), true)
		p := people(a, "anna")
		id := a.trigger("ask", nil)
		require.Equal(t, 200, a.decides(p["anna"], a.opens(id).Id, "approve").StatusCode)
		require.Equal(t, "completed", a.ends(id).GetString("status"))
		require.Empty(t, sent())
	})
	t.Run("nobody without a mailer", func(t *testing.T) {
		a := newApp(t, plugin.Config{}, one(asking("ask", `{ assignees: "anna00000000000" }`)))
		people(a, "anna")
		require.NotContains(t, a.opens(a.trigger("ask", nil)).GetString("assignees"), "notified")
	})
}
