package store

import (
	"strings"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// FileProblem is a workflow file, or part of one, that could not be used.
type FileProblem struct {
	// File is relative to the workflows directory.
	File string
	// Keys are the workflows concerned, as far as they are known. All other
	// workflows of the file that did not load are concerned too.
	Keys    []string
	Problem *workflow.Problem
}

// problems are the reasons why a workflow is not valid, as the hidden column
// of that name holds them. They are kept apart because they go away apart.
type problems struct {
	// Load is why the present file could not be used.
	Load *problem `json:"load,omitempty"`
	// Check is why the current version does not fit the database.
	Check *problem `json:"check,omitempty"`
}

type problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Option  string `json:"option,omitempty"`
	Message string `json:"message"`
}

func newProblem(p *workflow.Problem) *problem {
	if p == nil {
		return nil
	}
	return &problem{p.File, p.Line, p.Option, p.Message}
}

func (p *problem) problem() *workflow.Problem {
	if p == nil {
		return nil
	}
	return &workflow.Problem{File: p.File, Line: p.Line, Option: p.Option, Message: p.Message}
}

// text is what the column "error" shows.
func (p problems) text() string {
	var lines []string
	for _, one := range []*problem{p.Load, p.Check} {
		if one != nil {
			lines = append(lines, one.problem().Error())
		}
	}
	return strings.Join(lines, "\n")
}
