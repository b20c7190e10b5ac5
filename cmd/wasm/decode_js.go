//go:build js

package main

import (
	"fmt"
	"reflect"
	"strings"
	"syscall/js"

	"github.com/hack-pad/safejs"
)

// decode fills a struct from JSON text by its json tags, with the browser's own
// JSON.parse: Go's would make the module larger by a tenth. Unknown fields and
// values of another type are errors.
func decode(text safejs.Value, into any) error {
	json, err := safejs.Global().Get("JSON")
	if err != nil {
		return err
	}
	value, err := json.Call("parse", text)
	if err != nil {
		return fmt.Errorf("a request is not JSON: %w", err)
	}
	return fill(safejs.Unsafe(value), reflect.ValueOf(into).Elem(), "request")
}

// fill fills to, whose name errors tell, with a value of JSON.
func fill(from js.Value, to reflect.Value, name string) error {
	mismatch := func(want string) error {
		return fmt.Errorf("%s is of type %v, want %s", name, from.Type(), want)
	}
	switch to.Kind() {
	case reflect.Bool:
		if from.Type() != js.TypeBoolean {
			return mismatch("a boolean")
		}
		to.SetBool(from.Bool())
	case reflect.Int:
		if from.Type() != js.TypeNumber || from.Float() != float64(int64(from.Float())) {
			return fmt.Errorf("%s is not a whole number", name)
		}
		to.SetInt(int64(from.Float()))
	case reflect.Float64:
		if from.Type() != js.TypeNumber {
			return mismatch("a number")
		}
		to.SetFloat(from.Float())
	case reflect.String:
		if from.Type() != js.TypeString {
			return mismatch("a string")
		}
		to.SetString(from.String())
	case reflect.Pointer:
		if from.IsNull() {
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return fill(from, to.Elem(), name)
	case reflect.Slice:
		if !js.Global().Get("Array").Call("isArray", from).Bool() {
			return mismatch("an array")
		}
		return fillList(from, to, name)
	case reflect.Map:
		if from.Type() != js.TypeObject {
			return mismatch("an object")
		}
		return fillMap(from, to, name)
	case reflect.Struct:
		if from.Type() != js.TypeObject {
			return mismatch("an object")
		}
		return fillStruct(from, to, name)
	default:
		panic(fmt.Sprintf("BUG: wasm: cannot decode into %v", to.Type()))
	}
	return nil
}

func fillList(from js.Value, to reflect.Value, name string) error {
	to.Set(reflect.MakeSlice(to.Type(), from.Length(), from.Length()))
	for i := range from.Length() {
		if err := fill(from.Index(i), to.Index(i), fmt.Sprintf("%s[%d]", name, i)); err != nil {
			return err
		}
	}
	return nil
}

// fillMap fills a map whose keys are strings.
func fillMap(from js.Value, to reflect.Value, name string) error {
	to.Set(reflect.MakeMap(to.Type()))
	keys := js.Global().Get("Object").Call("keys", from)
	for i := range keys.Length() {
		key, value := keys.Index(i).String(), reflect.New(to.Type().Elem()).Elem()
		if err := fill(from.Get(key), value, name+"."+key); err != nil {
			return err
		}
		to.SetMapIndex(reflect.ValueOf(key), value)
	}
	return nil
}

func fillStruct(from js.Value, to reflect.Value, name string) error {
	keys := js.Global().Get("Object").Call("keys", from)
	for i := range keys.Length() {
		key := keys.Index(i).String()
		field, ok := fieldOf(to, key)
		if !ok {
			return fmt.Errorf("%s has no field %s", name, key)
		}
		if err := fill(from.Get(key), field, key); err != nil {
			return err
		}
	}
	return nil
}

// fieldOf returns the field of a struct with a json tag.
func fieldOf(v reflect.Value, tag string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name == tag {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}
