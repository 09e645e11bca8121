package script

import (
	"encoding/json"
	"fmt"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// finish records the result of the step.
func (f *fork) finish() goja.Value {
	completed := func(s *workflow.Step) bool { return s.Status == workflow.StatusCompleted }
	failed := func(s *workflow.Step) bool { return s.Status != workflow.StatusCompleted }
	switch f.mode {
	case modeRace:
		return f.end(f.first(func(*workflow.Step) bool { return true }))
	case modeAny:
		if first := f.first(completed); first != nil || len(f.states) == 0 {
			return f.end(first)
		}
		message := fmt.Sprintf("every branch of step %q failed", f.parallel.Name)
		for i, s := range f.states {
			message += fmt.Sprintf("; %s: %s", f.keys[i], s.step.Failure.Message)
		}
		return f.fail(&workflow.Failure{Name: "AggregateError", Message: message})
	case modeAll:
		if first := f.first(failed); first != nil {
			return f.end(first)
		}
	}
	results := make([]json.RawMessage, len(f.states))
	for i, s := range f.states {
		results[i] = s.step.Result
		if f.mode == modeSettled {
			results[i] = settledResult(s.step)
		} else if len(results[i]) == 0 {
			results[i] = json.RawMessage("null")
		}
	}
	return f.complete(f.together(results))
}

func settledResult(s *workflow.Step) json.RawMessage {
	if s.Status == workflow.StatusCompleted {
		value := s.Result
		if len(value) == 0 {
			value = json.RawMessage("null")
		}
		return encode(map[string]any{"status": "fulfilled", "value": value})
	}
	return encode(map[string]any{"status": "rejected", "reason": map[string]any{"name": s.Failure.Name, "message": s.Failure.Message}})
}

// together is a list, or an object in the order of the branches.
func (f *fork) together(results []json.RawMessage) json.RawMessage {
	var b []byte
	for i, r := range results {
		if i > 0 {
			b = append(b, ',')
		}
		if !f.list {
			b = append(append(b, encode(f.keys[i])...), ':')
		}
		b = append(b, r...)
	}
	if f.list {
		return json.RawMessage("[" + string(b) + "]")
	}
	return json.RawMessage("{" + string(b) + "}")
}

// end ends the step as one of its branches ended; nil is a step without any.
func (f *fork) end(branch *workflow.Step) goja.Value {
	switch {
	case branch == nil:
		return f.complete(json.RawMessage("null"))
	case branch.Status == workflow.StatusCompleted:
		return f.complete(branch.Result)
	default:
		return f.fail(branch.Failure)
	}
}

func (f *fork) complete(result json.RawMessage) goja.Value {
	if len(result) > workflow.MaxResultSize {
		return f.fail(&workflow.Failure{
			Name: "TypeError", Message: fmt.Sprintf("step %q: result is %d bytes of JSON, more than the %d allowed", f.parallel.Name, len(result), workflow.MaxResultSize),
		})
	}
	x := f.run
	f.parallel.Messages = f.told
	x.complete(f.parallel, result)
	if x.halted {
		return goja.Undefined()
	}
	v, err := x.parse(result)
	if err != nil {
		return x.halt(fmt.Errorf("read the result of step %q: %w", f.parallel.Name, err))
	}
	return v
}

func (f *fork) fail(failure *workflow.Failure) goja.Value {
	own := *failure
	if own.Step == "" {
		own.Step = f.parallel.Name
	}
	f.parallel.Status, f.parallel.Failure, f.parallel.Messages = workflow.StatusFailed, &own, f.told
	if err := f.run.save(f.parallel); err != nil {
		return f.run.halt(err)
	}
	panic(f.run.recordedError(f.parallel))
}
