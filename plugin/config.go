package plugin

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// Config sets up the plugin. The zero value of every field is a sensible
// default.
type Config struct {
	// Buffer is how many committed executions wait for a worker in memory;
	// more than that wait in the database only. Defaults to 4096.
	Buffer int

	// MaxExecutions is how many finished executions of all workflows together
	// are kept: the ones that were created last. It holds on top of every other
	// limit. Defaults to 0: any number.
	MaxExecutions int

	// Retention is how long finished executions of workflows are kept whose
	// files have no option "retention". Defaults to keeping everything.
	Retention Retention

	// RetentionInterval is the time between two looks for finished executions
	// that are to be deleted; the first is shortly after the start. Without any
	// limit there are none. Defaults to 10 minutes.
	RetentionInterval time.Duration

	// RoleFields are the fields of an auth record that name its roles, in
	// order of preference: select, text, JSON, or a relation to records with a
	// "name". Defaults to "roles", "role".
	RoleFields []string

	// ScriptTimeout is how long one run of a handler may keep the CPU, waits
	// for the journal not counted. Then it is interrupted, whatever it does,
	// and the execution is aborted. Defaults to 30 seconds.
	ScriptTimeout time.Duration

	// ShutdownTimeout is how long running executions may go on when the app
	// terminates, before they are interrupted and left to the next start.
	// Defaults to 10 seconds.
	ShutdownTimeout time.Duration

	// Strict turns every skipped entry of triggerWorkflows into a 400 before
	// anything is written. Defaults to false: skipped entries are reported in
	// the X-Workflow-Skipped header.
	Strict bool

	// SyncTimeout is how long a response waits for sync workflows before it
	// answers 202 and lets them go on. Defaults to 30 seconds.
	SyncTimeout time.Duration

	// Workers is how many scripts of asynchronous executions keep the CPU at the
	// same time. Those that wait for a commit, an answer or a timer do not count:
	// up to 16 times as many executions of a workflow are under way. Defaults to
	// twice the number of CPUs.
	Workers int

	// WorkflowsDir holds the workflow files. Defaults to "workflows" beside
	// pb_data.
	WorkflowsDir string
}

// withDefaults returns a copy with every zero value filled in.
func (c Config) withDefaults(app core.App) Config {
	if c.Buffer == 0 {
		c.Buffer = 4096
	}
	if c.RetentionInterval == 0 {
		c.RetentionInterval = 10 * time.Minute
	}
	if len(c.RoleFields) == 0 {
		c.RoleFields = []string{"roles", "role"}
	}
	if c.ScriptTimeout == 0 {
		c.ScriptTimeout = 30 * time.Second
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = 10 * time.Second
	}
	if c.SyncTimeout == 0 {
		c.SyncTimeout = 30 * time.Second
	}
	if c.Workers == 0 {
		c.Workers = 2 * runtime.NumCPU()
	}
	if c.WorkflowsDir == "" {
		c.WorkflowsDir = filepath.Join(app.DataDir(), "..", "workflows")
	}
	c.Retention.Statuses = maps.Clone(c.Retention.Statuses)
	c.RoleFields = slices.Clone(c.RoleFields)
	return c
}

// validate names every field that can't be used.
func (c Config) validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Retention.Age", c.Retention.Age},
		{"RetentionInterval", c.RetentionInterval},
		{"ScriptTimeout", c.ScriptTimeout},
		{"ShutdownTimeout", c.ShutdownTimeout},
		{"SyncTimeout", c.SyncTimeout},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("config.%s must not be negative, got %s", d.name, d.value))
		}
	}
	if c.Workers < 0 {
		errs = append(errs, fmt.Errorf("config.Workers must not be negative, got %d", c.Workers))
	}
	if c.Buffer < 0 {
		errs = append(errs, fmt.Errorf("config.Buffer must not be negative, got %d", c.Buffer))
	}
	if c.MaxExecutions < 0 {
		errs = append(errs, fmt.Errorf("config.MaxExecutions must not be negative, got %d", c.MaxExecutions))
	}
	if c.Retention.Count < 0 {
		errs = append(errs, fmt.Errorf("config.Retention.Count must not be negative, got %d", c.Retention.Count))
	}
	return errors.Join(append(errs, c.Retention.validateStatuses()...)...)
}
