// Package e2e runs the real binary and talks to it as an outside client does.
package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	adminEmail    = "admin@example.com"
	adminPassword = "e2e-password-1"
)

// binary is the app, built once for all tests.
var binary string

// repo is the module's root folder.
var repo string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	tmp, err := os.MkdirTemp("", "pbw-e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(tmp)
	if repo, err = filepath.Abs("../../.."); err != nil {
		panic(err)
	}
	binary = filepath.Join(tmp, "pocketbase-workflows")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = repo
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// instance is one app folder: its pb_data survives the servers started on it.
type instance struct {
	t     testing.TB
	dir   string
	token string
	// dev makes servers print every query of the database.
	dev bool
}

// newInstance lays out an app folder with the demo schema and the given
// workflow files, and a superuser.
func newInstance(tb testing.TB, workflows map[string]string) *instance {
	tb.Helper()
	in := &instance{t: tb, dir: tb.TempDir()}
	for name, source := range workflows {
		in.writeWorkflow(name, source)
	}
	out, err := in.command("superuser", "upsert", adminEmail, adminPassword).CombinedOutput()
	require.NoErrorf(tb, err, "%s", out)
	return in
}

func (in *instance) writeWorkflow(name, source string) {
	in.t.Helper()
	dir := filepath.Join(in.dir, "workflows")
	require.NoError(in.t, os.MkdirAll(dir, 0o755))
	require.NoError(in.t, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
}

func (in *instance) command(args ...string) *exec.Cmd {
	args = append(args,
		"--dir", filepath.Join(in.dir, "pb_data"),
		"--workflowsDir", filepath.Join(in.dir, "workflows"),
		"--migrationsDir", filepath.Join(repo, "pb_migrations"),
		"--hooksDir", filepath.Join(in.dir, "pb_hooks"),
		"--hooksPool", "1",
		"--automigrate=false",
		fmt.Sprintf("--dev=%t", in.dev),
	)
	return exec.Command(binary, args...)
}

// server is one running process.
type server struct {
	t    testing.TB
	url  string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// output is what a process prints, also while it does.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// serve starts a server and waits until it answers.
func (in *instance) serve() *server {
	in.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(in.t, err)
	addr := l.Addr().String()
	require.NoError(in.t, l.Close())

	s := &server{t: in.t, url: "http://" + addr, cmd: in.command("serve", "--http", addr), out: new(output), done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	require.NoError(in.t, s.cmd.Start())
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	in.t.Cleanup(s.kill)
	deadline := time.Now().Add(30 * time.Second)
	for {
		res, err := http.Get(s.url + "/api/health")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-s.done:
			require.FailNow(in.t, "the server ended", s.out.String())
		case <-time.After(5 * time.Millisecond):
		}
		require.True(in.t, time.Now().Before(deadline), "the server does not answer")
	}
	if in.token == "" {
		var auth struct{ Token string }
		s.call(http.MethodPost, "/api/collections/_superusers/auth-with-password", "",
			map[string]any{"identity": adminEmail, "password": adminPassword}, &auth)
		require.NotEmpty(in.t, auth.Token)
		in.token = auth.Token
	}
	return s
}

// kill ends the process at once, as a power cut of the process would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stop asks the process to end and waits for it.
func (s *server) stop() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		require.FailNow(s.t, "the server does not stop", s.out.String())
	}
}

// call sends a JSON request, decodes the answer into out (when not nil) and
// returns the response without its body.
func (s *server) call(method, path, token string, body, out any) *http.Response {
	s.t.Helper()
	res, raw, err := s.try(method, path, token, body)
	require.NoError(s.t, err)
	if out != nil {
		require.NoErrorf(s.t, json.Unmarshal(raw, out), "%s %s: %s", method, path, raw)
	}
	return res
}

// try is call for servers that may die in between.
func (s *server) try(method, path, token string, body any) (*http.Response, []byte, error) {
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, nil, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	return res, raw, err
}

// list reads all records of a collection as superuser.
func (s *server) list(in *instance, collection, query string) []map[string]any {
	s.t.Helper()
	var all []map[string]any
	for page := 1; ; page++ {
		var result struct {
			Items      []map[string]any
			TotalPages int
		}
		s.call(http.MethodGet, fmt.Sprintf("/api/collections/%s/records?perPage=1000&page=%d&%s", collection, page, query), in.token, nil, &result)
		all = append(all, result.Items...)
		if page >= result.TotalPages {
			return all
		}
	}
}
