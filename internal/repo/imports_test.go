// Package repo holds tests about the tree: who imports whom, and what no file
// may contain. There is no code in it.
package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from here.
const root = "../.."

const (
	binding = "github.com/cogentcore/webgpu"
	float16 = "github.com/x448/float16"
)

// allowed says who may import whom, besides the standard library. A package
// that is not listed may import only the standard library. A path that ends in
// /... stands for the packages below it as well.
var allowed = map[string][]string{
	"keyfold/compress":          {},
	"keyfold/layout":            {float16},
	"keyfold/ref":               {"keyfold/layout"},
	"keyfold/gpu":               {binding + "/wgpu", "keyfold/layout", "keyfold/internal/kernelcase"},
	"keyfold/cpu":               {"keyfold/layout", "keyfold/ref", "golang.org/x/sys/cpu"},
	"keyfold/engine":            {"keyfold/gpu", "keyfold/layout", "keyfold/cpu", "keyfold/compress", "keyfold/engine/..."},
	"keyfold/engine/checkpoint": {float16, "keyfold/engine/untrusted", "keyfold/internal/textfile"},
	"keyfold/engine/tokenizer":  {"keyfold/engine/untrusted", "keyfold/internal/textfile", "golang.org/x/text/unicode/norm"},
	"keyfold/engine/chat":       {"keyfold/engine/tokenizer", "keyfold/internal/textfile", "github.com/ardanlabs/jinja"},
	"keyfold/models":            {"keyfold/engine/checkpoint", "keyfold/engine/tokenizer"},
	"keyfold/hub":               {"keyfold/models", "keyfold/engine/checkpoint", "keyfold/engine/untrusted", "golang.org/x/sys/unix", "golang.org/x/sys/windows"},
	"keyfold/session":           {"keyfold/engine/...", "keyfold/compress", "keyfold/layout"},
	"keyfold/cmd/native": {
		"keyfold/bench", "keyfold/engine/...", "keyfold/compress", "keyfold/models", "keyfold/hub", "keyfold/layout", "keyfold/corpus", "keyfold/eval",
		"keyfold/internal/output", "keyfold/internal/textfile",
		"github.com/schollz/progressbar/v3", "golang.org/x/term",
	},
	"keyfold/cmd/wasm": {
		"keyfold/session", "keyfold/engine", "keyfold/engine/checkpoint", "github.com/hack-pad/safejs",
	},
	"keyfold/eval": {
		"keyfold/corpus", "keyfold/engine/...", "keyfold/compress", "keyfold/layout", "gonum.org/v1/plot/...",
		"keyfold/internal/output", "keyfold/internal/textfile",
	},
	"keyfold/bench":            {"keyfold/engine", "keyfold/engine/checkpoint", "keyfold/engine/tokenizer", "keyfold/layout"},
	"keyfold/bench/peers/wasm": {"keyfold/engine", "keyfold/engine/checkpoint", "keyfold/layout"},
	"keyfold/corpus":           {},
	"keyfold/experiments/results": {
		"keyfold/corpus", "keyfold/eval", "keyfold/engine/...", "keyfold/compress", "keyfold/layout", "keyfold/models",
	},
	"keyfold/examples/generate":   {"keyfold/engine", "keyfold/engine/tokenizer", "keyfold/models"},
	"keyfold/examples/compress":   {"keyfold/engine", "keyfold/engine/tokenizer", "keyfold/models", "keyfold/compress"},
	"keyfold/examples/newmethod":  {"keyfold/engine", "keyfold/engine/tokenizer", "keyfold/models", "keyfold/compress"},
	"keyfold/internal/browser":    {"github.com/chromedp/..."},
	"keyfold/internal/kernelcase": {"keyfold/layout", "keyfold/ref"},
	"keyfold/tools/realmodel":     {"keyfold/internal/output"},
	"keyfold/experiments/positions": {
		"keyfold/engine/...", "keyfold/compress", "keyfold/layout", "keyfold/corpus", "keyfold/eval", "keyfold/models",
	},
}

// allowedInTests says what the tests of a package may import besides the
// package itself and what it imports.
var allowedInTests = map[string][]string{
	"keyfold/cmd/native":         {"keyfold/cpu", "keyfold/internal/browser", "keyfold/internal/flaky", "keyfold/session", "github.com/chromedp/..."},
	"keyfold/gpu":                {"keyfold/ref", "keyfold/internal/browser"},
	"keyfold/cpu":                {"keyfold/internal/kernelcase"},
	"keyfold/engine":             {"keyfold/models"},
	"keyfold/eval":               {"keyfold/models"},
	"keyfold/hub":                {"keyfold/internal/flaky"},
	"keyfold/internal/realmodel": {"keyfold/engine/...", "keyfold/compress", "keyfold/layout"},
	"keyfold/session":            {"keyfold/models"},
}

// target is a pair of GOOS and GOARCH.
type target struct{ os, arch string }

var (
	native  = target{"linux", "amd64"}
	js      = target{"js", "wasm"}
	targets = []target{native, js}
)

