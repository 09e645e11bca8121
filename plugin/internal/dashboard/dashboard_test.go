package dashboard_test

import "testing"

// TestDashboard tries the pages in a real Chromium, all on one server.
func TestDashboard(t *testing.T) {
	w := newWorld(t)
	t.Run("workflows", func(t *testing.T) { testWorkflows(t, w) })
	t.Run("executions", func(t *testing.T) { testExecutions(t, w) })
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
