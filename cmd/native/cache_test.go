//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/engine/tokenizer"
	"keyfold/models"
)

var storyPrompt = strings.TrimSpace(strings.Repeat("once upon a time there was a key ", 4))

// A saved cache writes what run writes behind the prompt, with every method and
// sampler; several texts go on from one file, as if they had been in the prompt.
func TestCacheSaveAndLoad(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	common := []string{"-model", model, "-device", "cpu", "-seed", "5"}
	for method, flags := range map[string][]string{
		"full":     {"-method", "full"},
		"kvmerger": {"-method", "kvmerger", "-budget", "0.4", "-kv", "f32"},
		"gvote":    {"-method", "gvote", "-opt", "p_nuc=0.5"},
	} {
		file := filepath.Join(t.TempDir(), "x.cache")
		mustRun(t, slices.Concat([]string{"cache", "save", "-o", file}, common, flags, []string{storyPrompt})...)
		for _, sampling := range [][]string{
			{"-n", "20", "-temperature", "0"},
			{"-n", "20", "-temperature", "1.2", "-repeat-penalty", "1.2"},
		} {
			want := mustRun(t, slices.Concat([]string{"run"}, common, flags, sampling, []string{storyPrompt})...)
			got := mustRun(t, slices.Concat([]string{"cache", "load", file}, common, sampling)...)
			if storyPrompt+got != want {
				t.Errorf("%s %v: goes on with %q, run writes %q", method, sampling, got, want)
			}
			if method != "full" {
				continue
			}
			for _, text := range []string{" and a lock", ". It was"} {
				want := mustRun(t, slices.Concat([]string{"run"}, common, flags, sampling, []string{storyPrompt + text})...)
				got := mustRun(t, slices.Concat([]string{"cache", "load", file}, common, sampling, []string{text})...)
				if storyPrompt+got != want {
					t.Errorf("%q behind it: %q, run writes %q", text, got, want)
				}
			}
		}
	}
}

// A text behind another has the tokens that both have as one; where that would
// take the first one's last token away, it has its own.
func TestEncodeBehind(t *testing.T) {
	f, err := models.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tok, err := tokenizer.FromGGUF(f.Meta)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		begin, text string
		joined      bool
	}{
		{"Anna keeps her lantern", " in the barn.", true},
		{"Anna keeps her lantern in the ba", "rn.", false},
		{"", "Anna keeps", true},
		{"Anna", "", true},
	} {
		for _, bos := range []bool{true, false} {
			before, err := tok.Encode(tc.begin, bos)
			if err != nil {
				t.Fatal(err)
			}
			if len(before) == 0 {
				continue // no file has no tokens
			}
			ids, joined, err := encodeBehind(tok, before, tc.text)
			if err != nil || joined != tc.joined {
				t.Fatalf("%q behind %q: joined %v, %v", tc.text, tc.begin, joined, err)
			}
			want, err := tok.Encode(tc.text, false)
			if joined {
				want, err = tok.Encode(tc.begin+tc.text, bos)
				want = want[len(before):]
			}
			if err != nil || !slices.Equal(ids, want) {
				t.Errorf("%q behind %q: tokens %v, want %v (%v)", tc.text, tc.begin, ids, want, err)
			}
		}
	}
}

// info says what is in a file: for people and for programs.
func TestCacheInfo(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	file := filepath.Join(t.TempDir(), "x.cache")
	status, stdout, described := keyfold("cache", "save", "-o", file, "-model", model, "-device", "cpu",
		"-method", "window", "-budget", "0.5", storyPrompt)
	if status != 0 || stdout != "" {
		t.Fatalf("status %d, stdout %q: %s", status, stdout, described)
	}
	table := mustRun(t, "cache", "info", file)
	if !strings.HasSuffix(described, table) {
		t.Errorf("save says %q, info %q", described, table)
	}
	var c cacheContents
	if err := json.Unmarshal([]byte(mustRun(t, "cache", "info", file, "-json", "-")), &c); err != nil {
		t.Fatal(err)
	}
	ids := strings.TrimSpace(mustRun(t, "tokens", "-model", model, "-bos", storyPrompt))
	kept := len(c.Tokens) / 2
	if idList(c.Tokens) != ids || c.Next != len(c.Tokens) || c.KV != "f16" || c.Method.Name != "window" || len(c.Model.SHA256) != 64 ||
		c.Model.KVHeads != 2 || c.Cache.PerLayerHead[2][1] != kept || c.Cache.BytesOccupied != 6*kept*76 || c.Cache.BytesFull != 6*c.Next*76 {
		t.Errorf("%+v of the tokens %s", c, ids)
	}
	for _, want := range []string{c.Model.SHA256, "window", "f16, ", "goes on at position"} {
		if !strings.Contains(table, want) {
			t.Errorf("info does not say %q:\n%s", want, table)
		}
	}
}

