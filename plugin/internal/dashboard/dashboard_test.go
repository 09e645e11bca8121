package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDashboard tries the pages in a real Chromium, all on one server. A page
// that complains on its console, or breaks the content security policy, fails.
func TestDashboard(t *testing.T) {
	w := newWorld(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"workflows", testWorkflows},
		{"executions", testExecutions},
		{"execution", testExecution},
		{"workflow", testWorkflow},
		{"host", testHost},
		{"narrow and dark", testLooks},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, w) })
	}
}

func testWorkflows(t *testing.T, w *world) {
	w.runs(t, "publish-post", map[string]any{"id": "1", "title": "One"}, "completed")
	w.runs(t, "publish-post", map[string]any{"id": "1", "title": "One", "fail": "no"}, "failed")
	w.runs(t, "nasty", map[string]any{"html": nasty}, "error")

	p := w.open(t, "#/collections")
	p.clicks(".header-link", "Workflows")
	const rows = `[...document.querySelectorAll(".wf-workflows tbody tr[data-key]")].map((r) => r.dataset.key).join()`

	t.Run("are listed with what they did", func(t *testing.T) {
		p.t = t
		p.has(`tr[data-key="publish-post"]`, "Publish a post")
		p.has(`tr[data-key="publish-post"]`, "after a named create or update of posts")
		p.has(`tr[data-key="publish-post"]`, "50 %")
		p.sees("a bar with both", `document.querySelectorAll('tr[data-key="publish-post"] .wf-bars rect').length >= 2`)
		p.has(`tr[data-key="audit-posts"]`, "after every create, update or delete of posts")
		p.has(`tr[data-key="audit-posts"]`, "never")
		p.has(`tr[data-key="broken"]`, `broken.js:2: option "on.collection": there is no collection`)
		p.shoot("workflows-light")
	})
	t.Run("a script in a title or tag stays text", func(t *testing.T) {
		p.t = t
		p.has(`tr[data-key="nasty"] .wf-title`, nasty)
		p.has(`tr[data-key="nasty"] .label`, nasty)
		require.Equal(t, `""`, p.evaluates(`window.hacked || ""`))
	})
	t.Run("a key is copied with one click", func(t *testing.T) {
		p.t = t
		p.evaluates(`(navigator.clipboard.writeText = async (text) => { window.copied = text }, 1)`)
		p.clicks(`tr[data-key="publish-post"] .copy-to-clipboard`, "publish-post")
		p.sees("the key", `window.copied == "publish-post"`)
	})
	t.Run("are switched on and off", func(t *testing.T) {
		p.t = t
		p.clicks(`tr[data-key="switched-off"] label[for^="wf_enabled_"]`, "")
		p.has(".toast", `Enabled "switched-off".`)
		require.Eventually(t, func() bool { return w.workflow(t, "switched-off").GetBool("enabled") }, patience, tick)
		p.has(`tr[data-key="switched-off"] td`, "Switched off")
	})
	t.Run("a switch that somebody else moves is followed", func(t *testing.T) {
		p.t = t
		row := w.workflow(t, "switched-off")
		row.Set("enabled", false)
		require.NoError(t, w.app.Save(row))
		p.sees("off again", `!document.querySelector('tr[data-key="switched-off"] .switch').checked`)
	})
	t.Run("a queue is paused and resumed", func(t *testing.T) {
		p.t = t
		p.clicks(`tr[data-key="review-post"] .btn.circle`, "More")
		p.clicks(`tr[data-key="review-post"] .dropdown-item`, "Pause its queue")
		p.has(`tr[data-key="review-post"]`, "paused")
		p.clicks(`tr[data-key="review-post"] .btn.circle`, "More")
		p.clicks(`tr[data-key="review-post"] .dropdown-item`, "Resume its queue")
		p.sees("resumed", `!document.querySelector('tr[data-key="review-post"] .label.warning')`)
	})
	t.Run("are filtered and sorted, and the address says how", func(t *testing.T) {
		p.t = t
		p.clicks(`tr[data-key="publish-post"] .label.handle`, "demo")
		p.sees("those of the tag", rows+` == "publish-post"`)
		p.sees("the address", `location.hash.includes("tag=demo")`)
		p.chooses("#wf_filter_tag", "")
		p.chooses("#wf_filter_state", "invalid")
		p.sees("the invalid ones", rows+` == "broken"`)
		p.chooses("#wf_filter_state", "")
		p.clicks(".wf-workflows th.sort-handle", "24 hours")
		p.sees("the busiest first", rows+`.startsWith("publish-post,nasty,")`)
		p.goes("#/workflows?search=audit")
		p.sees("those found", rows+` == "audit-posts"`)
		p.goes("#/workflows?search=nowhere")
		p.has(".wf-nothing", "No workflow matches.")
		p.clicks(".wf-nothing .btn", "Clear search")
		p.sees("all", rows+`.includes("broken")`)
	})
	t.Run("a row leads to its page by keyboard too", func(t *testing.T) {
		p.t = t
		p.evaluates(`(document.querySelector('tr[data-key="publish-post"]').focus(), document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true })), 1)`)
		p.sees("its page", `location.hash.startsWith("#/workflows/publish-post")`)
	})
}

