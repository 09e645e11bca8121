package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for the page: machines may be busy.
const (
	patience = 30 * time.Second
	tick     = 20 * time.Millisecond
)

// escape is text in an address.
func escape(text string) string { return url.QueryEscape(text) }

// chromium finds the browser. Where tests must not be skipped (CI is set), having
// none is a failure.
func chromium(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		require.FailNow(tb, "no Chromium found: apt-get install chromium")
	}
	tb.Skip("no Chromium found: the dashboard is not tried in a browser (apt-get install chromium)")
	return ""
}

// browser is one Chromium, shared by all tests of a world.
type browser struct {
	ctx    context.Context //nolint:containedctx // chromedp keeps the browser in it
	cancel func()
}

func newBrowser(tb testing.TB) *browser {
	tb.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(tb)),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(patience),
	)
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	require.NoError(tb, chromedp.Do(ctx))
	return &browser{ctx, func() { cancel(); cancelAllocator() }}
}

// look is how a page is looked at.
type look struct {
	width int64
	dark  bool
}

// tab is one page under test. What it says on its console in anger fails the
// test at its end.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the page in it
	url string

	mu     sync.Mutex
	anger  []string
	expect []string
}

func (b *browser) open(t *testing.T, address string, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &tab{t: t, ctx: ctx, url: address}
	require.NoError(t, chromedp.Listen(ctx, p.heard))
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	_, err1 := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	_, err2 := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	_, err3 := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: 850, DeviceScaleFactor: 1, Mobile: l.width < 600,
	})
	require.NoError(t, errors.Join(err1, err2, err3))
	t.Cleanup(func() {
		defer cancel()
		if t.Failed() {
			p.shoot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.anger, "the console")
	})
	return p
}

func (p *tab) heard(event any) {
	said := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, arg := range e.Args {
				said += fmt.Sprintf("%s%s", arg.Value, arg.Description) + " "
			}
		}
	case *runtime.EventExceptionThrown:
		said = fmt.Sprintf("%+v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			said = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
	if said == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, known := range p.expect {
		if strings.Contains(said, known) {
			return
		}
	}
	p.anger = append(p.anger, said)
}

// expects allows what the test provokes.
func (p *tab) expects(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expect = append(p.expect, text)
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// goes opens a page of the dashboard, e.g. "#/workflows".
func (p *tab) goes(hash string) {
	p.t.Helper()
	inside := fmt.Sprintf(`location.href.startsWith(%q) && location.hash != %q`, p.url, hash)
	if p.evaluates(inside) == "true" { // as a link does
		p.evaluates(fmt.Sprintf(`(document.querySelector(".page").dataset.left = 1, location.hash = %q)`, hash))
		p.sees("the page "+hash, `document.querySelector(".page") && !document.querySelector("[data-left]")`)
		return
	}
	p.run(chromedp.Navigate("about:blank"), chromedp.Navigate(p.url+"/_/"+hash))
}

// evaluates is the value of an expression as JSON.
func (p *tab) evaluates(js string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify("+js+") ?? ''"))
	require.NoError(p.t, err, js)
	return text
}

// sees waits until an expression is true.
func (p *tab) sees(what, js string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	ask := chromedp.Evaluate[bool]("(() => { try { return !!(" + js + ") } catch { return false } })()")
	for {
		ok, err := chromedp.Run(ctx, ask)
		if ok {
			return
		}
		if err == nil {
			err = chromedp.Do(ctx, chromedp.Sleep(30*time.Millisecond))
		}
		if err != nil {
			text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.hash + '\\n' + document.body.innerText.slice(0, 3000)"))
			require.FailNowf(p.t, "not seen: "+what, "%v\n%s\nconsole: %q\n%s", err, js, p.anger, text)
		}
	}
}

// has waits until an element that a selector finds has a text.
func (p *tab) has(selector, text string) {
	p.t.Helper()
	p.sees(selector+" with "+text, fmt.Sprintf("[...document.querySelectorAll(%q)].some((el) => el.textContent.includes(%q))", selector, text))
}

// clicks clicks the first shown element that a selector finds with a text or label.
func (p *tab) clicks(selector, text string) {
	p.t.Helper()
	p.sees("to click: "+selector+" with "+text, fmt.Sprintf(
		"((el) => { if (!el || el.disabled) { return false } el.click(); return true })([...document.querySelectorAll(%q)].find((el) => (el.textContent.includes(%q) || el.ariaLabel?.includes(%q)) && el.getClientRects().length))",
		selector, text, text))
}

// chooses chooses an option of a select, once it is there.
func (p *tab) chooses(selector, value string) {
	p.t.Helper()
	p.sees(selector+" with "+value, fmt.Sprintf(
		"((el) => { if (![...el.options].some((o) => o.value == %[2]q)) { return false } el.value = %[2]q; el.dispatchEvent(new Event('change', { bubbles: true })); return true })(document.querySelector(%[1]q))", selector, value))
}

// shoot keeps a picture in the folder that SCREENSHOTS names.
func (p *tab) shoot(name string) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	_ = chromedp.Do(p.ctx, chromedp.Sleep(400*time.Millisecond)) // animations
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err == nil {
		_ = os.MkdirAll(dir, 0o755)
		_ = os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o600)
	}
}
