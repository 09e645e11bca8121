package script

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
)

// maxFlowText is the most characters of source that a node shows.
const maxFlowText = 200

// flowSource finds positions and texts of nodes in a wrapped file.
type flowSource struct {
	file *file.File
	text string
}

func (s flowSource) offset(at file.Idx) int {
	return min(max(0, int(at)-s.file.Base()), len(s.text))
}

// position is the line and column in the file, without the wrapper, from 1.
func (s flowSource) position(at file.Idx) (line, column int) {
	before := s.text[:s.offset(at)]
	line = strings.Count(before, "\n") + 1
	start := strings.LastIndexByte(before, '\n') + 1
	column = utf8.RuneCountInString(before[start:]) + 1
	if line == 1 {
		column = max(1, column-len(wrapHead))
	}
	return line, column
}

// line is the position of a node and the line it stands on.
func (s flowSource) line(n ast.Node) (line, column int, code string) {
	at := n.Idx0()
	line, column = s.position(at)
	offset := s.offset(at)
	start := strings.LastIndexByte(s.text[:offset], '\n') + 1
	if line == 1 {
		start = min(len(wrapHead), offset)
	}
	code, _, _ = strings.Cut(s.text[start:], "\n")
	return line, column, oneLine(code)
}

// of is the source of a node, on one line.
func (s flowSource) of(n ast.Node) (text string) {
	defer func() {
		if recover() != nil { // the parser's own, for a few empty nodes
			text = ""
		}
	}()
	from, to := s.offset(n.Idx0()), s.offset(n.Idx1())
	if from >= to {
		return ""
	}
	return oneLine(s.text[from:to])
}

// oneLine puts a text on one line of bounded length.
func oneLine(s string) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "")
	if r := []rune(s); len(r) > maxFlowText {
		return string(r[:maxFlowText-1]) + "…"
	}
	return s
}

func visitCalls(n ast.Node, found func(*ast.CallExpression)) { visit(reflect.ValueOf(n), found) }
