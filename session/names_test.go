//go:build !js

package session

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keyfold/compress"
)

// Neither the page's scripts nor this package know a method by name: what they show
// and allow follows from [Method]. In scripts all is searched but comments and the
// places of files, such as compress/gvote.go; here, the strings of all files but
// tests. Not searched are index.html, whose prose explains the papers, and
// record.mjs, which chooses what to record.
//
// Some names are ordinary words. They count only as whole strings, and not where
// the page means something else by the word.
func TestNoMethodIsKnownByName(t *testing.T) {
	scripts, err := filepath.Glob("../web/*.js")
	if err != nil {
		t.Fatal(err)
	}
	views, err := filepath.Glob("../web/views/*.js")
	if err != nil || len(scripts) < 10 || len(views) < 10 {
		t.Fatalf("found %d scripts and %d views, %v", len(scripts), len(views), err)
	}
	for _, file := range slices.Concat(scripts, views) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range namesInScript(filepath.Base(file), string(text)) {
			t.Errorf("%s knows the method %s", file, name)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, name := range namesInStrings(t, file) {
			t.Errorf("%s knows the method %s", file, name)
		}
	}
}

func TestNamesAreSeen(t *testing.T) {
	for script, want := range map[string]string{
		`if (m.name === "gvote") return;`:              "gvote",
		"choose({ method: 'ada:h2o' })":                "ada:h2o",
		`text: "Choose votefold and run"`:              "votefold",
		"const sizes = { kvmerger: 1 };":               "kvmerger",
		`m === "window" || m === "full"`:               "full window",
		`// gvote votes`:                               "",
		"/** as\n * kvmerger does */":                  "",
		`"GVote (compress/gvote.go) keeps the window"`: "",
		`const full = window.innerWidth, pivot = 1;`:   "",
	} {
		if got := strings.Join(namesInScript("x.js", script), " "); got != want {
			t.Errorf("in %s the methods %q are seen, want %q", script, got, want)
		}
	}
	if got := namesInScript("plan.js", `f === "pivot"`); got != nil {
		t.Errorf("the fate of a slot is seen as a method: %q", got)
	}
}

// words are the names of methods that are ordinary words.
var words = []string{"full", "random", "window", "expected", "cam", "pivot", "oracle"}

// otherwise says in which scripts a word means something else: the uncompressed
// cache, or the slot of a set that gives its row the position.
var otherwise = map[string][]string{
	"full":  {"needle.js", "charts.js"},
	"pivot": {"plan.js", "strip.js", "occupancy.js"},
}

var comments = regexp.MustCompile(`(?s)/\*.*?\*/|(^|\s)//[^\n]*`)

// namesInScript returns the methods that a script names, in the order of [compress.Names].
func namesInScript(file, text string) (found []string) {
	text = comments.ReplaceAllString(text, "")
	for _, name := range compress.Names() {
		pattern := `(^|[^\w/:])` + name + `\b`
		if slices.Contains(words, name) {
			pattern = "[\"'`]" + name + "[\"'`]"
		}
		if regexp.MustCompile(pattern).MatchString(text) && !slices.Contains(otherwise[name], file) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// namesInStrings returns the methods that are strings of a file of Go, or words of one.
func namesInStrings(t *testing.T, file string) (found []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range compress.Names() {
			if text == name || !slices.Contains(words, name) && slices.Contains(strings.Fields(text), name) {
				found = append(found, name)
			}
		}
		return true
	})
	return found
}
