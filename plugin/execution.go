package plugin

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// ErrNotFound says that there is no execution of an id.
var ErrNotFound = errors.New("execution not found")

// Execution is what the plugin tells of one run of a workflow.
type Execution struct {
	ID       string `json:"id"`
	Workflow string `json:"workflow"`
	Version  int    `json:"version"`
	// Status is queued, running, waiting, or a final one: completed, failed,
	// error, aborted, canceled, rejected.
	Status string `json:"status"`
	Reason string `json:"reason"`
	Mode   string `json:"mode"`
	// Output is the handler's return value as JSON, null until it completed.
	Output json.RawMessage `json:"output"`
	// Error is nil unless the execution ended badly.
	Error    *ExecutionError `json:"error"`
	Messages []string        `json:"messages"`
	Created  time.Time       `json:"created"`
	// StartedAt and FinishedAt are zero until then.
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
}

// ExecutionError is why an execution ended badly.
type ExecutionError struct {
	Message string `json:"message"`
	Name    string `json:"name"`
	// Step is the step that failed, or "".
	Step string `json:"step"`
}

// Find returns one execution. Errors: ErrNotFound, or what the database said.
func (p *Plugin) Find(ctx context.Context, id string) (*Execution, error) {
	e, err := p.store.Find(ctx, id)
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, workflow.ErrGone) {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	if err != nil {
		return nil, fmt.Errorf("find execution %q: %w", id, err)
	}
	return publicExecution(e), nil
}

func publicExecution(e *workflow.Execution) *Execution {
	out := &Execution{
		ID: e.ID, Workflow: e.Workflow, Version: e.Version,
		Status: string(e.Status), Reason: e.Reason, Mode: string(e.Mode),
		Output: e.Output, Messages: e.Messages,
		Created: e.Created, StartedAt: e.StartedAt, FinishedAt: e.FinishedAt,
	}
	if len(out.Output) == 0 {
		out.Output = json.RawMessage("null")
	}
	if out.Messages == nil {
		out.Messages = []string{}
	}
	if e.Failure != nil {
		out.Error = &ExecutionError{Message: e.Failure.Message, Name: e.Failure.Name, Step: e.Failure.Step}
	}
	return out
}