func testExecutions(t *testing.T, w *world) {
	waiting := w.runs(t, "review-post", map[string]any{"id": "1", "title": "One"}, "waiting")
	failed := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "fail": "no"}, "failed")
	p := w.open(t, "#/executions")
	row := func(id string) string { return `tr[data-id="` + id + `"]` }

	t.Run("are listed, newest first", func(t *testing.T) {
		p.t = t
		p.has(row(waiting), "waiting")
		p.has(row(failed), "the mail server said no")
		p.sees("the newest", `document.querySelector("tr[data-id]").dataset.id == "`+failed+`"`)
		p.shoot("executions-light")
	})
	t.Run("new ones appear by themselves", func(t *testing.T) {
		p.t = t
		id := w.starts(t, "publish-post", map[string]any{"id": "3", "title": "Three"})
		p.has(row(id), "completed")
	})
	t.Run("are filtered", func(t *testing.T) {
		p.t = t
		p.chooses("#wf_x_status", "waiting")
		p.sees("only it", `document.querySelectorAll("tr[data-id]").length == 1`)
		p.chooses("#wf_x_status", "")
		p.chooses("#wf_x_workflow", "nasty")
		p.sees("only those", `[...document.querySelectorAll("tr[data-id]")].every((r) => r.textContent.includes("nasty"))`)
		for _, search := range []string{"mail server", `status = "failed" && error.step = "flaky"`} {
			p.goes("#/executions?search=" + escape(search))
			p.has(row(failed), "failed")
			p.sees("not the other", `!document.querySelector('`+row(waiting)+`')`)
		}
		p.expects("status of 400")
		p.goes("#/executions?search=" + escape("no such = field"))
		p.has(".alert.danger", "Try again")
		p.goes("#/executions?from=2100-01-01T00:00")
		p.has(".wf-nothing", "No execution matches.")
	})
	t.Run("are canceled, run again and deleted together", func(t *testing.T) {
		p.t = t
		p.goes("#/executions?workflow=review-post")
		p.clicks(row(waiting)+" .col-bulk-select label", "")
		p.clicks(".wf-bulkbar .btn", "Cancel")
		p.clicks(".modal.popup .btn", "Cancel them")
		p.has(row(waiting), "canceled")
		w.becomes(t, waiting, "canceled")
		p.clicks(row(waiting)+" .col-bulk-select label", "")
		p.clicks(".wf-bulkbar .btn", "Rerun")
		p.clicks(".modal.popup .btn", "Run again")
		p.sees("the new one", `document.querySelectorAll("tr[data-id]").length == 2`)
		p.clicks(row(waiting)+" .col-bulk-select label", "")
		p.clicks(".wf-bulkbar .btn", "Delete")
		p.clicks(".modal.popup .btn", "Delete")
		p.sees("it is gone", `!document.querySelector('`+row(waiting)+`')`)
	})
	t.Run("all that match are canceled", func(t *testing.T) {
		p.t = t
		p.clicks(".page-header .btn.circle", "More")
		p.clicks("#wf-executions-more .dropdown-item", "Cancel all that match")
		p.has(".modal.popup", `workflow = "review-post"`)
		p.clicks(".modal.popup .btn", "Cancel them")
		p.has("tr[data-id]", "canceled")
	})
	t.Run("are loaded page by page", func(t *testing.T) {
		p.t = t
		ids := make([]string, 45)
		for i := range ids {
			ids[i] = w.starts(t, "many", map[string]any{"n": i})
		}
		w.becomes(t, ids[44], "completed")
		for _, address := range []string{"#/executions?workflow=many", "#/executions?search=" + escape(`workflow = "many"`)} {
			p.goes(address)
			p.sees("a page", `document.querySelectorAll("tr[data-id]").length == 40`)
			p.clicks(".load-more-btn", "Load more")
			p.sees("all, each once", `new Set([...document.querySelectorAll("tr[data-id]")].map((r) => r.dataset.id)).size == 45`)
			p.sees("in order", `((ids) => ids.join() == [...ids].sort().reverse().join())([...document.querySelectorAll("tr[data-id]")].map((r) => r.dataset.id))`)
			p.sees("no more", `!document.querySelector(".load-more-btn").getClientRects().length`)
		}
	})
}

