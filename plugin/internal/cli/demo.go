package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// demoTimeout bounds the story, not a server that --keep leaves running.
const demoTimeout = 60 * time.Second

// NewDemoCommand makes the command "demo": it starts this executable as a
// server on a temporary folder with the given assets, tells what workflows do
// over HTTP as an outside client would, and leaves nothing behind.
func NewDemoCommand(assets fs.FS) *cobra.Command {
	var keep bool
	var address string
	command := &cobra.Command{
		Use:           "demo",
		Short:         "Shows workflows at work on a temporary server",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return demo(ctx, command.OutOrStdout(), assets, address, keep)
		},
	}
	command.Flags().BoolVar(&keep, "keep", false, "leave the server running until Ctrl-C and print the dashboard's address")
	command.Flags().StringVar(&address, "http", "127.0.0.1:0", "the address of the server; port 0 is a free one")
	return command
}

func demo(ctx context.Context, out io.Writer, assets fs.FS, address string, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "pocketbase-workflows-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, name := range []string{"pb_migrations", "pb_hooks", "workflows"} {
		part, err := fs.Sub(assets, name)
		if err != nil {
			return fmt.Errorf("find the demo's %s: %w", name, err)
		}
		if err := os.CopyFS(filepath.Join(dir, name), part); err != nil {
			return fmt.Errorf("copy the demo's %s: %w", name, err)
		}
	}
	password := rand.Text()
	server, err := startServer(ctx, dir, address, password)
	if err != nil {
		return err
	}
	defer server.stop()

	timed, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	s := &story{ctx: timed, out: out, url: server.url, adminPassword: password}
	if err := s.tell(); err != nil {
		return fmt.Errorf("%w\n%s", err, server.output.String())
	}
	if keep {
		fmt.Fprintf(out, "\nThe server goes on at %s until Ctrl-C.\nDashboard: %s/_/\nE-mail:    %s\nPassword:  %s\n", server.url, server.url, adminEmail, password)
		select {
		case <-ctx.Done():
		case <-server.done:
			return errors.New("the server ended by itself")
		}
	}
	return nil
}
