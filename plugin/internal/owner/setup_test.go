package owner_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/owner"
)

// soon is how long a test waits for what has to happen, at most.
const soon = 10 * time.Second

// childDir names the data folder that a child process is to own.
const childDir = "OWNER_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child owns or waits, telling its standard output, until it is killed or its
// standard input ends.
func child(dir string) {
	o := owner.New(owner.Config{
		Dir: dir, Retry: 10 * time.Millisecond,
		Logger:    func() *slog.Logger { return slog.New(slog.DiscardHandler) },
		OnAcquire: func() error { _, err := fmt.Println("owns"); return err },
		OnRing:    func() { fmt.Println("rung") },
	})
	if err := o.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := o.Ring(); err != nil {
			fmt.Println(err)
		}
	}
	o.Stop()
}

// process is a child process.
type process struct {
	*exec.Cmd
	stdin io.WriteCloser
	lines chan string
}

// spawn starts a child process, killed at the latest when the test ends.
func spawn(t *testing.T, dir string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &process{Cmd: exec.Command(self), lines: make(chan string, 100)}
	p.Env = append(os.Environ(), childDir+"="+dir)
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

// says waits for the next line.
func (p *process) says(t *testing.T, line string) {
	t.Helper()
	assert.Equal(t, line, within(t, p.lines))
}

// party is an Owner of this process, and what happened to it.
type party struct {
	*owner.Owner
	logs                     *logs
	acquired, released, rung chan struct{}
}

// newParty makes an Owner that is stopped at the latest when the test ends.
func newParty(t *testing.T, dir string, change ...func(*owner.Config)) *party {
	t.Helper()
	p := &party{
		logs:     &logs{},
		acquired: make(chan struct{}, 100), released: make(chan struct{}, 100), rung: make(chan struct{}, 100),
	}
	config := owner.Config{
		Dir: dir, Retry: 10 * time.Millisecond, Heartbeat: time.Hour,
		Logger:    func() *slog.Logger { return slog.New(slog.NewTextHandler(p.logs, nil)) },
		OnAcquire: func() error { p.acquired <- struct{}{}; return nil },
		OnRelease: func() { p.released <- struct{}{} },
		OnRing:    func() { p.rung <- struct{}{} },
	}
	for _, c := range change {
		c(&config)
	}
	p.Owner = owner.New(config)
	t.Cleanup(p.Stop)
	return p
}

func heartbeat(d time.Duration) func(*owner.Config) {
	return func(c *owner.Config) { c.Heartbeat = d }
}

func retry(d time.Duration) func(*owner.Config) {
	return func(c *owner.Config) { c.Retry = d }
}

// start starts an Owner that must not fail.
func (p *party) start(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Start())
}

// within waits for something that has to come.
func within[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(soon):
		require.FailNow(t, "it did not happen")
		panic("unreachable")
	}
}

// eventually waits for a condition that has to become true.
func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, soon, 5*time.Millisecond, what)
}

// logs collects what was logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// count tells in how many lines a text was logged.
func (l *logs) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func inFolder(dir string, names ...string) string {
	return filepath.Join(append([]string{dir, owner.DirName}, names...)...)
}
