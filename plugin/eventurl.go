package plugin

import (
	"strings"
	"time"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// eventURL is the address by which an outside system can send an event once. It
// is computed, not stored: the journal and the logs never see it.
func (p *Plugin) eventURL(e *workflow.Execution, step *workflow.Step, event string, expires time.Time) string {
	token := p.api.EventToken(e.ID, event, step.ID, expires)
	return strings.TrimRight(p.app.Settings().Meta.AppURL, "/") + "/api/workflows/events/send/" + token
}
