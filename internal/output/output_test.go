package output

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writing returns a function that writes a text.
func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// write writes an output that has to succeed.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := Check([]Named{{"-o", path}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, nil, writing(text)); err != nil {
		t.Fatal(err)
	}
}

// file makes a file.
func file(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// content returns a file's.
func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// only fails if a folder has other entries than those named.
func only(t *testing.T, folder string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	if got, want := strings.Join(found, " "), strings.Join(names, " "); got != want {
		t.Errorf("the folder has %q, want %q", got, want)
	}
}

func TestFiles(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	file(t, at("old"), "a longer text of before", 0o600)
	for _, name := range []string{"new", "old", "name with spaces\n", strings.Repeat("n", 255)} {
		write(t, at(name), "text")
		if got := content(t, at(name)); got != "text" {
			t.Errorf("%s holds %q", name, got)
		}
	}
	if info, _ := os.Stat(at("old")); info.Mode().Perm() != 0o600 {
		t.Errorf("a private file has now the mode %v", info.Mode())
	}
	only(t, folder, "name with spaces\n", "new", strings.Repeat("n", 255), "old")
}

// What fails leaves what was there, and nothing else.
func TestFailureLeavesWhatWasThere(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	file(t, at("old"), "before", 0o644)
	file(t, at("twin"), "two names", 0o644)
	if err := os.Link(at("twin"), at("other")); err != nil {
		t.Skip(err)
	}
	failed := errors.New("failed")
	for name, before := range map[string]string{"old": "before", "twin": "two names", "other": "two names", "none": ""} {
		err := Write(at(name), nil, func(w io.Writer) error {
			io.WriteString(w, "half")
			return failed
		})
		if !errors.Is(err, failed) {
			t.Errorf("%s: error %v", name, err)
		}
		if name != "none" && content(t, at(name)) != before {
			t.Errorf("%s holds %q, want %q", name, content(t, at(name)), before)
		}
	}
	only(t, folder, "old", "other", "twin")
}

// Links stay, and what they lead to gets the text.
func TestLinks(t *testing.T) {
	folder := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{folder}, names...)...) }
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(at(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file(t, at("a", "real"), "before", 0o640)
	for link, to := range map[string]string{
		"relative": "a/real", "absolute": at("a", "real"), "second": "relative", "dangling": "b/born", "round": "round",
		"b/up": "../a/real", "folder": "b", "through": "folder/up", "nowhere": "none/file",
	} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Skip(err)
		}
	}
	for _, link := range []string{"relative", "absolute", "second", "b/up", "folder/up", "through"} {
		write(t, at(link), link)
		if got := content(t, at("a", "real")); got != link {
			t.Errorf("through %s: the file holds %q", link, got)
		}
		if info, err := os.Lstat(at("relative")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("through %s: a link is one no more", link)
		}
	}
	if info, _ := os.Stat(at("a", "real")); info.Mode().Perm() != 0o640 {
		t.Errorf("the file has now the mode %v", info.Mode())
	}
	write(t, at("dangling"), "born")
	if got := content(t, at("b", "born")); got != "born" {
		t.Errorf("what a link led to before it was there holds %q", got)
	}
	for link, want := range map[string]string{"round": "links", "nowhere": "there is no folder"} {
		if err := Check([]Named{{"-o", at(link)}}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", link, err, want)
		}
	}
	// A second name of a file stays one.
	if err := os.Link(at("a", "real"), at("b", "twin")); err != nil {
		t.Skip(err)
	}
	write(t, at("b", "twin"), "both")
	if got := content(t, at("a", "real")); got != "both" {
		t.Errorf("the other name's file holds %q", got)
	}
	only(t, at("a"), "real")
}

func TestStdout(t *testing.T) {
	var out bytes.Buffer
	if err := Write("-", &out, writing("text")); err != nil || out.String() != "text" {
		t.Errorf("standard output got %q, %v", out.String(), err)
	}
	if !IsStdout("-") || IsStdout("./-") || IsFile("-") || !IsFile("none") {
		t.Error("- is standard output, and nothing else is")
	}
}

func TestCheck(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	file(t, at("file"), "", 0o644)
	file(t, at("model.gguf"), "weights", 0o644)
	if err := os.Mkdir(at("hf"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "tokenizer.json", "model.safetensors", "report.json"} {
		file(t, at("hf/"+name), "", 0o644)
	}
	for link, to := range map[string]string{"link": "file", "weights": "model.gguf", "also": "hf"} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Skip(err)
		}
	}
	for _, tc := range []struct{ outputs, inputs, want string }{
		{"file", "", ""},
		{"new", "", ""},
		{"file new", "model.gguf", ""},
		{"none/file", "", "-0 none/file: there is no folder none"},
		{"hf", "", "-0 hf: is a folder, want a file"},
		{"new/", "", "-0 new/: is a folder's name, want a file"},
		{"hf/new/", "", "is a folder's name"},
		{"file/new", "", "-0 file/new: "},
		{"file file", "", "-0 file and -1 file are the same"},
		{"file link", "", "-0 file and -1 link are the same"},
		{"new ./hf/../new", "", "are the same"},
		{"hf/new also/new", "", "are the same"},
		{"new hf/new", "", ""},
		{"- -", "", "-0 - and -1 - are the same"},
		{"- file", "", ""},
		{"model.gguf", "model.gguf", "-0 model.gguf is what -in model.gguf reads"},
		{"file weights", "model.gguf", "-1 weights is what -in model.gguf reads"},
		{"model.gguf", "weights", "reads"},
		{"hf/config.json", "hf", "reads"},
		{"hf/model.safetensors", "also", "reads"},
		{"also/tokenizer.json", "hf", "reads"},
		{"hf/report.json", "hf", ""},
		{"hf/new.json", "hf", ""},
		{"file", "none", ""},
	} {
		t.Chdir(folder)
		var outputs, inputs []Named
		for i, path := range strings.Fields(tc.outputs) {
			outputs = append(outputs, Named{"-" + string(rune('0'+i)), path})
		}
		for _, path := range strings.Fields(tc.inputs) {
			inputs = append(inputs, Named{"-in", path})
		}
		err := Check(outputs, inputs)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("outputs %s, inputs %s: %v, want %q", tc.outputs, tc.inputs, err, tc.want)
		}
	}
	only(t, folder, "also", "file", "hf", "link", "model.gguf", "weights")
	if got := content(t, at("model.gguf")); got != "weights" {
		t.Errorf("checking made %q of an input", got)
	}
	for path, want := range map[string]string{"hf": "", "a/b/c": "", ".": "", "file": "not a folder", "file/a": ""} {
		if err := CheckFolder("-o", path); want != "" && (err == nil || !strings.Contains(err.Error(), want)) || want == "" && err != nil && path != "file/a" {
			t.Errorf("folder %s: %v, want %q", path, err, want)
		}
	}
	if err := CheckFolder("-o", "file/a"); err == nil {
		t.Error("a folder within a file is taken for possible")
	}
}

// A file that standard output goes to is no output beside it.
func TestRedirected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := os.Stdout
	os.Stdout = f
	defer func() { os.Stdout = before }()
	if err := Check([]Named{{"-json", path}}, nil); err == nil || !strings.Contains(err.Error(), "is where standard output goes") {
		t.Errorf("error %v", err)
	}
	if err := Check([]Named{{"-json", path + "2"}, {"-csv", "-"}}, nil); err != nil {
		t.Error(err)
	}
}
