package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a burst of file events may go on before it counts as one
// change: editors write, rename and touch within a few milliseconds.
const settle = 50 * time.Millisecond

// watcher calls changed once after every burst of changes below a folder.
type watcher struct {
	fs   *fsnotify.Watcher
	done sync.WaitGroup
}

// watchDir starts watching dir and its folders, hidden ones and node_modules
// left out. A dir that does not exist is nothing to watch: (nil, nil).
func watchDir(dir string, changed func(), failed func(error)) (*watcher, error) {
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("start watching %s: %w", dir, err)
	}
	w := &watcher{fs: fw}
	if err := w.add(dir); err != nil {
		_ = fw.Close()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w.done.Add(1)
	go w.run(changed, failed)
	return w, nil
}

func (w *watcher) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return w.fs.Add(path)
	})
}

func (w *watcher) run(changed func(), failed func(error)) {
	defer w.done.Done()
	timer := time.NewTimer(settle)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case event, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if event.Has(fsnotify.Create) {
				// A new folder has to be watched too; a file is refused, which is fine.
				_ = w.add(event.Name)
			}
			if !event.Has(fsnotify.Chmod) {
				timer.Reset(settle)
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			failed(err)
		case <-timer.C:
			changed()
		}
	}
}

// stop ends the watching and waits for a change that is being handled.
func (w *watcher) stop() {
	if w == nil {
		return
	}
	_ = w.fs.Close()
	w.done.Wait()
}
