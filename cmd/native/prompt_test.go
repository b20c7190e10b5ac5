//go:build !js

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyfold/engine/checkpoint"
)

// piped runs a command with a text piped to it.
func piped(t *testing.T, text string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		io.WriteString(w, text)
		w.Close()
	}()
	var out, errs bytes.Buffer
	status = run(context.Background(), terminal{r, &out, &errs}, args)
	return status, out.String(), errs.String()
}

// A prompt is the same from an argument, a file of any system's editor and a pipe.
func TestPromptIsText(t *testing.T) {
	args := []string{"run", "-model", fixtureModel(t, checkpoint.F16), "-device", "cpu", "-temperature", "0", "-n", "6"}
	path := filepath.Join(t.TempDir(), "prompt.txt")
	const text = "the key\nof the old house"
	want := mustRun(t, append(args, text)...)
	for _, tc := range []struct{ name, data string }{
		{"as it is", text},
		{"with the line break that editors add", text + "\n"},
		{"from Windows", "\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"},
	} {
		if err := os.WriteFile(path, []byte(tc.data), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := mustRun(t, append(args, "-prompt-file", path)...); got != want {
			t.Errorf("from a file, %s: %q, want %q", tc.name, got, want)
		}
		for _, more := range [][]string{nil, {"-prompt-file", "-"}} {
			if status, got, stderr := piped(t, tc.data, append(args, more...)...); status != 0 || got != want {
				t.Errorf("from a pipe, %s, %v: status %d (%s), %q, want %q", tc.name, more, status, stderr, got, want)
			}
		}
	}
	// -keep-newline keeps it, and only one is dropped without it.
	want = mustRun(t, append(args, text+"\n")...)
	if _, got, _ := piped(t, text+"\n", append(args, "-keep-newline")...); got != want {
		t.Errorf("with -keep-newline %q, want %q", got, want)
	}
	if _, got, _ := piped(t, text+"\n\n", args...); got != want {
		t.Errorf("with two line breaks %q, want %q", got, want)
	}
	// PROMPT comes first, and an empty one is one.
	want = mustRun(t, append(args, "")...)
	if _, got, _ := piped(t, "unread", append(args, "")...); got != want {
		t.Errorf("with PROMPT as well %q, want %q", got, want)
	}
	if _, got, _ := piped(t, "", args...); got != want {
		t.Errorf("with nothing in the pipe %q, want %q", got, want)
	}
	for data, name := range map[string]string{"\xff\xfea\x00": "UTF-16LE", "caf\xe9 au lait": "Latin-1"} {
		if status, stdout, stderr := piped(t, data, args...); status != 1 || stdout != "" || !strings.Contains(stderr, "standard input: ") || !strings.Contains(stderr, name) {
			t.Errorf("%s: status %d, %q", name, status, stderr)
		}
	}
}

// tokens takes its TEXT from a pipe as well.
func TestTokensOfAPipe(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	want := mustRun(t, "tokens", "-model", model, "the key")
	if status, got, stderr := piped(t, "the key\r\n", "tokens", "-model", model); status != 0 || got != want {
		t.Errorf("status %d (%s), %q, want %q", status, stderr, got, want)
	}
	if _, got, _ := piped(t, want, "tokens", "-model", model, "-decode"); got != "the key\n" {
		t.Errorf("the ids %s are the text %q", want, got)
	}
}

// Standard input that is a device, closed, or not a pipe at all is not waited for.
func TestStandardInputIsLeftAlone(t *testing.T) {
	args := []string{"run", "-model", fixtureModel(t, checkpoint.F16), "-device", "cpu", "-n", "2"}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, in := range map[string]io.Reader{"a device": null, "closed": closed, "another reader": strings.NewReader("unread")} {
		var out, errs bytes.Buffer
		if status := run(context.Background(), terminal{in, &out, &errs}, args); status != 0 || strings.Contains(out.String(), "unread") {
			t.Errorf("%s: status %d, %s", name, status, errs.String())
		}
	}
	// A pipe that nobody closes can be left by an interrupt.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	var out, errs bytes.Buffer
	if status := run(ctx, terminal{r, &out, &errs}, args); status != 1 {
		t.Errorf("an open pipe: status %d", status)
	}
}
