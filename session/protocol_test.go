//go:build !js

package session

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page declares every message as it is: the same types with the same fields, in
// the same order, of the same kinds. Everything that a request or an event can hold
// is compared.
func TestProtocolIsThatOfThePage(t *testing.T) {
	text, err := os.ReadFile("../web/protocol.js")
	if err != nil {
		t.Fatal(err)
	}
	page := declared(string(text))
	messages := structs(reflect.TypeFor[Request](), reflect.TypeFor[Event]())
	for name, want := range messages {
		if got, ok := page[name]; !ok {
			t.Errorf("protocol.js does not declare %s", name)
		} else if !slices.Equal(got, want) {
			t.Errorf("%s in protocol.js has the fields\n\t%s\nbut in Go\n\t%s", name, strings.Join(got, "; "), strings.Join(want, "; "))
		}
	}
	for name := range page {
		if messages[name] == nil {
			t.Errorf("protocol.js declares %s, which is no message in Go", name)
		}
	}
}

// What the comparison reads on both sides, of one message with every kind of field.
func TestProtocolIsRead(t *testing.T) {
	type Inner struct {
		X float32 `json:"x"`
	}
	type Outer struct {
		N       int            `json:"n,omitempty"`
		Texts   []string       `json:"texts"`
		Table   [][]bool       `json:"table"`
		Options map[string]any `json:"options"`
		Inner   *Inner         `json:"inner"`
		Maybe   *Inner         `json:"maybe,omitempty"`
		hidden  int
	}
	want := map[string][]string{
		"Outer": {"number [n]", "string[] texts", "boolean[][] table", "Object<string, any> options", "Inner | null inner", "Inner [maybe]"},
		"Inner": {"number x"},
	}
	_ = Outer{}.hidden
	if got := structs(reflect.TypeFor[Outer]()); !reflect.DeepEqual(got, want) {
		t.Errorf("in Go %q, want %q", got, want)
	}
	got := declared(`/**
 * @typedef {object} Outer
 * @property {number} [n]   how many
 * @property {string[]} texts
 * @property {boolean[][]} table
 * @property {Object<string, any>} options
 * @property {Inner | null} inner
 * @property {Inner} [maybe]
 */
/** @typedef {object} Inner
 * @property {number} x */`)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("in the page %q, want %q", got, want)
	}
}

// declaration matches the beginning of a type, or one of its fields.
var declaration = regexp.MustCompile(`@typedef \{object\} (\w+)|@property \{(.+?)\} (\[?\w+\]?)`)

// declared returns the types that a script declares with their fields, each as
// "type name", or "type [name]" if it may be left out.
func declared(script string) map[string][]string {
	types, last := map[string][]string{}, ""
	for _, m := range declaration.FindAllStringSubmatch(script, -1) {
		if m[1] != "" {
			last = m[1]
			types[last] = []string{}
		} else {
			types[last] = append(types[last], m[2]+" "+m[3])
		}
	}
	return types
}

// structs returns the same of structs of Go and of all that they hold.
func structs(roots ...reflect.Type) map[string][]string {
	types := map[string][]string{}
	for len(roots) > 0 {
		s := roots[0]
		roots = roots[1:]
		if types[s.Name()] != nil {
			continue
		}
		fields := []string{}
		for i := range s.NumField() {
			name, options, _ := strings.Cut(s.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			kind, held := typeInPage(s.Field(i).Type)
			if held != nil {
				roots = append(roots, held)
			}
			if options == "omitempty" { // then it is never null
				kind, name = strings.TrimSuffix(kind, " | null"), "["+name+"]"
			}
			fields = append(fields, kind+" "+name)
		}
		types[s.Name()] = fields
	}
	return types
}

// typeInPage returns a type of Go as the page writes it, and the struct in it or nil.
func typeInPage(t reflect.Type) (name string, held reflect.Type) {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean", nil
	case reflect.String:
		return "string", nil
	case reflect.Int, reflect.Uint32, reflect.Float32, reflect.Float64:
		return "number", nil
	case reflect.Interface:
		return "any", nil
	case reflect.Struct:
		return t.Name(), t
	case reflect.Pointer:
		name, held = typeInPage(t.Elem())
		return name + " | null", held
	case reflect.Slice, reflect.Array:
		name, held = typeInPage(t.Elem())
		return name + "[]", held
	case reflect.Map:
		name, held = typeInPage(t.Elem())
		return fmt.Sprintf("Object<string, %s>", name), held
	}
	panic(fmt.Sprintf("BUG: a message holds a %v", t))
}
