package workflow

import "fmt"

// Problem says why a workflow (or a whole file) can't be used.
type Problem struct { //nolint:errname // the contract's word
	// File is relative to the workflows directory.
	File string
	// Line counts from 1; 0 when it is not known.
	Line int
	// Option is the dotted path of the wrong option ("on.collection"), or ""
	// for anything else.
	Option string
	// Message says what is wrong and what was expected.
	Message string
}

// Error is "file:line: option: message", leaving out what is not known.
func (p *Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s = fmt.Sprintf("%s:%d", s, p.Line)
	}
	if p.Option != "" {
		s += fmt.Sprintf(": option %q", p.Option)
	}
	if s == "" {
		return p.Message
	}
	return s + ": " + p.Message
}