// A cache of another model is refused in one sentence with both hashes, and one
// that is cut with the file's name.
func TestCacheOfAnotherModel(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "x.cache")
	mustRun(t, "cache", "save", "-o", file, "-model", fixtureModel(t, checkpoint.F16), "-device", "cpu", storyPrompt)
	other := fixtureModel(t, checkpoint.Q8_0)
	f, err := checkpoint.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum, err := f.SHA256()
	if err != nil {
		t.Fatal(err)
	}
	saved, closeFile, err := openCacheFile(file)
	if err != nil {
		t.Fatal(err)
	}
	closeFile()
	status, stdout, stderr := keyfold("cache", "load", file, "-model", other, "-device", "cpu")
	if status != 1 || stdout != "" || !strings.Contains(stderr, "of sha256 "+saved.SHA256+", this model has sha256 "+sum+"\n") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(folder, "cut.cache")
	if err := os.WriteFile(cut, data[:len(data)-1], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"cache", "info", cut}, {"cache", "load", cut, "-device", "cpu"}} {
		if status, _, stderr := keyfold(args...); status != 1 || !strings.Contains(stderr, cut+": a saved cache that is cut short or damaged") {
			t.Errorf("%v: status %d, %q", args, status, stderr)
		}
	}
}

// A file that was there stays where saving fails.
func TestCacheSaveIsWholeOrAbsent(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "x.cache")
	if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	args := []string{"cache", "save", "-o", file, "-model", fixtureModel(t, checkpoint.F16), "-device", "cpu", "hello"}
	if status := run(ctx, terminal{strings.NewReader(""), &out, &errs}, args); status != 1 {
		t.Errorf("status %d (%s), want 1", status, errs.String())
	}
	if data, _ := os.ReadFile(file); string(data) != "old" {
		t.Errorf("an interrupted save left %q in the file", data)
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("%d files in the folder, want the old one only", len(entries))
	}
	mustRun(t, args...)
	if _, closeFile, err := openCacheFile(file); err != nil {
		t.Error(err)
	} else {
		closeFile()
	}
}

// The help of every part, and what it refuses.
func TestCacheUsage(t *testing.T) {
	for _, part := range []string{"save", "load", "info"} {
		status, stdout, stderr := keyfold("cache", part, "-help")
		if status != 0 || !strings.HasPrefix(stdout, "usage: keyfold cache "+part) || stderr != "" {
			t.Errorf("cache %s -help: status %d, %q, %q", part, status, stdout, stderr)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		status int
		want   string
		args   string
	}{
		{2, "want save, load or info", "cache"},
		{2, `"drop" is unknown, want save, load or info`, "cache drop"},
		{2, "-o is missing", "cache save hello"},
		{2, "both given", "cache save -o x -prompt-file y hello"},
		{2, "-method oracle knows the tokens that follow the prompt, which cache save does not", "cache save -o x -method oracle hello"},
		{2, "flag provided but not defined: -n", "cache save -o x -n 3 hello"},
		{2, "FILE is missing; it comes before the flags", "cache load -n 3 x"},
		{2, "flag provided but not defined: -method", "cache load x -method full"},
		{2, "-n is 0, want at least 1", "cache load x -n 0"},
		{2, "-temperature is -1", "cache load x -temperature -1"},
		{1, "no such file", "cache load " + none},
		{2, "FILE is missing", "cache info"},
		{1, "no such file", "cache info " + none},
		{1, "not a saved cache: it begins with", "cache info main.go"},
	} {
		status, stdout, stderr := keyfold(strings.Fields(tc.args)...)
		if status != tc.status || !strings.Contains(stderr, tc.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("keyfold %s: status %d, %q, %q; want status %d and %q", tc.args, status, stdout, stderr, tc.status, tc.want)
		}
	}
}

// What the CPU saved goes on on every device. Three tokens: later ones may be near ties.
func TestCacheOnEveryDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.cache")
	common := []string{"-model", fixtureModel(t, checkpoint.F16), "-temperature", "0", "-n", "3"}
	compressed := []string{"-device", "cpu", "-method", "kvmerger", "-budget", "0.5"}
	mustRun(t, slices.Concat([]string{"cache", "save", "-o", file}, common[:2], compressed, []string{storyPrompt})...)
	want := mustRun(t, slices.Concat([]string{"run"}, common, compressed, []string{storyPrompt})...)
	for _, device := range devices(t) {
		got := mustRun(t, slices.Concat([]string{"cache", "load", file, "-device", device}, common)...)
		if storyPrompt+got != want {
			t.Errorf("on the %s: %q, want %q", device, got, want)
		}
	}
}
