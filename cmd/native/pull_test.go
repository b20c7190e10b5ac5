//go:build !js

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
	"keyfold/internal/flaky"
	"keyfold/layout"
	"keyfold/models"
)

const pulled = "hf:owner/repo/model.gguf"

// hubFor starts a hub that has the fixture, and makes it and an empty folder those of the commands.
func hubFor(t *testing.T, fault flaky.Fault) (server *flaky.Server, folder string) {
	t.Helper()
	content, err := os.ReadFile(fixtureModel(t, checkpoint.F16))
	if err != nil {
		t.Fatal(err)
	}
	server, folder = flaky.New(t, content, fault), t.TempDir()
	t.Setenv("KEYFOLD_HUB", server.URL)
	t.Setenv("KEYFOLD_MODELS", folder)
	return server, folder
}

// A model is pulled, listed, run, verified and removed by its name, and after pulling nobody is asked.
func TestPullAndRun(t *testing.T) {
	server, folder := hubFor(t, flaky.Fault{Redirects: 1, BreakAt: []int64{9999, 20000}})
	status, stdout, stderr := keyfold("pull", pulled)
	path := filepath.Join(folder, "hf", "owner", "repo", "model.gguf")
	if status != 0 || stdout != pulled+" is on disk: "+path+"\n" {
		t.Fatalf("status %d, %q, %s", status, stdout, stderr)
	}
	for _, want := range []string{"model    model.gguf", "licence  apache-2.0, " + server.URL + "/owner/repo", "source   " + server.URL + "/owner/repo", "size     "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("pull does not say %q first: %s", want, stderr)
		}
	}
	asked := len(server.Requests())
	for _, c := range []struct{ args, want string }{
		{"pull " + pulled, "is on disk"},
		{"models", pulled},
		{"inspect " + pulled, "head_dim         16"},
		{"tokens -model " + pulled + " hello", ","},
		{"run -device cpu -n 2 -model " + pulled + " hello", "hello"},
		{"models verify", pulled + ": is what it was"},
		{"models verify " + pulled, pulled + ": is what it was"},
	} {
		if out := mustRun(t, strings.Fields(c.args)...); !strings.Contains(out, c.want) {
			t.Errorf("%s: %q, want %q", c.args, out, c.want)
		}
	}
	if status, _, stderr := keyfold("logits", "-model", pulled, "-tokens", "1", "-o", path); status != 1 || !strings.Contains(stderr, "is what -model") {
		t.Errorf("an output in the model's place: status %d, %s", status, stderr)
	}
	if n := len(server.Requests()); n != asked {
		t.Errorf("%d requests for a model that is on disk", n-asked)
	}
	if err := os.WriteFile(path, []byte("GGUF"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, stdout, _ := keyfold("models", "verify"); status != 1 || !strings.Contains(stdout, "has changed on disk") {
		t.Errorf("verify of a damaged model: status %d, %q", status, stdout)
	}
	if out := mustRun(t, "models", "rm", pulled); !strings.Contains(out, "removed") {
		t.Errorf("rm: %q", out)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// Every command that takes a model knows names, and says what to do about one that is not on disk.
func TestModelNames(t *testing.T) {
	_, folder := hubFor(t, flaky.Fault{})
	if err := os.WriteFile(filepath.Join(folder, "smollm2-360m.gguf.part"), make([]byte, 20e6), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"smollm2-135m": `smollm2-135m is not on disk; "keyfold pull smollm2-135m" downloads it (145 MB, Apache-2.0)`,
		"SMOLLM2-360m": `smollm2-360m is not on disk yet, only 20 MB of it; "keyfold pull smollm2-360m" gets the rest`,
		pulled:         `"keyfold pull ` + pulled + `" downloads it`,
		"smolm2":       "the nearest names are smollm2-",
		"qwen":         "qwen",
		"hf:owner":     "want hf:OWNER/REPO/FILE.gguf",
		"none.gguf":    "none.gguf: no such file",
	} {
		for _, command := range []string{"run -model %s x", "tokens -model %s x", "inspect %s", "logits -model %s -tokens 1 -o o", "plan -model %s -tokens 1 -o o",
			"cache save -model %s -o o x", "eval -model %s -json o", "bench -model %s"} {
			status, stdout, stderr := keyfold(strings.Fields(strings.ReplaceAll(command, "%s", name))...)
			if status != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("%s of %s: status %d, %q, want %q", command, name, status, stderr, want)
			}
		}
	}
	if out := mustRun(t, "models"); !strings.Contains(out, "a part, 20 MB") || !strings.Contains(out, folder) {
		t.Errorf("models: %s", out)
	}
	if out := mustRun(t, "tokens", "-model", "Keyfold", "a"); out != mustRun(t, "tokens", "a") {
		t.Errorf("the built-in model in other letters: %q", out)
	}
}

func TestPullRefuses(t *testing.T) {
	hubFor(t, flaky.Fault{HTML: true})
	for _, c := range []struct {
		status int
		want   string
		args   string
	}{
		{2, "pull: NAME is missing", "pull"},
		{1, "the nearest names are smollm2-135m", "pull smollm-135m"},
		{1, "HTML page", "pull " + pulled},
		{1, "want https://", "pull http://example.org/m.gguf"},
		{2, "NAME is missing", "models rm"},
		{2, `"list" is unknown, want verify or rm`, "models list"},
		{2, "unexpected argument", "models -- a"},
		{1, "is not on disk", "models rm smollm2-135m"},
		{1, "is built in", "models rm keyfold"},
		{1, "there is no model", "models verify nothing"},
	} {
		status, stdout, stderr := keyfold(strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: status %d, %q, %q, want %q", c.args, status, stdout, stderr, c.want)
		}
	}
	if out := mustRun(t, "pull", "keyfold"); out != "keyfold is built in\n" {
		t.Errorf("pull keyfold: %q", out)
	}
	t.Setenv("KEYFOLD_HUB", "nowhere")
	if status, _, stderr := keyfold("models"); status != 1 || !strings.Contains(stderr, "KEYFOLD_HUB") {
		t.Errorf("a hub that is no address: %d, %s", status, stderr)
	}
}

// Ctrl-C ends pull, and it says what is kept.
func TestPullInterrupted(t *testing.T) {
	server, _ := hubFor(t, flaky.Fault{BytesPerDelay: 50000, Delay: 5e9})
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	done := make(chan int)
	go func() { done <- run(ctx, terminal{strings.NewReader(""), &out, &errs}, []string{"pull", pulled}) }()
	for len(server.Requests()) < 3 { // a look at the file, its licence, the file
		runtime.Gosched()
	}
	for part := int64(0); part == 0; {
		if info, err := os.Stat(filepath.Join(os.Getenv("KEYFOLD_MODELS"), "hf/owner/repo/model.gguf.part")); err == nil {
			part = info.Size()
		}
	}
	interrupt()
	if status := <-done; status != 1 || !strings.Contains(errs.String(), "are kept; the same command goes on from there\nkeyfold: interrupted\n") {
		t.Errorf("status %d, %q", status, errs.String())
	}
}

func TestAnswers(t *testing.T) {
	for line, want := range map[string]bool{"\n": true, "y\n": true, " Yes \r\n": true, "n\n": false, "no\n": false, "": false, "what\n": false} {
		if err := agreed(line); (err == nil) != want {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// A model that does not fit is refused before its weights are read, with the figures and what would fit.
func TestTooLarge(t *testing.T) {
	c := models.FixtureConfig
	c.SeqLen, c.NHeads, c.NKVHeads, c.HeadDim = 1<<24, 8, 8, 1024 // a cache of 3 TB
	data, err := models.Fixture(c, checkpoint.F16, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "large.gguf")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := keyfold("run", "-device", "cpu", "-model", path, "-n", "16000000", "-kv", "f32", "a")
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Skip("this system does not say what memory is available")
	}
	if status != 1 || stdout != "" || !strings.Contains(stderr, "does not fit into memory: it takes") || !strings.Contains(stderr, "what would fit: ") || !strings.Contains(stderr, " tokens\n") {
		t.Errorf("status %d, %q", status, stderr)
	}
}

func TestWouldFit(t *testing.T) {
	c := checkpoint.Config{NLayers: 10, NKVHeads: 10, HeadDim: 32} // 14,000 bytes a token with f16, 8,400 with q8_0
	for _, k := range []struct {
		weights, available int64
		tokens             int
		want               string
	}{
		{1e6, 11e6, 1000, "what would fit: -kv q8_0; or -kv q4_0; or 714 tokens"},
		{1e6, 7e6, 1000, "what would fit: -kv q4_0; or 428 tokens"},
		{1e6, 1e6 + 100, 1000, "close other programs"},
		{2e9, 1e9, 1000, "what would fit: -model smollm2-360m, a file of 386 MB"},
		{2e9, 1e3, 1000, "close other programs"},
	} {
		large := &engine.MemoryError{Memory: engine.Memory{Weights: k.weights, Cache: 14e3 * int64(k.tokens)}, Available: k.available}
		if got := wouldFit(large, c, layout.CacheF16, k.tokens); got != k.want {
			t.Errorf("%+v: %q, want %q", k, got, k.want)
		}
	}
}
