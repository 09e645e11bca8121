package trigger

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// answerManual tells what was started, and what came of it as far as that was
// waited for.
func (w *writing) answerManual(e *core.RequestEvent, end ending) error {
	awaited := map[string]bool{}
	for _, l := range w.chain {
		awaited[l.execution.ID] = true
	}
	status, executions, outputs, skipped := http.StatusOK, listed{}, listed{}, map[string]workflow.SkipReason{}
	for _, r := range w.results {
		switch {
		case r.skip != "":
			skipped[r.ref.String()] = r.skip
			continue
		case !awaited[r.id] || end.late:
			status = http.StatusAccepted
		}
		executions.add(r.ref, r.id)
		if output, ok := end.outputs[r.id]; ok {
			outputs.add(r.ref, output)
		}
	}
	answer := map[string]any{"executions": executions}
	if len(outputs) > 0 {
		answer["outputs"] = outputs
	}
	if len(skipped) > 0 {
		answer["skipped"] = skipped
	}
	if len(end.messages) > 0 {
		answer["messages"] = end.messages
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	e.Response.Header().Set("Content-Type", "application/json")
	w.plan.session.key.answered(e.Response.Header(), status, raw)
	return e.Blob(status, "application/json", raw)
}

// listed are values by entry: the value itself where an entry has one, a list
// where it has several.
type listed map[string]any

func (l listed) add(ref Ref, value any) {
	name := ref.String()
	switch have := l[name].(type) {
	case nil:
		l[name] = value
	case []any:
		l[name] = append(have, value)
	default:
		l[name] = []any{have, value}
	}
}
