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

func allNodes() cases {
	all := cases{}
	for _, some := range []cases{flowNodes, calculateNodes, dataNodes, httpNodes, messageNodes} {
		maps.Copy(all, some)
	}
	return all
}

// TestNodes runs every demo workflow of a node to its effect. Each has an app of its
// own: they count records.
func TestNodes(t *testing.T) {
	for key, run := range allNodes() {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			run(t, newDemo(t))
		})
	}
}
