package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// loadTimeout is how long the top level of one file may run.
const loadTimeout = 5 * time.Second

// FileProblem is a file, or some workflows of it, that can't be used.
type FileProblem struct {
	// File is relative to the workflows directory.
	File string
	// Keys are the workflows meant; none means the whole file.
	Keys    []string
	Problem *workflow.Problem
}

// Result is what a folder of workflow files holds.
type Result struct {
	Versions []workflow.Version // Number is not set
	Problems []FileProblem
}

// Load reads the *.js files directly in dir, in name order. A file that does
// not load, or a wrong option, becomes a problem and stops nothing else. A
// missing dir is empty. Errors: dir can't be read.
func Load(app core.App, dir string) (*Result, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the workflows directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the workflows directory: %w", err)
	}
	l := &loader{app: app, dir: dir, result: &Result{}, first: map[string]*workflow.Definition{}}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".js") || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), ".test.js") {
			continue
		}
		l.file(e.Name())
	}
	return l.result, nil
}

type loader struct {
	app    core.App
	dir    string
	result *Result
	first  map[string]*workflow.Definition // where each key stands first
}

// declared is one workflow(...) call as it was made.
type declared struct {
	key     goja.Value
	options goja.Value
	handler goja.Value
	line    int
}

func (l *loader) file(name string) {
	raw, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.broken(name, 0, err.Error())
		return
	}
	source := string(raw)
	program, err := compile(stackName(l.dir, name), source)
	if err != nil {
		line, message := syntaxError(err)
		// The end of the wrapper stands on a line that the file does not have.
		l.broken(name, min(line, strings.Count(strings.TrimRight(source, "\n"), "\n")+1), message)
		return
	}
	mods := &modules{dir: l.dir, recorded: map[string]string{}}
	calls, vm, err := l.run(name, program, mods)
	if err != nil {
		line, message := thrown(err, l.dir, name)
		l.broken(name, line, message)
		return
	}
	places := findPlaces(stackName(l.dir, name), source)
	for _, c := range calls {
		l.declare(name, source, mods, vm, c, places)
	}
}

func (l *loader) broken(file string, line int, message string) {
	l.result.Problems = append(l.result.Problems, FileProblem{File: file, Problem: &workflow.Problem{File: file, Line: line, Message: message}})
}

// run executes the top level of a file and collects its workflow calls.
func (l *loader) run(name string, program *goja.Program, mods *modules) (calls []declared, vm *goja.Runtime, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	vm = newVM(l.app, l.dir)
	timer := time.AfterFunc(loadTimeout, func() { vm.Interrupt(fmt.Errorf("the top level of the file runs longer than %s", loadTimeout)) })
	defer timer.Stop()
	file := stackName(l.dir, name)
	register := func(call goja.FunctionCall) goja.Value {
		c := declared{key: call.Argument(0), options: call.Argument(1), handler: call.Argument(2)}
		for _, frame := range vm.CaptureCallStack(0, nil) {
			if frame.SrcName() == file {
				c.line = frame.Position().Line
				break
			}
		}
		calls = append(calls, c)
		return goja.Undefined()
	}
	err = evaluate(vm, program, require.NewRegistry(require.WithLoader(mods.load)), filepath.Join(l.dir, name), register)
	return calls, vm, err
}

func (l *loader) declare(file, source string, mods *modules, vm *goja.Runtime, c declared, places places) {
	key, ok := c.key.Export().(string)
	problem := func(option, format string, args ...any) {
		line := places.option(key, option)
		if line == 0 {
			line = c.line
		}
		p := FileProblem{File: file, Problem: &workflow.Problem{File: file, Line: line, Option: option, Message: fmt.Sprintf(format, args...)}}
		if workflow.ValidKey(key) && l.first[key] == nil {
			p.Keys = []string{key}
		} else {
			p.Keys = []string{""} // this call only, no workflow of the file
		}
		l.result.Problems = append(l.result.Problems, p)
	}
	if !ok || !workflow.ValidKey(key) {
		problem("", "the first argument of workflow() must be a key of letters, digits, - and _ (at most 64, starting with a letter or digit), got %s", show(c.key))
		return
	}
	if other := l.first[key]; other != nil {
		problem("", "workflow %q is already defined in %s:%d", key, other.File, other.Line)
		return
	}
	def := &workflow.Definition{Key: key, File: file, Line: c.line}
	if err := readOptions(vm, c.options, def); err != nil {
		problem(err.option, "%s", err.message)
		l.first[key] = def
		return
	}
	if _, ok := goja.AssertFunction(c.handler); !ok {
		problem("", "the third argument of workflow(%q, options, handler) must be a function, got %s", key, show(c.handler))
		l.first[key] = def
		return
	}
	l.first[key] = def
	l.result.Versions = append(l.result.Versions, workflow.Version{
		Workflow: key, Hash: hash(source, mods.recorded), File: file, Script: source, Modules: mods.recorded, Definition: *def,
	})
}

// show is a short form of a value for messages.
func show(v goja.Value) string {
	if v == nil || goja.IsUndefined(v) {
		return "undefined"
	}
	s := v.String()
	if _, ok := v.Export().(string); ok {
		s = fmt.Sprintf("%q", s)
	}
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return s
}
