package dashboard_test

import (
	"strings"
	"testing"
)

// TestDashboard tries the pages in a real Chromium, all on one server.
func TestDashboard(t *testing.T) {
	w := newWorld(t)
	t.Run("workflows", func(t *testing.T) { testWorkflows(t, w) })
	t.Run("executions", func(t *testing.T) { testExecutions(t, w) })
	t.Run("execution", func(t *testing.T) { testExecution(t, w) })
	t.Run("workflow", func(t *testing.T) { testWorkflow(t, w) })
}

func testWorkflows(t *testing.T, w *world) {
	w.runs(t, "publish-post", map[string]any{"id": "1", "title": "One"}, "completed")
	w.runs(t, "publish-post", map[string]any{"id": "1", "title": "One", "fail": "no"}, "failed")

	t.Run("are listed with what they did", func(t *testing.T) {
		p := w.open(t, "#/collections")
		p.clicks(".header-link", "Workflows")
		p.has(`tr[data-key="publish-post"]`, "Publish a post")
		p.has(`tr[data-key="publish-post"]`, "50 %")
		p.shoot("workflows-light")
	})
}

func testExecutions(t *testing.T, w *world) {
	waiting := w.runs(t, "review-post", map[string]any{"id": "1", "title": "One"}, "waiting")
	failed := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "fail": "no"}, "failed")

	t.Run("are listed", func(t *testing.T) {
		p := w.open(t, "#/executions")
		p.has(`tr[data-id="`+waiting+`"]`, "waiting")
		p.has(`tr[data-id="`+failed+`"]`, "the mail server said no")
		p.shoot("executions-light")
	})
}

func testExecution(t *testing.T, w *world) {
	waiting := w.runs(t, "review-post", map[string]any{"id": "1", "title": "One"}, "waiting")
	failed := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "fail": "no"}, "failed")
	done := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "big": 2000}, "completed")

	t.Run("failed", func(t *testing.T) {
		p := w.open(t, "#/executions/"+failed)
		p.has(".wf-failure", "the mail server said no")
		p.has(".wf-timeline", "make slug")
		p.shoot("execution-failed-light")
	})
	t.Run("waiting", func(t *testing.T) {
		p := w.open(t, "#/executions/"+waiting)
		p.has(".wf-timeline", "review")
		p.shoot("execution-waiting-light")
	})
	t.Run("done", func(t *testing.T) {
		p := w.openAs(t, "#/executions/"+done, look{width: 1280, dark: true})
		p.has(".wf-timeline", "cool down")
		p.clicks(".wf-tl-row", "flaky")
		p.has(".wf-step", "b@example.com")
		p.shoot("execution-done-dark")
	})
}

func testWorkflow(t *testing.T, w *world) {
	t.Run("its executions", func(t *testing.T) {
		p := w.open(t, "#/workflows/publish-post")
		p.has(".wf-head", "Publish a post")
		p.has(".wf-executions", "completed")
		p.shoot("workflow-executions-light")
	})
	t.Run("its code, and what has changed", func(t *testing.T) {
		p := w.open(t, "#/workflows/publish-post?tab=code&line=10")
		p.has(".wf-line.marked", "flaky")
		p.shoot("workflow-code-light")
		w.write(t, "publish.js", strings.Replace(sources["publish.js"], "toLowerCase", "toUpperCase", 1))
		p.has("#wf_version", "v2 (present)")
		p.goes("#/workflows/publish-post?tab=code&with=1")
		p.has(".wf-diff .come", "toUpperCase")
		p.has(".wf-diff .gone", "toLowerCase")
		p.shoot("workflow-diff-light")
	})
	t.Run("its settings", func(t *testing.T) {
		p := w.openAs(t, "#/workflows/publish-post?tab=settings", look{width: 1280, dark: true})
		p.has(`tr[data-option="retries"]`, "2 times, after 10 ms, constant")
		p.shoot("workflow-settings-dark")
	})
	t.Run("how it is called", func(t *testing.T) {
		p := w.open(t, "#/workflows/publish-post?tab=call")
		p.has(".wf-call", "triggerWorkflows=publish-post")
		p.shoot("workflow-call-light")
	})
}
