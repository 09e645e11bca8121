package nodes

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// service is the outside world of workflows/nodes-http.js: it answers with what it
// was asked, is busy at first, slow or knows nothing, by path.
type service struct {
	url string

	mu    sync.Mutex
	asked []asked
	gone  chan struct{} // closed when the slow answers may end
}

type asked struct {
	Method, Path, Body, ContentType, Authorization, Key string
	Query, Form                                         map[string][]string
	File                                                string
}

func newService(t testing.TB) *service {
	s := &service{gone: make(chan struct{})}
	server := httptest.NewServer(s)
	s.url = server.URL
	t.Cleanup(func() {
		close(s.gone)
		server.Close()
	})
	return s
}

// ServeHTTP answers.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := asked{
		Method: r.Method, Path: r.URL.Path, ContentType: r.Header.Get("Content-Type"),
		Authorization: r.Header.Get("Authorization"), Key: r.Header.Get("Idempotency-Key"), Query: r.URL.Query(),
	}
	switch {
	case strings.HasPrefix(got.ContentType, "multipart/"):
		_ = r.ParseMultipartForm(1 << 20)
		got.Form = r.MultipartForm.Value
		if files := r.MultipartForm.File["file"]; len(files) == 1 {
			f, _ := files[0].Open()
			content, _ := io.ReadAll(f)
			got.File = files[0].Filename + ": " + string(content)
		}
	case strings.HasPrefix(got.ContentType, "application/x-www-form-urlencoded"):
		_ = r.ParseForm()
		got.Form = r.PostForm
	default:
		raw, _ := io.ReadAll(r.Body)
		got.Body = string(raw)
	}
	s.mu.Lock()
	s.asked = append(s.asked, got)
	n := len(s.asked)
	s.mu.Unlock()
	switch r.URL.Path {
	case "/busy":
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			_, _ = io.WriteString(w, "at last")
		}
	case "/slow":
		select {
		case <-s.gone:
		case <-r.Context().Done():
		}
	case "/missing":
		http.Error(w, "there is no such thing", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(got)
	}
}

func (s *service) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked{}, s.asked...)
}

// httpNodes run workflows/nodes-http.js; the environment says where its service is.
var httpNodes = cases{
	"node-http": func(t *testing.T, d *demo) {
		s := newService(t)
		t.Setenv("DEMO_SERVICE_URL", s.url)
		t.Setenv("DEMO_SERVICE_TOKEN", "secret")
		tag := d.save("tags", object{"title": "Go"})
		id := d.trigger("node-http", d.post(object{"title": "A & B", "content": "<p>c</p>", "tags": []string{tag.Id}}))
		answers := d.outputOf(id).(list)
		require.Len(t, answers, 4)
		require.Equal(t, object{"title": list{"A & B"}, "page": list{"1"}}, answers[0].(object)["Query"])
		all := s.requests()
		require.Len(t, all, 5)
		require.Equal(t, "GET ", all[0].Method+" "+all[0].Body)
		require.Empty(t, all[0].Key, "what only reads needs none")
		require.Equal(t, "POST application/json", all[1].Method+" "+all[1].ContentType)
		require.JSONEq(t, `{"title":"A & B","tags":["`+tag.Id+`"]}`, all[1].Body)
		require.Regexp(t, "^[0-9a-f]{32}$", all[1].Key)
		require.Equal(t, "PUT", all[2].Method)
		require.Equal(t, map[string][]string{"title": {"A & B"}, "tag": {"a", "b"}}, all[2].Form)
		require.Equal(t, "PATCH Bearer secret", all[3].Method+" "+all[3].Authorization)
		require.Equal(t, map[string][]string{"title": {"A & B"}}, all[3].Form)
		require.Equal(t, "content.html: <p>c</p>", all[3].File)
		require.Equal(t, "DELETE", all[4].Method)
		require.Equal(t, []string{"look up", "create", "replace", "change", "delete"}, d.steps(id))
		rows, err := d.FindAllRecords("_workflowSteps")
		require.NoError(t, err)
		for _, row := range rows {
			require.NotContains(t, row.GetString("options"), "secret")
		}
	},
	"node-http-retries": func(t *testing.T, d *demo) {
		s := newService(t)
		t.Setenv("DEMO_SERVICE_URL", s.url)
		require.Equal(t, "at last", d.output("node-http-retries", d.post(object{"title": "t"})))
		require.Len(t, s.requests(), 3)
	},
	"node-http-ignore": func(t *testing.T, d *demo) {
		s := newService(t)
		t.Setenv("DEMO_SERVICE_URL", s.url)
		require.Equal(t, object{"slow": "GET " + s.url + "/slow got no answer in time", "missing": 404.0},
			d.output("node-http-ignore", d.post(object{"title": "t"})))
	},
}