func testExecution(t *testing.T, w *world) {
	failed := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "fail": "no"}, "failed")
	done := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "big": 2000}, "completed")

	t.Run("that failed says where and is run again from there", func(t *testing.T) {
		p := w.open(t, "#/executions/"+failed)
		p.has(".wf-failure .wf-frames a", "publish.js:10")
		p.sees("a mark for every attempt", `document.querySelectorAll('.wf-tl-row[data-step="flaky"] .wf-tl-mark').length == 3`)
		p.has(`.wf-step[data-step="flaky"]`, "3 failed attempts")
		p.has(".wf-values", "begins")
		p.shoot("execution-failed-light")
		p.clicks(".page-header .btn", "Rerun from the failure")
		p.clicks(".modal.popup .btn", "Run again")
		p.sees("the new one", `location.hash.startsWith("#/executions/") && !location.hash.includes("`+failed+`")`)
		p.has(".wf-fact", "Rerun of"+failed)
		p.goes("#/executions/" + failed)
		p.has(".wf-fact", "Run again as")
	})
	t.Run("is run again from a step", func(t *testing.T) {
		p := w.open(t, "#/executions/"+done)
		p.clicks(".wf-tl-row", "flaky")
		p.has(".wf-step", "b@example.com")
		p.clicks(".wf-step .btn", "Rerun from this step")
		p.clicks(".modal.popup .btn", "Run again")
		p.has(".wf-fact", "Rerun of"+done)
		p.has(".page-header", "completed")
	})
	t.Run("big values are folded, and copied whole", func(t *testing.T) {
		p := w.open(t, "#/executions/"+done)
		p.evaluates(`(navigator.clipboard.writeText = async (text) => { window.copied = text }, 1)`)
		p.clicks(`.wf-json[aria-label="Output"] .copy-to-clipboard`, "Copy")
		p.sees("the output", `JSON.parse(window.copied).text.length == 2000`)
		p.clicks(`.wf-json[aria-label="Output"] .label`, "show all 2000 characters")
		p.sees("all of it", `document.querySelector('.wf-json[aria-label="Output"]').textContent.includes("x".repeat(2000))`)
	})
	t.Run("is drawn while it goes on", func(t *testing.T) {
		id := w.runs(t, "review-post", map[string]any{"id": "1", "title": "One"}, "waiting")
		p := w.open(t, "#/executions/"+id)
		p.sees("a hatched wait", `document.querySelector('.wf-tl-row[data-step="review"] .hatched')`)
		p.shoot("execution-waiting-light")
		p.clicks(".page-header .btn", "Send event")
		p.sees("the event that it waits for", `document.querySelector(".modal input[type=text]").value == "reviewed"`)
		p.clicks(".modal .btn", "Send")
		p.has(".page-header .wf-status", "completed")
		p.has(".wf-tl-row", "publish it")
		p.has(".wf-fact .wf-other", "publish-post")
	})
	t.Run("is canceled", func(t *testing.T) {
		id := w.runs(t, "review-post", map[string]any{"id": "1", "title": "One"}, "waiting")
		p := w.open(t, "#/executions/"+id)
		p.clicks(".page-header .btn", "Cancel")
		p.clicks(".modal.popup .btn", "Cancel it")
		p.has(".page-header .wf-status", "canceled")
		p.clicks(".page-header .btn", "Delete")
		p.clicks(".modal.popup .btn", "Delete")
		p.sees("the list", `location.hash.startsWith("#/executions") && !location.hash.includes("`+id+`")`)
		p.expects("status of 404")
		p.goes("#/executions/" + id)
		p.has(".alert.danger", "There is no such execution")
	})
	t.Run("a script in data, names, results, logs and errors stays text", func(t *testing.T) {
		id := w.runs(t, "nasty", map[string]any{"html": nasty}, "error")
		p := w.open(t, "#/executions/"+id)
		p.has(".wf-failure", nasty)
		p.has(".wf-log", nasty)
		p.clicks(".wf-tl-row", nasty)
		p.has(".wf-step .wf-json", "window.hacked")
		require.Equal(t, `""`, p.evaluates(`window.hacked || ""`))
	})
}

