// Command overlay writes what "go build -overlay" needs to build a smaller wasm
// module of the same program:
//
//   - In the place of gpu/shader_files.go a file that holds the shaders without
//     comments and indentation: 43 kB less after gzip, some of it package embed.
//     Lines stay where they are, so that a compiler's line numbers are true.
//   - Every Go file of keyfold and of the standard library on one line: 45 kB
//     less, because the table of line numbers, which hardly compresses, then has
//     one number per function. The trace of a panic names functions, not lines;
//     a module that is built without the overlay has both.
//
// It is run in the repository, with the GOOS, GOARCH and GOEXPERIMENT of the
// build, and writes DIR/overlay.json and the files that it names.
//
//	overlay DIR
package main

import (
	"encoding/json"
	"fmt"
	"go/scanner"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("overlay: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: overlay DIR")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

// write writes the overlay to folder dir, which is emptied first.
func write(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	replace := map[string]string{} // file: what is read instead
	put := func(file, with, text string) error {
		replace[file] = filepath.Join(dir, with)
		return os.WriteFile(replace[file], []byte(text), 0o644)
	}

	shaders, err := shaderFiles()
	if err != nil {
		return err
	}
	files, err := filepath.Abs(filepath.Join("gpu", "shader_files.go"))
	if err != nil {
		return err
	}
	if err := put(files, "shader_files.go", shaders); err != nil {
		return err
	}

	// Files of modules that were downloaded cannot be replaced.
	const ours = `{{if or .Standard .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`
	list := exec.Command("go", "list", "-deps", "-f", ours, "./cmd/wasm")
	list.Stderr = os.Stderr
	paths, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	for i, path := range strings.Fields(string(paths)) {
		if path == files {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := put(path, fmt.Sprintf("%d_%s", i, filepath.Base(path)), flatten(src)); err != nil {
			return err
		}
	}

	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o644)
}

// shaderFiles returns Go source with the stripped text of every shader: all in
// one string, each as NUL, its name, SOH and its text.
func shaderFiles() (string, error) {
	paths, err := filepath.Glob(filepath.Join("gpu", "shaders", "*.wgsl"))
	if err != nil || len(paths) == 0 {
		return "", fmt.Errorf("no shaders in gpu/shaders, want some: run it in the repository (%v)", err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		stripped, err := strip(string(text))
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".wgsl")
		all.WriteString("\x00" + name + "\x01" + stripped)
	}
	return fmt.Sprintf(`package gpu

import "strings"

func shaderFile(name string) (string, bool) {
	_, text, found := strings.Cut(%q, "\x00"+name+"\x01")
	text, _, _ = strings.Cut(text, "\x00")
	return text, found
}
`, all.String()), nil
}

// strip returns WGSL without comments, and without white space at both ends of
// lines. Comments of the form /* */ are refused: the shaders have none.
func strip(text string) (string, error) {
	if strings.Contains(text, "/*") {
		return "", fmt.Errorf("has a comment of the form /* */, want //")
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "//")
		out.WriteString(strings.TrimSpace(code) + "\n")
	}
	return out.String(), nil
}

// flatten returns the tokens of a Go file on one line, but for directives, which
// must have lines of their own, and other comments, which go.
func flatten(src []byte) string {
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(src)), src, nil, scanner.ScanComments)
	var out strings.Builder
	for {
		_, kind, text := s.Scan()
		switch {
		case kind == token.EOF:
			return out.String()
		case kind == token.COMMENT && !strings.HasPrefix(text, "//go:"):
		case kind == token.COMMENT:
			out.WriteString("\n" + text + "\n")
		case kind == token.SEMICOLON:
			out.WriteString("; ") // also where the end of a line stands for one
		case text == "":
			out.WriteString(kind.String() + " ")
		default:
			out.WriteString(text + " ")
		}
	}
}
