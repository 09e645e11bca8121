package records

import "fmt"

// OptionError is an option that can't be used.
type OptionError struct {
	Option  string
	Message string
}

// Error names the option and what was expected.
func (e *OptionError) Error() string { return fmt.Sprintf("option %q: %s", e.Option, e.Message) }

func wrong(option, format string, args ...any) error {
	return &OptionError{Option: option, Message: fmt.Sprintf(format, args...)}
}
