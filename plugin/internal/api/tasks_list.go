package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// The filters of the list that are its own; the rest of its query is as in every
// list of PocketBase.
const (
	statusParameter = "status"
	partParameter   = "part"
	everything      = "all"
)

// view shows one task.
func (t *tasks) view(e *core.RequestEvent) error { return t.show(e, e.Request.PathValue("id")) }

func (t *tasks) show(e *core.RequestEvent, id string) error {
	record, err := t.app.FindRecordById(tasksName, id)
	if err != nil {
		return failTask(e, err)
	}
	info, err := e.RequestInfo()
	if err != nil {
		return e.BadRequestError("", err)
	}
	if ok, _ := t.app.CanAccessRecord(record, info, record.Collection().ViewRule); !ok {
		return e.NotFoundError("", nil)
	}
	if err := apis.EnrichRecord(e, record); err != nil {
		return e.InternalServerError("", err)
	}
	shown, err := t.shown(e, record)
	if err != nil {
		return e.InternalServerError("", err)
	}
	return e.JSON(http.StatusOK, shown)
}

// list is the caller's tasks: those that are open, and in which they are an
// assignee, unless the query says otherwise.
func (t *tasks) list(e *core.RequestEvent) error {
	query := e.Request.URL.Query()
	filter, err := listFilter(query, e.HasSuperuserAuth())
	if err != nil {
		return e.BadRequestError(sentence(err), nil)
	}
	collection, err := t.app.FindCachedCollectionByNameOrId(tasksName)
	if err != nil {
		return e.InternalServerError("", err)
	}
	info, err := e.RequestInfo()
	if err != nil {
		return e.BadRequestError("", err)
	}
	resolver := core.NewRecordFieldResolver(t.app, collection, info, true)
	records := []*core.Record{}
	rows := t.app.RecordQuery(collection)
	expr, err := search.FilterData(filter).BuildExpr(resolver)
	if err != nil {
		return e.InternalServerError("", fmt.Errorf("filter the tasks: %w", err))
	}
	rows.AndWhere(expr)
	resolver.SetAllowHiddenFields(e.HasSuperuserAuth()) // as in every list
	result, err := search.NewProvider(resolver).Query(rows).ParseAndExec(query.Encode(), &records)
	if err != nil {
		return e.BadRequestError("The list's parameters can't be used.", err)
	}
	if err := apis.EnrichRecords(e, records); err != nil {
		return e.InternalServerError("", err)
	}
	items := make([]map[string]any, len(records))
	for i, record := range records {
		if items[i], err = t.shown(e, record); err != nil {
			return e.InternalServerError("", err)
		}
	}
	result.Items = items
	return e.JSON(http.StatusOK, result)
}

// listFilter is the filter of a list. Superusers see all tasks unless they ask for
// those in which they take part.
func listFilter(query url.Values, superuser bool) (string, error) {
	status, part := workflow.Status(query.Get(statusParameter)), query.Get(partParameter)
	filter := "id != ''"
	switch {
	case status == "":
		filter = "status = 'waiting'"
	case status != everything && !slices.Contains(workflow.Statuses, status):
		return "", fmt.Errorf("the parameter status must be %q or one of %q", everything, workflow.Statuses)
	case status != everything:
		filter = "status = '" + string(status) + "'"
	}
	if !slices.Contains([]string{"", "assignee", "cc", everything}, part) {
		return "", fmt.Errorf("the parameter part must be \"assignee\", \"cc\" or %q", everything)
	}
	if superuser && part == "" || superuser && part == everything {
		return filter, nil
	}
	const people = "_workflowTaskPeople_via_task."
	filter += " && " + people + "user ?= @request.auth.id && " + people + "userCollection ?= @request.auth.collectionName"
	switch part {
	case everything:
	case "cc":
		filter += " && " + people + "part ?= 'cc'"
	default:
		filter += " && " + people + "part ?= 'assignee'"
	}
	return filter, nil
}

// shown is a task as the caller gets it: the record, and whether it is their turn.
func (t *tasks) shown(e *core.RequestEvent, record *core.Record) (map[string]any, error) {
	task, err := t.desk.Of(record)
	if err != nil {
		return nil, err
	}
	out := record.PublicExport()
	who := caller(e, "").Person
	_, notNow := task.Turn(who, t.desk.Now())
	out["turn"] = notNow == nil
	_, out["read"] = task.Reads[who.String()]
	return out, nil
}
