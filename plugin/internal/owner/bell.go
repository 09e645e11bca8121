package owner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// burst is how long the first ring waits for others, which then count as one.
const burst = 20 * time.Millisecond

// bell is the owner's end of the doorbell. It watches the folder of the wake
// file, and looks at the file itself now and then: some file systems (network
// shares, folders of the host in a container) report nothing, and the number
// of watches is limited.
type bell struct {
	path   string
	every  time.Duration // between looks
	rung   func()
	failed func(error)

	watcher *fsnotify.Watcher // nil: looking is all there is
	seen    []byte            // the wake file when it last rang
	again   chan struct{}     // ring anyway
	quit    chan struct{}
	done    sync.WaitGroup
}

// newBell makes a bell that hears every ring from now on, but calls nothing
// before start.
func newBell(path string, every time.Duration, rung func(), failed func(error)) *bell {
	b := &bell{path: path, every: every, rung: rung, failed: failed, again: make(chan struct{}, 1), quit: make(chan struct{})}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		b.watcher, err = watcher, watcher.Add(filepath.Dir(path))
	}
	if err != nil {
		failed(fmt.Errorf("watch %s: %w", filepath.Dir(path), err))
	}
	b.seen = b.read()
	return b
}

func (b *bell) start() {
	b.done.Go(func() {
		if b.watcher == nil {
			b.listen(nil, nil)
			return
		}
		b.listen(b.watcher.Events, b.watcher.Errors)
	})
}

// stop waits for a call of rung; there is none afterwards. It is to be called
// once, started or not.
func (b *bell) stop() {
	close(b.quit)
	if b.watcher != nil {
		_ = b.watcher.Close()
	}
	b.done.Wait()
}

// renew watches a folder that was replaced, and rings: nobody heard what went
// to the old one.
func (b *bell) renew() {
	if b.watcher != nil {
		_ = b.watcher.Remove(filepath.Dir(b.path)) // gone already, or not
		if err := b.watcher.Add(filepath.Dir(b.path)); err != nil {
			b.failed(fmt.Errorf("watch %s again: %w", filepath.Dir(b.path), err))
		}
	}
	select {
	case b.again <- struct{}{}:
	default:
	}
}

func (b *bell) listen(events <-chan fsnotify.Event, errs <-chan error) {
	look := time.NewTicker(b.every)
	defer look.Stop()
	var soon <-chan time.Time // set while a burst is collected
	ring := func() {
		if soon == nil {
			soon = time.After(burst)
		}
	}
	for {
		select {
		case <-b.quit:
			return
		case event, ok := <-events:
			if !ok {
				events = nil
			} else if filepath.Base(event.Name) == filepath.Base(b.path) && event.Has(fsnotify.Create|fsnotify.Write) {
				ring()
			}
		case err, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				b.failed(fmt.Errorf("watch %s: %w", filepath.Dir(b.path), err))
			}
			ring() // whatever it was, it may have hidden one
		case <-b.again:
			ring()
		case <-look.C:
			if !bytes.Equal(b.read(), b.seen) {
				ring()
			}
		case <-soon:
			soon = nil
			b.seen = b.read() // before the call: what comes during it counts anew
			b.rung()
		}
	}
}

// read returns the wake file; one that cannot be read is empty.
func (b *bell) read() []byte {
	text, _ := os.ReadFile(b.path)
	return text
}
