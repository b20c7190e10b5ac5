package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStrip(t *testing.T) {
	got, err := strip("// top\n\nfn f() { // why\n    return;   \n}")
	if want := "\n\nfn f() {\nreturn;\n}\n"; got != want || err != nil {
		t.Errorf("stripped to %q (%v), want %q", got, err, want)
	}
	if _, err := strip("a /* b */ c"); err == nil {
		t.Error("a comment of the form /* */ is not refused")
	}
}

func TestFlatten(t *testing.T) {
	const src = "//go:build js\n\n// Package p.\npackage p\n\n//go:noinline\nfunc f(a,\n\tb int) string { /* c */\n\treturn `x\ny` // z\n}\n"
	const want = "\n//go:build js\npackage p ; \n//go:noinline\nfunc f ( a , b int ) string { return `x\ny` ; } ; "
	if got := flatten([]byte(src)); got != want {
		t.Errorf("flattened to %q, want %q", got, want)
	}
}

// What the overlay replaces is the same program: Go files have the same syntax
// tree, shaders the same code on the same lines.
func TestOverlay(t *testing.T) {
	t.Chdir("../..")
	t.Setenv("GOOS", "js")
	t.Setenv("GOARCH", "wasm")
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "overlay.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Replace map[string]string }
	if err := json.Unmarshal(data, &list); err != nil || len(list.Replace) < 300 {
		t.Fatalf("overlay.json replaces %d files (%v), want hundreds", len(list.Replace), err)
	}
	var shaders []byte
	for file, with := range list.Replace {
		if strings.HasSuffix(file, "/gpu/shader_files.go") {
			if shaders, err = os.ReadFile(with); err != nil {
				t.Fatal(err)
			}
		} else if code(t, file) != code(t, with) {
			t.Errorf("%s is another program in the overlay", file)
		}
	}
	paths, err := filepath.Glob("gpu/shaders/*.wgsl")
	if n := bytes.Count(shaders, []byte(`\x00`)) - 2; err != nil || n != len(paths) || n < 30 {
		t.Errorf("%d shaders, want the %d of gpu/shaders (%v)", n, len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		stripped, err := strip(string(text))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		lines, want := strings.Split(stripped, "\n"), strings.Split(string(text), "\n")
		if len(lines) != len(want) {
			t.Errorf("%s: %d lines, want %d", path, len(lines), len(want))
			continue
		}
		for i, line := range lines {
			if !strings.Contains(want[i], line) || line == "" && !strings.HasPrefix(strings.TrimSpace(want[i])+"//", "//") {
				t.Errorf("%s:%d: %q became %q", path, i+1, want[i], line)
			}
		}
	}
}

// code returns the syntax tree of a Go file as text, without comments and
// positions, and its directives.
func code(t *testing.T, path string) string {
	t.Helper()
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var directives []string
	for _, group := range tree.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:") {
				directives = append(directives, c.Text)
			}
		}
	}
	var out bytes.Buffer
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil:
			out.WriteString(")")
		case *ast.Comment, *ast.CommentGroup:
			return false
		case *ast.Ident:
			out.WriteString("(" + n.Name)
		case *ast.BasicLit:
			out.WriteString("(" + n.Value)
		case *ast.BinaryExpr:
			out.WriteString("(" + n.Op.String())
		case *ast.UnaryExpr:
			out.WriteString("(" + n.Op.String())
		case *ast.AssignStmt:
			out.WriteString("(" + n.Tok.String())
		case *ast.GenDecl:
			out.WriteString("(" + n.Tok.String())
		case *ast.BranchStmt:
			out.WriteString("(" + n.Tok.String())
		case *ast.IncDecStmt:
			out.WriteString("(" + n.Tok.String())
		default:
			out.WriteString("(")
		}
		return true
	})
	return out.String() + strings.Join(directives, "\n")
}
