package script

import (
	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// readOnFailure reads the key of the workflow that follows a failure. Whether
// there is one of that key is known when all files are loaded.
func readOnFailure(o map[string]goja.Value, def *workflow.Definition) *optionError {
	const at = "onFailure"
	if _, ok := o[at]; !ok {
		return nil
	}
	if err := str(o, at, &def.OnFailure); err != nil {
		return err
	}
	switch {
	case !workflow.ValidKey(def.OnFailure):
		return wrong(at, "expected the key of another workflow, got %q", def.OnFailure)
	case def.OnFailure == def.Key:
		return wrong(at, "expected the key of another workflow, got its own")
	}
	return nil
}
