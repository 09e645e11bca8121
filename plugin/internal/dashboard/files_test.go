package dashboard_test

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin"
)

var hostName = regexp.MustCompile(`\b(?:app\.(?:components|modals|toasts|attrs|utils|store|routes)\.\w+|app\.pb|app\.checkApiError|window\.(?:t|store|watch)\b|Prism\.(?:tokenize|languages\.js))`)

// hostNames are what the section uses of PocketBase's dashboard.
func hostNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range []string{"ui/lib/host.js", "ui/main.js"} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		names = append(names, hostName.FindAllString(string(source), -1)...)
	}
	require.Greater(t, len(names), 20)
	return names
}

func TestFiles_OnlyTheHostFileKnowsPocketBasesDashboard(t *testing.T) {
	t.Parallel()
	require.NoError(t, fs.WalkDir(os.DirFS("ui"), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".js") || slices.Contains([]string{"lib/host.js", "main.js"}, path) {
			return err
		}
		source, err := fs.ReadFile(os.DirFS("ui"), path)
		require.NoError(t, err)
		require.NotRegexp(t, `(?m)^[^"'\x60/]*\bapp\.`, string(source), path)
		require.NotContains(t, string(source), "innerHTML", path)
		return nil
	}))
}

// Browsers must see the files of a new release at once.
func TestFiles_AreRevalidated(t *testing.T) {
	t.Parallel()
	app := newApp(t)
	require.NoError(t, plugin.Register(app, plugin.Config{WorkflowsDir: t.TempDir()}))
	url := serve(t, app)
	get := func(path, etag string) *http.Response {
		request, err := http.NewRequest(http.MethodGet, url+path, nil)
		require.NoError(t, err)
		request.Header.Set("If-None-Match", etag)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return response
	}
	for _, path := range []string{"/_/extensions/workflows/lib/host.js", "/_/extensions/workflows/style.css", "/_/extensions.js"} {
		response := get(path, "")
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		require.Equal(t, "no-cache", response.Header.Get("Cache-Control"), path)
		require.Contains(t, response.Header.Get("Content-Security-Policy"), "script-src 'self'", path)
		if etag := response.Header.Get("ETag"); path != "/_/extensions.js" {
			require.NotEmpty(t, etag)
			require.Equal(t, http.StatusNotModified, get(path, etag).StatusCode, path)
		}
	}
	require.Contains(t, get("/_/images/logo.svg", "").Header.Get("Cache-Control"), "max-age", "PocketBase's own files are its own matter")
	require.Equal(t, http.StatusUnauthorized, get("/api/workflows/stats", "").StatusCode)
}