// pkg is what the tests use of go list -json.
type pkg struct {
	ImportPath, Name                   string
	Imports, TestImports, XTestImports []string
}

// list runs go list -json with further arguments for a target.
func list(t *testing.T, on target, args ...string) []pkg {
	t.Helper()
	files(t) // so that a change of any of them runs this test again
	args = append([]string{"list", "-json=ImportPath,Name,Imports,TestImports,XTestImports"}, args...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+on.os, "GOARCH="+on.arch)
	if on == native {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1") // else the binding has no files there
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v for %s: %v\n%s", cmd.Args, on.os, err, stderr.String())
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// isStandard reports whether a package is of the standard library: the first
// element of its path has no dot, and is not this module.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return first != "keyfold" && !strings.Contains(first, ".")
}

func matches(importPath string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		above, tree := strings.CutSuffix(pattern, "/...")
		return importPath == pattern || tree && (importPath == above || strings.HasPrefix(importPath, above+"/"))
	})
}

// wrongImports lists the imports that the rules do not allow.
func wrongImports(pkgs []pkg) []string {
	var wrong []string
	check := func(who string, imports, may []string) {
		for _, imported := range imports {
			if !isStandard(imported) && !matches(imported, may) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, want the standard library and %v",
					who, imported, may))
			}
		}
	}
	for _, p := range pkgs {
		may := allowed[p.ImportPath]
		check(p.ImportPath, p.Imports, may)
		may = slices.Concat([]string{p.ImportPath}, may, allowedInTests[p.ImportPath])
		check("a test of "+p.ImportPath, slices.Concat(p.TestImports, p.XTestImports), may)
	}
	return wrong
}

func TestImports(t *testing.T) {
	for _, on := range targets {
		for _, wrong := range wrongImports(list(t, on, "./...")) {
			t.Errorf("%s: %s", on.os, wrong)
		}
	}
}

func TestImportRulesCatchErrors(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		inTest   bool
		ok       bool
	}{
		{"keyfold/compress", "math", false, true},
		{"keyfold/compress", "encoding/json", false, true},
		{"keyfold/compress", float16, false, false},
		{"keyfold/compress", "keyfold/ref", false, false},
		{"keyfold/compress", "keyfold/ref", true, false},
		{"keyfold/layout", float16, false, true},
		{"keyfold/layout", "keyfold/ref", true, false},
		{"keyfold/ref", "keyfold/layout", false, true},
		{"keyfold/ref", "keyfold/cpu", false, false},
		{"keyfold/session", "keyfold/ref", true, false},
		{"keyfold/engine", "keyfold/ref", true, false},
		{"keyfold/ref", "keyfold/compress", false, false},
		{"keyfold/gpu", binding + "/wgpu", false, true},
		{"keyfold/gpu", binding + "/jsx", false, false},
		{"keyfold/gpu", "keyfold/engine", false, false},
		{"keyfold/gpu", "keyfold/engine", true, false},
		{"keyfold/gpu", "keyfold/internal/browser", false, false},
		{"keyfold/gpu", "keyfold/ref", false, false},
		{"keyfold/gpu", "keyfold/ref", true, true},
		{"keyfold/cpu", "keyfold/internal/kernelcase", false, false},
		{"keyfold/internal/kernelcase", "keyfold/gpu", true, false},
		{"keyfold/gpu", "keyfold/internal/browser", true, true},
		{"keyfold/engine", "keyfold/gpu", false, true},
		{"keyfold/engine", "keyfold/engine/tokenizer", false, true},
		{"keyfold/engine", "keyfold/models", false, false},
		{"keyfold/engine", "keyfold/models", true, true},
		{"keyfold/engine", binding + "/wgpu", false, false},
		{"keyfold/engine", binding + "/wgpu", true, false},
		{"keyfold/engine", "keyfold/enginerunner", false, false},
		{"keyfold/engine/checkpoint", float16, false, true},
		{"keyfold/engine/checkpoint", "keyfold/engine/tokenizer", false, false},
		{"keyfold/engine/tokenizer", "keyfold/engine/checkpoint", false, false},
		{"keyfold/engine/tokenizer", "keyfold/ref", false, false},
		{"keyfold/engine/tokenizer", "keyfold/engine/chat", false, false},
		{"keyfold/engine/chat", "keyfold/engine/checkpoint", false, false},
		{"keyfold/cmd/native", "keyfold/gpu", false, false},
		{"keyfold/cmd/native", "github.com/stretchr/testify/assert", true, false},
		{"keyfold/newcomer", "strings", false, true},
		{"keyfold/newcomer", "keyfold/compress", false, false},
	} {
		p := pkg{ImportPath: tc.from, Imports: []string{tc.to}}
		if tc.inTest {
			p = pkg{ImportPath: tc.from, TestImports: []string{tc.to}}
		}
		if wrong := wrongImports([]pkg{p}); (len(wrong) == 0) != tc.ok {
			t.Errorf("%s imports %s, in a test: %v; complaints %q, want none: %v",
				tc.from, tc.to, tc.inTest, wrong, tc.ok)
		}
	}
}

