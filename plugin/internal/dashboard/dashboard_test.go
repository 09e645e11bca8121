package dashboard_test

import "testing"

// TestDashboard tries the pages in a real Chromium, all on one server.
func TestDashboard(t *testing.T) {
	w := newWorld(t)
	t.Run("workflows", func(t *testing.T) { testWorkflows(t, w) })
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
