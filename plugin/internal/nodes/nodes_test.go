package nodes

import (
	"maps"
	"testing"
	"time"
)

const (
	soon   = 20 * time.Second
	glance = 2 * time.Millisecond
)

// cases are the tests of workflows by their keys.
type cases map[string]func(t *testing.T, d *demo)

// groups are the cases by the file they run.
func groups() map[string]cases {
	return map[string]cases{"flow": flowNodes, "calculate": calculateNodes, "data": dataNodes, "http": httpNodes, "messages": messageNodes, "people": peopleNodes}
}

func allNodes() cases {
	all := cases{}
	for _, some := range groups() {
		maps.Copy(all, some)
	}
	return all
}

// TestNodes runs every demo workflow of a node to its effect, on one app per file.
func TestNodes(t *testing.T) {
	for name, group := range groups() {
		t.Run(name, func(t *testing.T) {
			if name != "http" { // those set the environment
				t.Parallel()
			}
			d := newDemo(t)
			for key, run := range group {
				t.Run(key, func(t *testing.T) {
					d.t = t
					d.clear()
					run(t, d)
				})
			}
		})
	}
}
