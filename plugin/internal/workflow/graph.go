package workflow

// Graph is what a handler may do, derived from its source: its steps in order, and
// what decides between them. As JSON:
//
//	{"workflow": "review-post", "version": 3, "file": "review-post.js", "truncated": false,
//	 "nodes": [{"id": "n1", "kind": "waitForEvent", "name": "review", "line": 19, "column": 20,
//	            "code": "const review = ctx.step.waitForEvent(…", "parent": "", "function": "",
//	            "options": {"event": "\"reviewed\"", "timeout": "\"3d\""}}],
//	 "edges": [{"from": "start", "to": "n1", "label": ""}],
//	 "steps": {"review": ["n1"]},
//	 "patterns": [{"pattern": "page *", "nodes": ["n7"]}]}
type Graph struct {
	Workflow string `json:"workflow"`
	Version  int    `json:"version"`
	File     string `json:"file"`
	// Truncated is true when the source has more than a graph can show.
	Truncated bool        `json:"truncated"`
	Nodes     []GraphNode `json:"nodes"`
	Edges     []GraphEdge `json:"edges"`
	// Steps are the nodes by the name under which an execution's journal has them: a
	// step in a branch is "parallel/branch/name". A journal's name may carry the
	// number of a repeated parallel step, "parallel#2/branch/name".
	Steps map[string][]string `json:"steps"`
	// Patterns are the same for names that are known only when the step runs: * is
	// any text.
	Patterns []GraphPattern `json:"patterns"`
}

// GraphKind is what a node stands for: a StepKind, or one of these.
type GraphKind string

// The kinds of nodes that are no steps.
const (
	// GraphStart is where the handler begins, GraphDone where it has run to its end.
	GraphStart GraphKind = "start"
	GraphDone  GraphKind = "done"
	// GraphReturn, GraphEnd, GraphFail and GraphThrow end it early: return, ctx.end,
	// ctx.fail, throw.
	GraphReturn GraphKind = "return"
	GraphEnd    GraphKind = "end"
	GraphFail   GraphKind = "fail"
	GraphThrow  GraphKind = "throw"
	// GraphIf has edges "yes" and "no", GraphSwitch one for each case.
	GraphIf     GraphKind = "if"
	GraphSwitch GraphKind = "switch"
	// GraphLoop has edges "each" into its body and "done" out of it.
	GraphLoop GraphKind = "loop"
	// GraphTry has an edge "error" to its GraphCatch.
	GraphTry     GraphKind = "try"
	GraphCatch   GraphKind = "catch"
	GraphFinally GraphKind = "finally"
	// GraphCall is a function that calls itself, or a handler that is not written in
	// the file: what it does is not shown.
	GraphCall GraphKind = "call"
	// GraphTask is a step that a human answers.
	GraphTask GraphKind = "task"
)

// GraphNode is a step, or what decides about steps.
type GraphNode struct {
	ID   string    `json:"id"`
	Kind GraphKind `json:"kind"`
	// Name is the step's name, or its source where that is no literal; of other
	// nodes the condition, the branch or the message.
	Name string `json:"name"`
	// Line and Column count from 1; 0 for the start and the end of the handler.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Code is the line of the source, at most 200 characters.
	Code string `json:"code"`
	// Parent is the loop, try, branch, parallel or map node that it stands in.
	Parent string `json:"parent"`
	// Function is the function of the file that it stands in, "" for the handler.
	Function string `json:"function"`
	// Options are the source of what a step was given besides its name and function.
	Options map[string]string `json:"options,omitempty"`
}

// GraphEdge leads from one node to one that may come next.
type GraphEdge struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Label string `json:"label"`
}

// GraphPattern is a name of steps in which * is any text.
type GraphPattern struct {
	Pattern string   `json:"pattern"`
	Nodes   []string `json:"nodes"`
}
