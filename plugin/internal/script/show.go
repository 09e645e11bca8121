package script

import "github.com/dop251/goja"

// Show is a value as an error message shows it: short, strings in quotes.
func Show(v goja.Value) string { return show(v) }
