package script

import (
	"path/filepath"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/buffer"
	"github.com/dop251/goja_nodejs/console"
	"github.com/dop251/goja_nodejs/process"
	"github.com/dop251/goja_nodejs/require"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
	"github.com/pocketbase/pocketbase/tools/template"
)

// maxCallStack ends endless recursion with an error instead of the process.
const maxCallStack = 2000

// newVM makes a VM with all of PocketBase's bindings.
func newVM(app core.App, dir string) *goja.Runtime {
	vm := goja.New()
	vm.SetMaxCallStackSize(maxCallStack)
	new(require.Registry).Enable(vm)
	console.Enable(vm)
	process.Enable(vm)
	buffer.Enable(vm)
	jsvm.BindCore(vm)
	jsvm.BindDbx(vm)
	jsvm.BindSecurity(vm)
	jsvm.BindOS(vm)
	jsvm.BindFilepath(vm)
	jsvm.BindHTTP(vm)
	jsvm.BindFilesystem(vm)
	jsvm.BindForms(vm)
	jsvm.BindMails(vm)
	jsvm.BindApis(vm)
	_ = vm.Set("$template", template.NewRegistry())
	_ = vm.Set("$app", app)
	_ = vm.Set("__hooks", dir)
	return vm
}

// evaluate runs an entry file's wrapper with fresh modules; register is its
// workflow function.
func evaluate(vm *goja.Runtime, program *goja.Program, registry *require.Registry, path string, register func(goja.FunctionCall) goja.Value) error {
	wrapper, err := vm.RunProgram(program)
	if err != nil {
		return err
	}
	fn, _ := goja.AssertFunction(wrapper)
	requirer := registry.Enable(vm)
	module := vm.NewObject()
	exports := vm.NewObject()
	_ = module.Set("exports", exports)
	_, err = fn(goja.Undefined(), exports, vm.ToValue(requireFrom(vm, requirer)), module,
		vm.ToValue(path), vm.ToValue(filepath.Dir(path)), vm.ToValue(register))
	return err
}

func requireFrom(vm *goja.Runtime, _ *require.RequireModule) goja.Value { return vm.Get("require") }
