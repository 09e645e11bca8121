package owner

import (
	"log/slog"
	"time"
)

// Config sets up an Owner. Its functions must not call Start or Stop of the
// Owner, which wait for them.
type Config struct {
	// Dir is the data folder (pb_data). Required; it has to exist.
	Dir string

	// Heartbeat is how often the owner renews its Info, sees to it that its lock
	// file is still in place, and looks for rings that the operating system did
	// not report. Defaults to 2 seconds.
	Heartbeat time.Duration
	// Logger returns where failures go, and who the owner is. Defaults to
	// slog.Default.
	Logger func() *slog.Logger
	// Now is the clock of Info. Defaults to time.Now.
	Now func() time.Time
	// OnAcquire is called when this process has become the owner. It has to read
	// all that waits to be run: what was rung before is not repeated. An error
	// lets go of the folder again. Defaults to nothing.
	OnAcquire func() error
	// OnRelease is called when this process ceases to be the owner, once for
	// every OnAcquire that succeeded: by Stop, or when another process took a
	// lock file that had been replaced. The lock is let go of when it returns, so
	// by then nothing may run any more. Defaults to nothing.
	OnRelease func()
	// OnRing is called when other processes have rung, once for all that do so
	// within 20 milliseconds; never concurrently with itself, never before
	// OnAcquire has returned or after OnRelease was called. A ring too many is
	// possible. Defaults to nothing.
	OnRing func()
	// Retry is how often a process that does not own tries to. Defaults to
	// 2 seconds.
	Retry time.Duration
}

func (c Config) withDefaults() Config {
	if c.Heartbeat <= 0 {
		c.Heartbeat = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnAcquire == nil {
		c.OnAcquire = func() error { return nil }
	}
	if c.OnRelease == nil {
		c.OnRelease = func() {}
	}
	if c.OnRing == nil {
		c.OnRing = func() {}
	}
	if c.Retry <= 0 {
		c.Retry = 2 * time.Second
	}
	return c
}
