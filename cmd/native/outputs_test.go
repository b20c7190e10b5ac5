//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
)

// outputOptions are all options that name a file to write, behind a command that is
// quick. OUT stands for the file.
func outputOptions(t *testing.T, model string) []string {
	saved := filepath.Join(t.TempDir(), "saved.cache")
	mustRun(t, "cache", "save", "-device", "cpu", "-model", model, "-o", saved, "a key")
	on := " -device cpu -model " + model
	sweep := "eval -tasks fact -n 1 -length 200 -methods window -budgets 0.5" + on
	shape := "bench -device cpu -shape 64,96,1,2,2,300 -type f32 -runs 0"
	return []string{
		"run -n 2 -json OUT" + on + " hello",
		"logits -tokens 1,2 -o OUT" + on,
		"cache save -o OUT" + on + " hello",
		"cache info " + saved + " -json OUT",
		"version -json OUT",
		"bench -runs 1 -prefill 2 -decode 1 -json OUT" + on,
		shape + " -save OUT",
		sweep + " -json OUT",
		sweep + " -csv OUT",
		sweep + " -svg OUT",
	}
}

// Every option that names a file goes through a link to it and keeps its mode, fails
// with status 1 where the disk is full, and refuses what it cannot write, or should
// not, before it prints anything.
func TestOutputs(t *testing.T) {
	model, folder := fixtureModel(t, checkpoint.F16), t.TempDir()
	file, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Skip(err)
	}
	for _, command := range outputOptions(t, model) {
		with := func(path string) (status int, stdout, stderr string) {
			return keyfold(strings.Fields(strings.ReplaceAll(command, "OUT", path))...)
		}
		if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := with(link); status != 0 {
			t.Errorf("%s through a link: %s", command, stderr)
		}
		info, err := os.Lstat(link)
		if data, _ := os.ReadFile(file); err != nil || info.Mode()&os.ModeSymlink == 0 || string(data) == "before" || len(data) == 0 {
			t.Errorf("%s: the link is %v, the file has %d bytes", command, info.Mode(), len(data))
		}
		if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
			t.Errorf("%s: a private file has now the mode %v", command, info.Mode())
		}
		if _, err := os.Stat("/dev/full"); err == nil && !strings.Contains(command, "-save") {
			if status, _, stderr := with("/dev/full"); status != 1 || !strings.Contains(stderr, "/dev/full: no space left") {
				t.Errorf("%s on a full disk: status %d, %s", command, status, stderr)
			}
		}
		refused := map[string]string{folder: "is a folder", filepath.Join(folder, "none", "x"): "there is no folder"}
		if strings.Contains(command, model) {
			refused[model] = "is what -model"
		}
		for path, want := range refused {
			if status, stdout, stderr := with(path); status == 0 || stdout != "" || !strings.Contains(stderr, want) || strings.Contains(stderr, "device ") {
				t.Errorf("%s to %s: status %d, %q, %q; want %q before any work", command, path, status, stdout, stderr, want)
			}
		}
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 2 {
		t.Errorf("%d files in the folder, want the file and the link", len(entries))
	}
}

// Where folders are written, one that cannot be is refused at once.
func TestOutputFolders(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	for _, command := range []string{"plan -device cpu -tokens 1,2 -method window -o", "corpus -tokens 100 -shards"} {
		for _, path := range []string{model, filepath.Join(model, "below")} {
			args := append(strings.Fields(command), path, "-model", model)
			if status, stdout, stderr := keyfold(args...); status != 1 || stdout != "" || !strings.Contains(stderr, path+": ") {
				t.Errorf("%s %s: status %d, %q", command, path, status, stderr)
			}
		}
	}
}

// failing is a standard output that takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

// What cannot be printed is a failure, whatever the command.
func TestStandardOutputFails(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	on := " -device cpu -model " + model
	commands := []string{
		"help", "run -help", "tokens hello", "tokens -decode 5", "inspect", "corpus", "run -n 3" + on + " hello", "cache -help",
		"bench -runs 1 -prefill 2 -decode 1" + on, "eval -tasks fact -n 1 -length 200 -methods window" + on, "version", "-version",
	}
	for _, command := range outputOptions(t, model) {
		if !strings.Contains(command, "-save") {
			commands = append(commands, strings.ReplaceAll(command, "OUT", "-"))
		}
	}
	for _, command := range commands {
		var errs bytes.Buffer
		status := run(context.Background(), terminal{strings.NewReader(""), failing{}, &errs}, strings.Fields(command))
		if status != 1 || !strings.Contains(errs.String(), "the disk is full\n") {
			t.Errorf("%s: status %d, %q", command, status, errs.String())
		}
	}
}

// A report on standard output is there alone.
func TestReportOnStandardOutput(t *testing.T) {
	for _, command := range outputOptions(t, fixtureModel(t, checkpoint.F16)) {
		if !strings.Contains(command, "-json") {
			continue
		}
		status, stdout, stderr := keyfold(strings.Fields(strings.ReplaceAll(command, "OUT", "-"))...)
		var report map[string]any
		if err := json.Unmarshal([]byte(stdout), &report); status != 0 || err != nil || len(report) == 0 {
			t.Errorf("%s: status %d (%s), %v", command, status, stderr, err)
		}
		if text := "hello"; strings.HasSuffix(command, text) && !strings.Contains(stderr, text) {
			t.Errorf("%s: the text is not in %q", command, stderr)
		}
	}
}
