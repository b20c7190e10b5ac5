package repo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// maxLines is how long a function may be. A reader sees that much at once.
const maxLines = 60

// TestFunctionsAreShort measures every function outside tests. A function that
// only returns a literal is a table, and may be as long as its list.
func TestFunctionsAreShort(t *testing.T) {
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		for name, lines := range functionLengths(set, syntax) {
			if lines > maxLines {
				t.Errorf("%s: %s has %d lines, at most %d", file, name, lines, maxLines)
			}
		}
	}
}

// functionLengths returns the lines of every function of a file: by name, and
// methods as Type.Method. Functions in variables go by the variable's name.
func functionLengths(set *token.FileSet, file *ast.File) map[string]int {
	lengths := map[string]int{}
	add := func(name string, node ast.Node) {
		lengths[name] = max(lengths[name], set.Position(node.End()).Line-set.Position(node.Pos()).Line+1)
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if !isTable(decl.Body) {
				add(methodName(decl), decl)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				value, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				ast.Inspect(value, func(n ast.Node) bool {
					if literal, ok := n.(*ast.FuncLit); ok && !isTable(literal.Body) {
						add(value.Names[0].Name, literal)
					}
					return true
				})
			}
		}
	}
	return lengths
}

// isTable says whether a function does nothing but return a literal.
func isTable(body *ast.BlockStmt) bool {
	if body == nil || len(body.List) != 1 {
		return false
	}
	result, ok := body.List[0].(*ast.ReturnStmt)
	if !ok || len(result.Results) != 1 {
		return false
	}
	_, ok = result.Results[0].(*ast.CompositeLit)
	return ok
}

// methodName returns the name of a function, after its receiver's type if it has one.
func methodName(decl *ast.FuncDecl) string {
	if decl.Recv == nil {
		return decl.Name.Name
	}
	receiver := decl.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + decl.Name.Name
	}
	return decl.Name.Name
}

func TestFunctionLengths(t *testing.T) {
	long := strings.Repeat("\n", maxLines)
	for source, want := range map[string]int{
		"func f() {\n}":                                  2,
		"func f() {" + long + "}":                        maxLines + 1,
		"func f() { print(1)" + long + "\nprint() }":     maxLines + 2,
		"func f() []int {\nreturn []int{" + long + "}}":  0, // a table
		"func f() int {\nreturn g(" + long + ")}":        maxLines + 2,
		"var f = func() {" + long + "}":                  maxLines + 1,
		"var f = map[int]any{1: func() {\nprint(1)\n}}":  3,
		"var f = []int{" + long + "}":                    0,
		"type T int\nfunc (T) f() {" + long + "}":        maxLines + 1,
		"type T[E any] int\nfunc (*T[E]) f() {\n\n\n\n}": 5,
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "f.go", "package p\n"+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		name := "f"
		if strings.HasPrefix(source, "type") {
			name = "T.f"
		}
		if got := functionLengths(set, file)[name]; got != want {
			t.Errorf("%.40q: %d lines, want %d", source, got, want)
		}
	}
}
