package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// wakeIndex is named by the queries that have to use it.
const wakeIndex = "idx_workflowExecutions_wake"

// specs lists the collections in the order in which they can be created.
func specs() []collectionSpec {
	owner := ownerRule
	return []collectionSpec{
		{
			name: workflowsName,
			fields: []core.Field{
				required("key"), text("title"), text("description"), jsonField("tags"),
				boolean("enabled"), boolean("paused"), boolean("valid"), boolean("missing"), text("error"), hiddenJSON("problems"),
				oneOf("mode", modes()...), jsonField("trigger"), jsonField("rule"),
				oneOf("source", sourceFile, "dashboard", "go"), text("file"), number("version"),
				hiddenJSON("counters"), hiddenJSON("schedule"), date("nextRun"),
				created(), updated(),
			},
			indexes: []indexSpec{{name: "idx_workflows_key", columns: "`key`", unique: true}},
		},
		{
			name: versionsName,
			fields: []core.Field{
				required("workflow"), number("number"), required("hash"),
				text("script"), jsonField("modules"), jsonField("definition"), created(),
			},
			indexes: []indexSpec{
				{name: "idx_workflowVersions_hash", columns: "`workflow`, `hash`", unique: true},
				{name: "idx_workflowVersions_number", columns: "`workflow`, `number`", unique: true},
			},
		},
		{
			name: executionsName,
			rule: &owner,
			fields: []core.Field{
				required("workflow"), number("version"), oneOf("status", statuses()...), text("reason"),
				oneOf("mode", modes()...), jsonField("trigger"), hiddenJSON("input"), jsonField("output"),
				jsonField("error"), hiddenText("errorStack"), hiddenJSON("logs"), hiddenJSON("chain"), jsonField("messages"),
				hiddenJSON("response"), text("user"), text("userCollection"), text("roleName"),
				text("parent"), text("root"), number("depth"), text("rerunOf"), hiddenText("dedupKey"), number("attempt"),
				date("wakeAt"), date("startedAt"), date("finishedAt"), created(), updated(),
			},
			// This table is the hot path: every index is paid for by every
			// request that triggers.
			indexes: []indexSpec{
				{name: "idx_workflowExecutions_active", columns: "`status`, `id`", where: activeWhere},
				{name: "idx_workflowExecutions_workflow", columns: "`workflow`, `created`"},
				// Not partial: no condition that a client or a rule can write implies it.
				{name: "idx_workflowExecutions_user", columns: "`user`, `created`"},
				// Who looks for failures does not go through all that went well.
				{name: "idx_workflowExecutions_unwell", columns: "`status`, `id`", where: unwellWhere},
				{name: wakeIndex, columns: "`wakeAt`", where: "`status` = 'waiting' AND `wakeAt` != ''"},
				// As PocketBase writes the filter parent != "", so that clients get to it too.
				{name: "idx_workflowExecutions_children", columns: "`parent`", where: "`parent` IS NOT ''"},
				{name: "idx_workflowExecutions_reruns", columns: "`rerunOf`", where: "`rerunOf` IS NOT ''"},
				{name: "idx_workflowExecutions_dedup", columns: "`workflow`, `dedupKey`", where: "`dedupKey` != ''"},
			},
		},
		{
			name:        stepsName,
			ofExecution: true,
			fields: []core.Field{
				required("name"), number("index"), text("branch"), number("seq"), oneOf("kind", stepKinds()...),
				oneOf("status", statuses()...), number("attempt"), jsonField("options"), jsonField("result"), jsonField("error"),
				jsonField("attempts"), jsonField("logs"), jsonField("messages"), text("ref"),
				date("wakeAt"), date("startedAt"), date("finishedAt"),
			},
			indexes: []indexSpec{{name: "idx_workflowSteps_entry", columns: "`execution`, `branch`, `name`, `index`", unique: true}},
		},
		{
			name:        eventsName,
			ofExecution: true,
			fields: []core.Field{
				required("name"), jsonField("payload"), text("step"), hiddenText("token"),
				text("user"), text("userCollection"), created(),
			},
			indexes: []indexSpec{
				{name: "idx_workflowEvents_kept", columns: "`execution`, `name`, `id`", where: "`step` = ''"},
				{name: "idx_workflowEvents_execution", columns: "`execution`"},
				{name: "idx_workflowEvents_token", columns: "`token`", where: "`token` != ''", unique: true},
			},
		},
		tasksSpec(),
		peopleSpec(),
		{
			name: requestsName,
			fields: []core.Field{
				required("digest"), required("fingerprint"), text("action"), text("collection"), text("record"),
				number("status"), jsonField("headers"), text("body"), created(),
			},
			indexes: []indexSpec{
				{name: "idx_workflowRequests_digest", columns: "`digest`", unique: true},
				{name: "idx_workflowRequests_created", columns: "`created`"},
			},
		},
		datesSpec(),
	}
}

// EnsureCollections creates the system collections, and adds to existing ones
// what an older version of the plugin did not have yet: fields, values of
// select fields, indexes. It never drops or changes anything else, does nothing
// when all is there, and is one transaction. An ordinary collection that has
// one of the names is an error.
func EnsureCollections(app core.App) error {
	return app.RunInTransaction(func(txApp core.App) error {
		for _, spec := range specs() {
			if err := ensureCollection(txApp, spec); err != nil {
				return fmt.Errorf("ensure collection %s: %w", spec.name, err)
			}
		}
		return ruleTasks(txApp)
	})
}

func ensureCollection(app core.App, spec collectionSpec) error {
	fields := spec.fields
	if spec.ofExecution {
		parent, err := app.FindCollectionByNameOrId(executionsName)
		if err != nil {
			return err
		}
		fields = append([]core.Field{&core.RelationField{
			Name: "execution", System: true, Required: true,
			CollectionId: parent.Id, MaxSelect: 1, CascadeDelete: true,
		}}, fields...)
	}
	if spec.ofTask {
		relation, err := taskRelation(app)
		if err != nil {
			return err
		}
		fields = append([]core.Field{relation}, fields...)
	}
	c, err := app.FindCollectionByNameOrId(spec.name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		c = core.NewBaseCollection(spec.name)
		c.System = true
		if !spec.ruledLater {
			c.ListRule, c.ViewRule = spec.rule, spec.rule
		}
	case err != nil:
		return err
	case !c.System:
		return errors.New("a collection of this name exists that is not the plugin's: rename it")
	}
	changed := c.IsNew()
	for _, field := range fields {
		changed = ensureField(c, field) || changed
	}
	for _, index := range spec.indexes {
		if c.GetIndex(index.name) == "" {
			c.AddIndex(index.name, index.unique, index.columns, index.where)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return app.Save(c)
}

func ensureField(c *core.Collection, field core.Field) (changed bool) {
	existing := c.Fields.GetByName(field.GetName())
	if existing == nil {
		c.Fields.Add(field)
		return true
	}
	have, ok := existing.(*core.SelectField)
	want, isSelect := field.(*core.SelectField)
	if !ok || !isSelect {
		return false
	}
	for _, value := range want.Values {
		if !slices.Contains(have.Values, value) {
			have.Values = append(have.Values, value)
			changed = true
		}
	}
	return changed
}
