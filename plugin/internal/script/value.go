package script

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/dop251/goja"

	"github.com/pocketbase-workflows/pocketbase-workflows/plugin/internal/workflow"
)

// encodeResult is a script's value as JSON. Nothing (undefined) is null; what
// JSON would drop or change silently is an error that says where it is.
func encodeResult(v goja.Value) (json.RawMessage, error) {
	if v == nil || goja.IsUndefined(v) {
		return json.RawMessage("null"), nil
	}
	if err := checkValue(v, "result", nil); err != nil {
		return nil, err
	}
	raw, err := Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("result can't be stored as JSON: %w", err)
	}
	if len(raw) > workflow.MaxResultSize {
		return nil, fmt.Errorf("result is %d bytes of JSON, more than the %d allowed", len(raw), workflow.MaxResultSize)
	}
	return raw, nil
}

// Marshal is the JSON of a script's value. goja's own types for primitives do not
// all have one: a string that came from Go is a struct to encoding/json.
func Marshal(v goja.Value) (json.RawMessage, error) {
	if _, ok := v.(*goja.Object); ok {
		return json.Marshal(v)
	}
	return json.Marshal(v.Export())
}

func checkValue(v goja.Value, path string, above []*goja.Object) error {
	if v == nil || goja.IsUndefined(v) {
		return fmt.Errorf("%s is undefined", path)
	}
	obj, ok := v.(*goja.Object)
	if !ok {
		return checkPrimitive(v, path)
	}
	for _, a := range above {
		if a == obj {
			return fmt.Errorf("%s is cyclic", path)
		}
	}
	if _, ok := goja.AssertFunction(v); ok {
		return fmt.Errorf("%s is a function", path)
	}
	above = append(above, obj)
	switch obj.ClassName() {
	case "Array":
		for i := range int(obj.Get("length").ToInteger()) {
			if err := checkValue(obj.Get(fmt.Sprint(i)), fmt.Sprintf("%s[%d]", path, i), above); err != nil {
				return err
			}
		}
	case "Object":
		// Go values (records, dates) and objects with toJSON know their own JSON.
		if _, plain := obj.Export().(map[string]any); !plain || obj.Get("toJSON") != nil {
			return nil
		}
		for _, key := range obj.Keys() {
			if err := checkValue(obj.Get(key), path+"."+key, above); err != nil {
				return err
			}
		}
	case "Promise":
		return fmt.Errorf("%s is a promise that is not awaited", path)
	case "Symbol", "BigInt":
		return fmt.Errorf("%s is a %s", path, obj.ClassName())
	default:
	}
	return nil
}

func checkPrimitive(v goja.Value, path string) error {
	switch x := v.Export().(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%s is %v", path, x)
		}
	case string, bool, int64, nil:
	default:
		if _, ok := v.(*goja.Symbol); ok {
			return fmt.Errorf("%s is a symbol", path)
		}
		return fmt.Errorf("%s is a BigInt", path)
	}
	return nil
}

// exported is a value as Go has it, nil for none.
func exported(v goja.Value) any {
	if v == nil {
		return nil
	}
	return v.Export()
}
