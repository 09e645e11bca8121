package plugin

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// answer is what a dry run has to tell.
func (d *dryRun) answer(e *workflow.Execution, out workflow.Outcome, took time.Duration) *workflow.DryRun {
	answer := &workflow.DryRun{
		Dry: true, Workflow: e.Workflow, Version: e.Version, Status: out.Status, Reason: out.Reason,
		Output: orNull(out.Output), Error: dryError(out.Failure), Messages: orEmpty(out.Messages), Logs: orEmpty(out.Logs),
		Steps: []workflow.DryStep{}, Duration: took.Milliseconds(),
	}
	d.steps.mu.Lock()
	for _, s := range d.steps.steps {
		answer.Steps = append(answer.Steps, dryStep(s))
	}
	d.steps.mu.Unlock()
	d.mu.Lock()
	answer.Calls = orEmpty(d.calls)
	d.mu.Unlock()
	d.writes.mu.Lock()
	answer.Writes = orEmpty(d.writes.list)
	d.writes.mu.Unlock()
	return answer
}

func dryStep(s *workflow.Step) workflow.DryStep {
	step := workflow.DryStep{
		Name: s.Name, Index: s.Index, Kind: s.Kind, Status: s.Status, Attempt: s.Attempt, Options: s.Options,
		Result: orNull(s.Result), Error: dryError(s.Failure), Logs: orEmpty(s.Logs), WouldWait: waitsFor(s.Kind),
	}
	if s.Kind == workflow.StepInvoke {
		var options struct {
			Wait bool `json:"wait"`
		}
		step.WouldWait = json.Unmarshal(s.Options, &options) == nil && options.Wait && s.Status == workflow.StatusCompleted
	}
	return step
}

// frame is the place at the end of a line of a stack.
var frame = regexp.MustCompile(`([^\s(]+):(\d+):(\d+)\)?$`)

func dryError(f *workflow.Failure) *workflow.DryError {
	if f == nil {
		return nil
	}
	out := &workflow.DryError{Failure: *f}
	first, _, _ := strings.Cut(f.Stack, "\n")
	if m := frame.FindStringSubmatch(first); m != nil {
		out.File = m[1]
		out.Line, _ = strconv.Atoi(m[2])
		out.Column, _ = strconv.Atoi(m[3])
	}
	return out
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// orEmpty keeps null out of an answer's lists.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
