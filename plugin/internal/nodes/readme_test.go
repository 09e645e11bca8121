package nodes

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// row is one line of the README's table of nodes.
type row struct {
	node string
	// code are the pieces of code in it, as written.
	code []string
	keys []string
	file string
}

var (
	codePattern = regexp.MustCompile("`([^`]+)`")
	filePattern = regexp.MustCompile(`\((workflows/nodes-[\w-]+\.js)\)`)
)

// table reads the rows that show one of these tests' files.
func table(t *testing.T) []row {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(raw), "\n## NocoBase's nodes, here\n")
	require.True(t, ok, "the README has the section")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []row
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "|") || len(cells) != 3 || filePattern.FindString(cells[2]) == "" {
			continue
		}
		r := row{node: strings.TrimSpace(cells[0]), file: filePattern.FindStringSubmatch(cells[2])[1]}
		for _, m := range codePattern.FindAllStringSubmatch(cells[1], -1) {
			r.code = append(r.code, m[1])
		}
		for _, m := range codePattern.FindAllStringSubmatch(cells[2], -1) {
			r.keys = append(r.keys, m[1])
		}
		rows = append(rows, r)
	}
	return rows
}

var space = regexp.MustCompile(`\s+`)

// plain is source without what layout may change.
func plain(source string) string {
	return strings.ReplaceAll(strings.ReplaceAll(space.ReplaceAllString(source, ""), ",}", "}"), ",)", ")")
}

// workflowSource is what a file says of a workflow.
func workflowSource(t *testing.T, file, key string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	_, source, ok := strings.Cut(string(raw), "\nworkflow(\""+key+"\",")
	require.Truef(t, ok, "%s has the workflow %q", file, key)
	source, _, _ = strings.Cut(source, "\nworkflow(")
	return plain(source)
}

// TestReadme: the table shows code that stands in the demo's files, of workflows that
// are tested, and no tested one is missing.
func TestReadme(t *testing.T) {
	t.Parallel()
	tested := allNodes()
	shown := map[string]bool{}
	for _, r := range table(t) {
		t.Run(r.node, func(t *testing.T) {
			require.NotEmpty(t, r.code)
			require.NotEmpty(t, r.keys)
			all := ""
			for _, key := range r.keys {
				require.Containsf(t, tested, key, "it has a test")
				shown[key] = true
				all += workflowSource(t, r.file, key)
			}
			require.Truef(t, follows(all, r.code[0]), "%s\nstands in\n%s", r.code[0], all)
			// The others may be words about it.
			for _, code := range r.code {
				if strings.ContainsAny(code, "(;") && !strings.HasPrefix(code, "pb.") {
					require.Truef(t, follows(all, code), "%s\nstands in\n%s", code, all)
				}
			}
		})
	}
	for key := range tested {
		require.Containsf(t, shown, key, "the README shows it")
	}
}

// follows reports whether the pieces of code, between "…", stand in source in order.
func follows(source, code string) bool {
	for piece := range strings.SplitSeq(code, "…") {
		_, rest, ok := strings.Cut(source, strings.Trim(plain(piece), ","))
		if !ok {
			return false
		}
		source = rest
	}
	return true
}
