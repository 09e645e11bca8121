package workflow

import (
	"fmt"
	"strings"
)

// mermaidLabel is the most characters of a name that the text form shows.
const mermaidLabel = 60

// Mermaid is the graph as a Mermaid flowchart.
func (g *Graph) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for _, n := range g.Nodes {
		left, right := mermaidShape(n.Kind)
		fmt.Fprintf(&b, "    %s%s\"%s\"%s\n", mermaidID(n.ID), left, mermaidText(n.label()), right)
	}
	for _, e := range g.Edges {
		arrow := "-->"
		if e.Label != "" {
			arrow = `-->|"` + mermaidText(e.Label) + `"|`
		}
		fmt.Fprintf(&b, "    %s %s %s\n", mermaidID(e.From), arrow, mermaidID(e.To))
	}
	return b.String()
}

// label is a node in a few words.
func (n *GraphNode) label() string {
	switch n.Kind {
	case GraphStart, GraphDone:
		return string(n.Kind)
	case GraphIf, GraphSwitch, GraphKind(StepBranch):
		return n.Name
	default:
		return strings.TrimSpace(string(n.Kind) + " " + n.Name)
	}
}

func mermaidShape(kind GraphKind) (left, right string) {
	switch kind {
	case GraphStart, GraphDone, GraphReturn, GraphEnd, GraphFail, GraphThrow:
		return "([", "])"
	case GraphIf, GraphSwitch:
		return "{", "}"
	case GraphLoop, GraphTry, GraphCatch, GraphFinally:
		return "{{", "}}"
	default:
		return "[", "]"
	}
}

// mermaidID keeps the word "end", which Mermaid has for itself, out of ids.
func mermaidID(id string) string { return "id_" + id }

// mermaidText keeps a text inside of its quotes and on one line.
func mermaidText(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > mermaidLabel {
		s = string(r[:mermaidLabel-1]) + "…"
	}
	return strings.NewReplacer("&", "&amp;", `"`, "&quot;", "<", "&lt;", ">", "&gt;", "#", "#35;").Replace(s)
}
