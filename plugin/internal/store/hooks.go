package store

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// hookID names the package's hook handlers, so that a host can unbind or
// reorder them.
const hookID = "pbWorkflowsStore"

// BindHooks adds to app what the system collections need in PocketBase's own
// records API: BindEnrich, BindGuards and BindCounters. Call it once per app.
func BindHooks(app core.App) {
	BindEnrich(app)
	BindGuards(app)
	BindCounters(app)
}

// BindEnrich shows superusers the error of an execution with its stack
// ("error.stack"), in answers and in realtime messages. Nobody else gets it.
func BindEnrich(app core.App) {
	app.OnRecordEnrich(executionsName).Bind(&hook.Handler[*core.RecordEnrichEvent]{
		Id: hookID,
		Func: func(e *core.RecordEnrichEvent) error {
			if e.RequestInfo != nil && e.RequestInfo.HasSuperuserAuth() {
				if stack := e.Record.GetString("errorStack"); stack != "" {
					shown := map[string]any{}
					if err := e.Record.UnmarshalJSONField("error", &shown); err != nil || shown == nil {
						shown = map[string]any{}
					}
					shown["stack"] = stack
					e.Record.Set("error", shown)
				}
			}
			return e.Next()
		},
	})
}
