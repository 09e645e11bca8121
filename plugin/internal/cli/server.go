package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const adminEmail = "admin@example.com"

// server is the demo's child process.
type server struct {
	url    string
	cmd    *exec.Cmd
	output *bytes.Buffer
	done   chan struct{}
}

// startServer starts this executable on dir and waits until it answers.
func startServer(ctx context.Context, dir, address, password string) (*server, error) {
	address, err := freeAddress(ctx, address)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the executable: %w", err)
	}
	flags := []string{
		"--dir", filepath.Join(dir, "pb_data"), "--workflowsDir", filepath.Join(dir, "workflows"),
		"--hooksDir", filepath.Join(dir, "pb_hooks"), "--migrationsDir", filepath.Join(dir, "pb_migrations"),
		"--publicDir", filepath.Join(dir, "pb_public"), "--automigrate=false", "--hooksWatch=false", "--dev=false",
	}
	setUp := exec.CommandContext(ctx, self, append([]string{"superuser", "upsert", adminEmail, password}, flags...)...) //nolint:gosec // this very program
	if out, err := setUp.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("create the demo's superuser: %w\n%s", err, out)
	}
	s := &server{
		url: "http://" + address, output: new(bytes.Buffer), done: make(chan struct{}),
		// It is stopped in order, not killed when the context ends.
		cmd: exec.CommandContext(context.WithoutCancel(ctx), self, append([]string{"serve", "--http", address}, flags...)...), //nolint:gosec // this very program
	}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	// Ctrl-C reaches the whole process group; the child is stopped by us, in order.
	s.cmd.SysProcAttr = ownGroup()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the demo's server: %w", err)
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	if err := s.ready(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, s.output.String())
	}
	return s, nil
}

func freeAddress(ctx context.Context, address string) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("the demo's address is not free: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// ready waits until the server answers.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/health", nil)
		if err != nil {
			return fmt.Errorf("ask for the server's health: %w", err)
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return errors.New("the demo's server ended")
		case <-ctx.Done():
			return errors.New("the demo's server does not answer")
		case <-tick.C:
		}
	}
}

// stop ends the server, by force if it takes long.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(12 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}