func testWorkflow(t *testing.T, w *world) {
	p := w.open(t, "#/workflows/publish-post")
	t.Run("its executions", func(t *testing.T) {
		p.t = t
		p.has(".wf-head", "Publish a post")
		p.has(".wf-executions", "completed")
		p.has(".page-sidebar .nav-item.active", "publish-post")
		p.shoot("workflow-executions-light")
	})
	t.Run("its code, and what has changed", func(t *testing.T) {
		p.t = t
		p.goes("#/workflows/publish-post?tab=code&line=10")
		p.has(".wf-line.marked", "flaky")
		p.shoot("workflow-code-light")
		w.write(t, "publish.js", strings.Replace(sources["publish.js"], "toLowerCase", "toUpperCase", 1))
		p.has("#wf_version", "v2 (present)")
		p.chooses("#wf_other", "1")
		p.has(".wf-diff .come", "toUpperCase")
		p.has(".wf-diff .gone", "toLowerCase")
		p.clicks(".wf-diff-fold", "unchanged")
		p.has(".wf-diff", "Publishes what was saved")
		p.shoot("workflow-diff-light")
	})
	t.Run("its settings", func(t *testing.T) {
		p.t = t
		p.clicks(".tab-item", "Settings")
		p.has(`tr[data-option="retries"]`, "2 times, after 10 ms, constant")
		p.has(`tr[data-option="rule"]`, `@request.auth.id != ""`)
		p.has(`tr[data-option="timeout"]`, "5 m")
		p.clicks(`label[for="wf_set_enabled"]`, "")
		p.has(`tr[data-option="enabled"]`, "Off: nothing starts it")
		require.Eventually(t, func() bool { return !w.workflow(t, "publish-post").GetBool("enabled") }, patience, tick)
		p.clicks(`label[for="wf_set_enabled"]`, "")
		p.sees("on again", `document.querySelector("#wf_set_enabled").checked`)
	})
	t.Run("how it is called", func(t *testing.T) {
		p.t = t
		p.clicks(".tab-item", "Call it")
		p.has(".wf-call", `/api/collections/posts/records?triggerWorkflows=publish-post`)
		p.has(".wf-call", `"title":"some text"`)
		p.clicks(".wf-call .tab-item", "Dart SDK")
		p.has(".wf-call", `'triggerWorkflows': 'publish-post'`)
		p.shoot("workflow-call-light")
	})
	t.Run("one that does not exist", func(t *testing.T) {
		p.t = t
		p.expects("status of 404")
		p.goes("#/workflows/nothing")
		p.has(".alert.danger", `There is no workflow "nothing".`)
	})
}

// testHost: everything of PocketBase's undocumented API that is used must exist.
func testHost(t *testing.T, w *world) {
	p := w.open(t, "#/workflows")
	p.has("tr", "Publish a post")
	for _, name := range hostNames(t) {
		require.NotEqual(t, `"undefined"`, p.evaluates("typeof "+name), "%s is gone from PocketBase's dashboard", name)
	}
}

func testLooks(t *testing.T, w *world) {
	failed := w.runs(t, "publish-post", map[string]any{"id": "2", "title": "Two", "fail": "no"}, "failed")
	pages := []struct{ name, hash, selector, text string }{
		{"workflows", "#/workflows", "tr", "Publish a post"},
		{"executions", "#/executions", "tr", "publish-post"},
		{"execution", "#/executions/" + failed, ".wf-timeline", "make slug"},
		{"workflow", "#/workflows/publish-post?tab=code", ".wf-code", "make slug"},
	}
	for _, l := range []look{{width: 1280, dark: true}, {width: 390}} {
		p := w.openAs(t, "#/settings", l)
		p.has(".page", "Application")
		for _, page := range pages {
			name := fmt.Sprintf("%s-%d", page.name, l.width)
			t.Run(name, func(t *testing.T) {
				p.t = t
				p.goes(page.hash)
				p.has(page.selector, page.text)
				p.sees("the colors", fmt.Sprintf(`document.documentElement.dataset.colorScheme == (%t ? "dark" : "light")`, l.dark))
				p.sees("nothing beside the screen", `document.documentElement.scrollWidth <= innerWidth && document.querySelector(".page-content").scrollWidth <= document.querySelector(".page-content").clientWidth`)
				p.shoot(name)
			})
		}
	}
}
