package workflow

import (
	"regexp"
	"time"
)

var keyPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$`)

// ValidKey reports whether key can name a workflow.
func ValidKey(key string) bool { return keyPattern.MatchString(key) }

// Mode says when a triggered execution runs relative to the request.
type Mode string

const (
	// ModeAsync runs after the response (the default).
	ModeAsync Mode = "async"
	// ModeSync lets the response wait for the end of the execution.
	ModeSync Mode = "sync"
	// ModeTransaction runs inside the write's own transaction; failing rolls
	// the write back.
	ModeTransaction Mode = "transaction"
)

// Modes lists every mode.
var Modes = []Mode{ModeAsync, ModeSync, ModeTransaction}

// DefaultRule is who may name a workflow that has no rule of its own: anyone
// who is logged in.
const DefaultRule = `@request.auth.id != ""`

// Definition is what one workflow(key, options, handler) call declared, with
// defaults filled in.
type Definition struct {
	Key         string   `json:"key"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	On          Trigger  `json:"on"`
	Mode        Mode     `json:"mode"`
	// Enabled is the initial value of the stored switch only.
	Enabled bool `json:"enabled"`
	// Rule decides who may name the workflow: nil superusers only, "" anyone,
	// else a PocketBase filter over @request.*.
	Rule *string `json:"rule"`
	// Timeout limits the whole execution. Zero means none; ModeTransaction
	// defaults to 3 seconds.
	Timeout time.Duration `json:"timeout,omitempty"`
	// AllowReentry lets the workflow start again for a target that is already
	// in its chain.
	AllowReentry bool `json:"allowReentry,omitempty"`
	// Retries is the policy of steps that have none of their own.
	Retries     Retries     `json:"retries,omitzero"`
	Concurrency Concurrency `json:"concurrency,omitzero"`
	Dedup       Dedup       `json:"dedup,omitzero"`
	// Priority decides which waiting workflow runs first: higher ones do, from
	// -100 to 100. Defaults to 0.
	Priority int `json:"priority,omitempty"`
	// Retention limits the finished executions that are kept. Nil says nothing:
	// the plugin's own limits hold.
	Retention *Retention `json:"retention,omitempty"`
	// OnFailure is the workflow that is started for every execution that fails, or
	// "".
	OnFailure string `json:"onFailure,omitempty"`

	// File and Line are where the workflow(...) call stands.
	File string `json:"file"`
	Line int    `json:"line"`
}

// Version is one immutable source of a workflow.
type Version struct {
	Workflow string
	// Number counts the versions of one workflow from 1.
	Number int
	// Hash identifies the entry file and every local file it requires.
	Hash   string
	File   string
	Script string
	// Modules maps the paths of required local files, relative to the
	// workflows directory with forward slashes, to their sources.
	Modules    map[string]string
	Definition Definition
}