// Names that say nothing about what is in a package.
var vagueNames = []string{"util", "utils", "common", "helpers", "types"}

func vague(p pkg) bool {
	return slices.Contains(vagueNames, p.Name) || slices.Contains(vagueNames, path.Base(p.ImportPath))
}

func TestPackageNames(t *testing.T) {
	for _, on := range targets {
		for _, p := range list(t, on, "./...") {
			if vague(p) {
				t.Errorf("%s: package %s in %s: the name says nothing of what is in it",
					on.os, p.Name, p.ImportPath)
			}
		}
	}
	for _, p := range []pkg{
		{Name: "util", ImportPath: "keyfold/gpu"},
		{Name: "main", ImportPath: "keyfold/common"},
	} {
		if !vague(p) {
			t.Errorf("package %s in %s is not seen to be vague", p.Name, p.ImportPath)
		}
	}
}

// mayImportJS reports whether a file, by its path from the root, may import
// syscall/js.
func mayImportJS(file string) bool {
	name := strings.TrimSuffix(path.Base(file), "_test.go")
	return strings.HasPrefix(file, "cmd/wasm/") || strings.HasSuffix(strings.TrimSuffix(name, ".go"), "_js")
}

func TestOnlyJSFilesImportSyscallJS(t *testing.T) {
	found := 0
	for _, file := range files(t) {
		if path.Ext(file) != ".go" {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, spec := range parsed.Imports {
			if spec.Path.Value != `"syscall/js"` {
				continue
			}
			found++
			if !mayImportJS(file) {
				t.Errorf("%s imports syscall/js; only *_js.go files and cmd/wasm may", file)
			}
		}
	}
	if found == 0 {
		t.Error("found no file that imports syscall/js; want at least gpu/device_js.go")
	}
	for file, want := range map[string]bool{
		"gpu/device_js.go": true, "gpu/device_js_test.go": true, "cmd/wasm/main.go": true,
		"gpu/device.go": false, "gpu/js.go": false, "cmd/native/run.go": false, "engine/cmd/wasm/x.go": false,
	} {
		if mayImportJS(file) != want {
			t.Errorf("mayImportJS(%s) = %v, want %v", file, !want, want)
		}
	}
}

// heavy are packages that would make the page's download much larger.
// JSON goes through the browser's own there.
var heavy = []string{"encoding/json", "net/http", "regexp", "text/template"}

// chain returns how root comes to import one of the packages in want, as
// "a -> b -> c", or "". It does not look inside the WebGPU binding, which
// imports encoding/json through log/slog: it is not ours to change, and the
// linker leaves out what the binding does not call.
func chain(pkgs []pkg, root string, want []string) string {
	imports := map[string][]string{}
	for _, p := range pkgs {
		imports[p.ImportPath] = p.Imports
	}
	via := map[string]string{root: ""}
	for queue := []string{root}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if slices.Contains(want, at) {
			text := at
			for from := via[at]; from != ""; from = via[from] {
				text = from + " -> " + text
			}
			return text
		}
		if matches(at, []string{binding + "/..."}) {
			continue
		}
		for _, next := range imports[at] {
			if _, seen := via[next]; !seen {
				via[next] = at
				queue = append(queue, next)
			}
		}
	}
	return ""
}

func TestPageStaysLight(t *testing.T) {
	roots := []string{"keyfold/engine", "keyfold/cmd/wasm"}
	for _, p := range list(t, js, "./...") {
		if !slices.Contains(roots, p.ImportPath) {
			continue
		}
		deps := list(t, js, "-deps", p.ImportPath)
		if found := chain(deps, p.ImportPath, heavy); found != "" {
			t.Errorf("js: %s", found)
		}
		if chain(deps, p.ImportPath, []string{"syscall/js"}) == "" {
			t.Errorf("js: %s is not seen to import syscall/js, which it does", p.ImportPath)
		}
	}
	deps := []pkg{
		{ImportPath: "a", Imports: []string{"b", binding + "/wgpu"}},
		{ImportPath: "b", Imports: []string{"a", "c"}},
		{ImportPath: binding + "/wgpu", Imports: []string{"regexp"}},
		{ImportPath: "c", Imports: []string{"net/http"}},
	}
	if got, want := chain(deps, "a", heavy), "a -> b -> c -> net/http"; got != want {
		t.Errorf("chain %q, want %q", got, want)
	}
	if got := chain(deps, "a", []string{"regexp"}); got != "" {
		t.Errorf("chain %q through the binding", got)
	}
}

// The tests of a page may bring npm packages, some of which hold Go files.
func TestGoIgnoresNodeModules(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct{ Ignore []struct{ Path string } }
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	for _, ignored := range mod.Ignore {
		if ignored.Path == "./node_modules" {
			return
		}
	}
	t.Errorf("go.mod ignores %v, want ./node_modules among them", mod.Ignore)
}
