package repo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// maxParameters is how many an exported function may take. More belong together
// in a type with a name.
const maxParameters = 7

// TestFunctionsTakeFewParameters counts the parameters of every exported function
// outside tests.
func TestFunctionsTakeFewParameters(t *testing.T) {
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for name, n := range manyParameters(syntax) {
			t.Errorf("%s: %s takes %d parameters, at most %d", file, name, n, maxParameters)
		}
	}
	const src = `package p
func Eight(a, b, c, d, e, f, g, h int) {}
func Seven(a, b, c, d int, e, f, g string) {}
func eight(a, b, c, d, e, f, g, h int) {}
func (T) Unnamed(int, int, int, int, int, int, int, int) {}
`
	syntax, err := parser.ParseFile(token.NewFileSet(), "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := manyParameters(syntax)
	if len(found) != 2 || found["Eight"] != 8 || found["T.Unnamed"] != 8 {
		t.Errorf("found %v, want Eight and T.Unnamed with 8", found)
	}
}

// manyParameters returns the exported functions of a file that take too many.
func manyParameters(file *ast.File) map[string]int {
	found := map[string]int{}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !f.Name.IsExported() {
			continue
		}
		n := 0
		for _, field := range f.Type.Params.List {
			n += max(1, len(field.Names))
		}
		if n > maxParameters {
			found[methodName(f)] = n
		}
	}
	return found
}
