package owner

import (
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// tenure is one time of owning, from taking the lock to letting go of it.
type tenure struct {
	config Config
	folder folder
	lock   *flock.Flock
	info   Info
	silent bool // the last heartbeat could not be written
	bell   *bell

	lost  chan struct{} // closed when another process owns the folder
	quit  chan struct{}
	pulse sync.WaitGroup
}

// begin takes the lock, says so and hears rings from then on. Nil without an
// error: somebody else owns.
func begin(config Config, f folder) (*tenure, error) {
	if err := f.make(); err != nil {
		return nil, err
	}
	lock, err := tryLock(f.lock())
	if lock == nil {
		return nil, err
	}
	host, _ := os.Hostname()
	t := &tenure{
		config: config, folder: f, lock: lock,
		info: Info{PID: os.Getpid(), Host: host, Started: config.Now()},
		lost: make(chan struct{}), quit: make(chan struct{}),
	}
	t.beat()
	t.bell = newBell(f.wake(), config.Heartbeat, config.OnRing, func(err error) {
		config.Logger().Warn("Executions of other processes may start some seconds late", "error", err)
	})
	t.pulse.Go(t.live)
	return t, nil
}

// end lets go of the lock, last of all. The bell is stopped already.
func (t *tenure) end() {
	close(t.quit)
	t.pulse.Wait()
	select {
	case <-t.lost: // the files are another's
	default:
		_ = os.Remove(t.folder.info()) // else it stays, and nobody believes it
	}
	if err := t.lock.Unlock(); err != nil {
		t.config.Logger().Error("The lock of the workflows could not be released", "file", t.lock.Path(), "error", err)
	}
}

// live is the heartbeat; it ends when the lock is lost.
func (t *tenure) live() {
	ticker := time.NewTicker(t.config.Heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-t.quit:
			return
		case <-ticker.C:
		}
		if !t.keep() {
			close(t.lost)
			return
		}
		t.beat()
	}
}

// keep takes the lock of the file that is in place now, if that is another one
// than we hold. It reports false when somebody else was faster.
func (t *tenure) keep() bool {
	if !replaced(t.lock) {
		return true
	}
	if err := t.folder.make(); err != nil {
		return true // without a folder nobody else owns it; the next heartbeat tries again
	}
	next, err := tryLock(t.folder.lock())
	if err != nil {
		t.config.Logger().Error("The lock file of the workflows is gone and cannot be made anew", "error", err)
		return true
	}
	if next == nil {
		t.config.Logger().Error("The lock file of the workflows was replaced and another process has taken it; this one stops running them", "file", t.lock.Path())
		return false
	}
	t.config.Logger().Warn("The lock file of the workflows was replaced; its new one is taken", "file", t.lock.Path())
	_ = t.lock.Unlock() // of a file that is gone
	t.lock = next
	t.bell.renew()
	return true
}

// beat writes the info, with the present time.
func (t *tenure) beat() {
	t.info.Heartbeat = t.config.Now()
	err := t.info.write(t.folder)
	if err != nil && !t.silent {
		t.config.Logger().Warn("Which process runs the workflows could not be written down", "error", err)
	}
	t.silent = err != nil
}
