package script

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// failureOf turns whatever a script threw into its stored form. Dir's base name
// tells the script's own frames from those of Go and of installed packages.
func failureOf(vm *goja.Runtime, err error, dir string) *workflow.Failure {
	f := &workflow.Failure{Name: "Error", Message: err.Error()}
	var exception *goja.Exception
	if !errors.As(err, &exception) {
		return f
	}
	describe(vm, exception.Value(), f)
	if frames := ownFrames(exception.Stack(), dir); len(frames) > 0 {
		f.Stack = strings.Join(frames, "\n")
	} else if obj, ok := exception.Value().(*goja.Object); ok {
		// A rejected promise has its stack in the error only.
		if stack := obj.Get("stack"); stack != nil {
			f.Stack = strings.Join(ownText(stack.String(), dir), "\n")
		}
	}
	return f
}

func describe(vm *goja.Runtime, v goja.Value, f *workflow.Failure) {
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		f.Message = "the script threw " + fmt.Sprint(v)
		return
	}
	switch e := v.Export().(type) {
	case string:
		f.Message = e
		return
	case *router.ApiError:
		f.Name, f.Message = "ApiError", e.Message
		return
	case error:
		f.Message = e.Error()
		return
	case map[string]any:
		if goErr, ok := e["value"].(error); ok {
			f.Name, f.Message = "GoError", goErr.Error()
			return
		}
	}
	obj, ok := v.(*goja.Object)
	if !ok {
		f.Message = v.String()
		return
	}
	if name := obj.Get("name"); name != nil && !goja.IsUndefined(name) {
		f.Name = name.String()
	}
	if message := obj.Get("message"); message != nil && !goja.IsUndefined(message) {
		f.Message = message.String()
		return
	}
	if raw, err := obj.MarshalJSON(); err == nil && len(raw) < 1000 {
		f.Message = string(raw)
		return
	}
	f.Message = v.String()
}

func ownFrames(stack []goja.StackFrame, dir string) []string {
	prefix := filepath.Base(dir) + "/"
	var out []string
	for _, frame := range stack {
		if !strings.HasPrefix(frame.SrcName(), prefix) && !strings.HasPrefix(frame.SrcName(), dir) {
			continue
		}
		p := frame.Position()
		at := fmt.Sprintf("%s:%d:%d", ownName(frame.SrcName(), dir), p.Line, p.Column)
		if name := frame.FuncName(); name != "" {
			at = name + " (" + at + ")"
		}
		out = append(out, at)
	}
	return out
}

func ownName(src, dir string) string {
	if rel, err := filepath.Rel(dir, src); err == nil && filepath.IsAbs(src) {
		return stackName(dir, filepath.ToSlash(rel))
	}
	return src
}

func ownText(stack, dir string) []string {
	var out []string
	for line := range strings.Lines(stack) {
		if strings.Contains(line, filepath.Base(dir)+"/") {
			out = append(out, strings.TrimPrefix(strings.TrimSpace(line), "at "))
		}
	}
	return out
}

var syntaxPosition = regexp.MustCompile(`Line (\d+):(\d+) (.*)`)

// syntaxError reads goja's "file: Line 3:7 Unexpected token".
func syntaxError(err error) (line int, message string) {
	if m := syntaxPosition.FindStringSubmatch(err.Error()); m != nil {
		line, _ = strconv.Atoi(m[1])
		return line, "syntax error: " + m[3]
	}
	return 0, err.Error()
}

// thrown tells where and what a file threw while it was loaded.
func thrown(err error, dir, name string) (line int, message string) {
	var interrupted *goja.InterruptedError
	if errors.As(err, &interrupted) {
		return 0, fmt.Sprint(interrupted.Value())
	}
	var exception *goja.Exception
	if errors.As(err, &exception) {
		for _, frame := range exception.Stack() {
			if frame.SrcName() == stackName(dir, name) {
				line = frame.Position().Line
				break
			}
		}
	}
	return line, "the file throws: " + failureOf(nil, err, dir).Message
}
