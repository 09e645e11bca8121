package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

const (
	scheduleSQL     = "SELECT [[schedule]], [[nextRun]] FROM " + workflowsName + " WHERE [[key]] = {:key}"
	saveScheduleSQL = "UPDATE " + workflowsName + " SET [[schedule]] = {:schedule}, [[nextRun]] = {:next} WHERE [[key]] = {:key}"
	activeKeysSQL   = "SELECT [[key]] FROM " + workflowsName + " WHERE json_extract([[schedule]], '$.active')"
)

// Schedule returns what is remembered of a workflow's schedule, as the
// transaction of app sees it: nothing for a new one. Errors: sql.ErrNoRows for an
// unknown key.
func (s *Store) Schedule(app core.App, key string) (workflow.ScheduleState, error) {
	var row struct {
		Schedule jsonText `db:"schedule"`
		Next     string   `db:"nextRun"`
	}
	var state workflow.ScheduleState
	if err := app.ConcurrentDB().NewQuery(scheduleSQL).Bind(dbx.Params{"key": key}).One(&row); err != nil {
		return state, fmt.Errorf("read the schedule of workflow %q: %w", key, err)
	}
	if err := row.Schedule.decode(&state); err != nil {
		return state, fmt.Errorf("read the schedule of workflow %q: %w", key, err)
	}
	state.Next = parseDate(row.Next)
	return state, nil
}

// SaveSchedule stores it, in the transaction of app.
func (s *Store) SaveSchedule(app core.App, key string, state workflow.ScheduleState) error {
	raw, err := json.Marshal(state)
	if err == nil {
		_, err = app.NonconcurrentDB().NewQuery(saveScheduleSQL).
			Bind(dbx.Params{"key": key, "schedule": string(raw), "next": formatDate(state.Next)}).Execute()
	}
	if err != nil {
		return fmt.Errorf("store the schedule of workflow %q: %w", key, err)
	}
	return nil
}

// Awaited lists the workflows whose schedule is stored as an active one.
func (s *Store) Awaited(ctx context.Context) ([]string, error) {
	var keys []string
	if err := s.app.ConcurrentDB().NewQuery(activeKeysSQL).WithContext(ctx).Column(&keys); err != nil {
		return nil, fmt.Errorf("read the workflows with a schedule: %w", err)
	}
	return keys, nil
}
