package script

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// A file runs as the body of a function, so that its top-level variables are
// fresh for every run. The head stands on the first line: line numbers stay.
const (
	wrapHead = "(function(exports, require, module, __filename, __dirname, workflow) { "
	wrapTail = "\n})"
)

// compile makes the program of an entry file; name is what stacks show.
func compile(name, source string) (*goja.Program, error) {
	return goja.Compile(name, wrapHead+source+wrapTail, false)
}

// hash identifies an entry file together with its modules.
func hash(source string, modules map[string]string) string {
	h := sha256.New()
	write := func(s string) { fmt.Fprintf(h, "%d:%s", len(s), s) }
	write(source)
	names := make([]string, 0, len(modules))
	for name := range modules {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		write(name)
		write(modules[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// modules is where require() finds files: those below the workflows folder are
// recorded, or for a stored version played back from the record.
type modules struct {
	dir      string // absolute
	recorded map[string]string
	playback bool
}

func (m *modules) load(path string) ([]byte, error) {
	abs, err := filepath.Abs(filepath.FromSlash(path))
	if err != nil {
		return nil, require.ModuleFileDoesNotExistError
	}
	name, local := m.local(abs)
	if local && m.playback {
		if source, ok := m.recorded[name]; ok {
			return []byte(source), nil
		}
		return nil, require.ModuleFileDoesNotExistError
	}
	info, err := os.Stat(abs)
	if err != nil || info.IsDir() {
		return nil, require.ModuleFileDoesNotExistError
	}
	raw, err := os.ReadFile(abs)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, require.ModuleFileDoesNotExistError
		}
		return nil, err
	}
	if local {
		m.recorded[name] = string(raw)
	}
	return raw, nil
}

// local tells whether a file is part of a version: below the workflows folder
// and not an installed package.
func (m *modules) local(abs string) (string, bool) {
	rel, err := filepath.Rel(m.dir, abs)
	if err != nil || strings.HasPrefix(rel, "..") || strings.Contains(rel, "node_modules") {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// stackName is how a file is called in stacks and problems.
func stackName(dir, file string) string { return filepath.Base(dir) + "/" + file }

// playback is the module source of a stored version.
func playback(dir string, v *workflow.Version) *modules {
	return &modules{dir: dir, recorded: v.Modules, playback: true}
}
