//go:build !js

package bench

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const script = "firstgpu.sh"

// The script goes on after a step that fails, one that hangs and one that cannot begin, and
// says so. Programs that do nothing stand in for those that it unpacks.
func TestFirstGPUGoesOn(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash")
	}
	programs, out := t.TempDir(), filepath.Join(t.TempDir(), "results")
	for name, text := range map[string]string{
		"keyfold": `case "$*" in
			*"-type q4_0"*) echo no room; exit 1 ;;
			*"-method expected"*) sleep 100 ;;
			*-save*) : ;;
			*) printf 'device      a stub\ndevice      a stub\n' ;;
			esac`,
		"gpu.test":    `printf -- '--- PASS: TestA (0.1s)\n    --- PASS: TestA/b\n'; pwd >&2`,
		"engine.test": `printf -- '--- FAIL: TestB (0.1s)\n'; exit 1`,
	} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(t.TempDir(), "a.tar.gz")
	if said, err := exec.Command("tar", "-czf", archive, "-C", programs, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	run := exec.Command("bash", script, out)
	run.Env = append(os.Environ(), "ARCHIVE="+archive, "LIMIT=12", "GPU_TESTS=A", "MODEL=")
	said, err := run.Output()
	if err == nil || run.ProcessState.ExitCode() != 1 {
		t.Errorf("it ends with %v, want 1 after steps that failed", err)
	}
	data, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var steps []struct{ Step, Result string }
	if err := json.Unmarshal(data, &steps); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	want := map[string]string{
		"run-cold": "ok", "run-warm": "ok", "probe": "ok", "gpu-tests": "ok", "engine-tests": "failed (1)", "small": "ok",
		"make-q4_0": "failed (1)", "make-q8_0": "ok", "large-q8_0": "ok", "h2o": "ok", "expected": "out of time",
		"gvote": "no time left", "kernels": "no time left",
	}
	for _, s := range steps {
		if want[s.Step] != s.Result {
			t.Errorf("%s: %s, want %q", s.Step, s.Result, want[s.Step])
		}
		delete(want, s.Step)
	}
	if len(want) > 0 {
		t.Errorf("steps are missing: %v", want)
	}
	for _, line := range []string{"    2 passed\n", "--- FAIL: TestB", "    no room\n"} {
		if !strings.Contains(string(said), line) {
			t.Errorf("it says\n%s\nwant %q", said, line)
		}
	}
	if n := strings.Count(string(said), "a stub"); n == 0 || strings.Contains(string(said), "a stub\n    device      a stub") {
		t.Errorf("it names the device %d times: %s", n, said)
	}
}

// Every test that the script asks for is there: one whose name has changed would be left out silently.
func TestFirstGPUNamesTests(t *testing.T) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(gpu|engine)_tests=\$\{\w+:-([^}]*)\}`).FindAllStringSubmatch(string(text), -1)
	if len(found) != 2 {
		t.Fatalf("patterns of tests: %q, want two", found)
	}
	for _, m := range found {
		files, err := filepath.Glob(filepath.Join("..", m[1], "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		var source strings.Builder
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(data)
		}
		for name := range strings.SplitSeq(m[2], "|") {
			if !regexp.MustCompile(`(?m)^func Test\w*` + name).MatchString(source.String()) {
				t.Errorf("package %s has no test of %s", m[1], name)
			}
		}
	}
}
