package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// Service is what the routes ask of the plugin.
type Service interface {
	// Find reads one execution, or sql.ErrNoRows.
	Find(ctx context.Context, id string) (*workflow.Execution, error)
	// Cancel ends executions and the children that they wait for, and returns the
	// ids of those that this ended.
	Cancel(ctx context.Context, ids []string) ([]string, error)
	// Rerun starts an execution that does another one again.
	Rerun(ctx context.Context, id string, from workflow.RerunFrom) (string, error)
	// Send sends an event; workflow.ErrGone when the execution has ended,
	// workflow.ErrTokenUsed when its URL was used.
	Send(ctx context.Context, v *workflow.Event) error
	// SetPaused stops or resumes the queue of a workflow; sql.ErrNoRows for an
	// unknown key.
	SetPaused(ctx context.Context, key string, paused bool) error
	// Trigger answers a request to start the workflow {key} by hand.
	Trigger(e *core.RequestEvent) error
	// Schedule shows when a workflow runs; nil for one without a schedule.
	Schedule(key string) (*workflow.ScheduleView, error)
	// Activity tells what the executions of the last hours did.
	Activity(ctx context.Context) (workflow.Activities, error)
	// Graph derives what a version of a workflow may do from its source; version 0
	// is the present one. sql.ErrNoRows for an unknown key or version.
	Graph(ctx context.Context, key string, version int) (*workflow.Graph, error)
	// Decisions are why recent requests did or did not start a workflow, newest
	// first. sql.ErrNoRows for a key that nobody has named.
	Decisions(key string) ([]workflow.Decision, error)
	// Run starts a workflow on behalf of a superuser and returns the execution's id.
	// sql.ErrNoRows for an unknown key.
	Run(ctx context.Context, key string, r workflow.RunRequest) (string, error)
	// DryRun runs a workflow and undoes all that it did.
	DryRun(ctx context.Context, key string, r workflow.RunRequest) (*workflow.DryRun, error)
}

// ErrRefused wraps reasons that are the caller's to deal with: they are answered
// with 400.
var ErrRefused = errors.New("refused")

// API is the routes of one app.
type API struct {
	app     core.App
	service Service
}

// New makes the routes; Bind adds them to a server.
func New(app core.App, service Service) *API { return &API{app: app, service: service} }

// maxBody is the largest body of a route, in bytes.
const maxBody = 2 << 20

// Bind adds the routes.
func (a *API) Bind(e *core.ServeEvent) {
	group := e.Router.Group("/api/workflows")
	group.Bind(apis.BodyLimit(maxBody))
	group.GET("/stats", a.stats).Bind(superusers())
	group.POST("/executions/cancel", a.cancelAll).Bind(superusers())
	group.POST("/executions/rerun", a.rerunAll).Bind(superusers())
	group.POST("/executions/{id}/cancel", a.cancel).Bind(superusers())
	group.POST("/executions/{id}/rerun", a.rerun).Bind(superusers())
	group.POST("/executions/{id}/events/{event}", a.sendEvent)
	group.POST("/events/send/{token}", a.sendByToken)
	// Each by itself: Go's mux refuses a pattern for any method beside the
	// GET /{path...} that serves a host's files.
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		group.Route(method, "/{key}/{verb}", a.onWorkflow)
	}
}

// onWorkflow does what the last part of the path says with one workflow.
func (a *API) onWorkflow(e *core.RequestEvent) error {
	verbs := map[string]struct {
		method string
		do     func(*core.RequestEvent) error
	}{
		"pause":     {http.MethodPost, a.pause},
		"resume":    {http.MethodPost, a.resume},
		"trigger":   {http.MethodPost, a.service.Trigger},
		"run":       {http.MethodPost, a.run},
		"schedule":  {http.MethodGet, a.schedule},
		"graph":     {http.MethodGet, a.graph},
		"decisions": {http.MethodGet, a.decisions},
	}
	verb, ok := verbs[e.Request.PathValue("verb")]
	if !ok {
		return e.NotFoundError("", nil)
	}
	if e.Request.Method != verb.method && (verb.method != http.MethodGet || e.Request.Method != http.MethodHead) {
		e.Response.Header().Set("Allow", verb.method)
		return e.Error(http.StatusMethodNotAllowed, "", nil)
	}
	return verb.do(e)
}

// superusers answers guests with 401 and users with 403.
func superusers() *hook.Handler[*core.RequestEvent] { return apis.RequireSuperuserAuth() }

func (a *API) pause(e *core.RequestEvent) error  { return a.setPaused(e, true) }
func (a *API) resume(e *core.RequestEvent) error { return a.setPaused(e, false) }

func (a *API) setPaused(e *core.RequestEvent, paused bool) error {
	if err := superusers().Func(e); err != nil { // nothing comes after it
		return err
	}
	if err := a.service.SetPaused(e.Request.Context(), e.Request.PathValue("key"), paused); err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, map[string]any{"key": e.Request.PathValue("key"), "paused": paused})
}
