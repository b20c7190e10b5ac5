//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyfold/engine"
	"keyfold/engine/checkpoint"
)

// Wrong usage ends with status 2, what fails with 1: one sentence on stderr
// that names the flag or the file, nothing on stdout.
func TestBadInput(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	folder := t.TempDir()
	data, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	truncated := write("truncated.gguf", data[:len(data)/2])
	garbage := write("garbage.gguf", []byte("this is not a model, whatever its name says"))
	tokenizer := write("tokenizer.bin", []byte{1, 2, 3})
	empty := write("empty.gguf", nil)
	story := write("story.txt", bytes.Repeat([]byte("a b "), 100))
	long := write("long.txt", bytes.Repeat([]byte("once upon a time "), 400))

	for _, tc := range []struct {
		status int
		want   string // part of the sentence
		args   string
	}{
		{2, "usage: keyfold", ""},
		{2, `unknown command "frobnicate"`, "frobnicate"},
		{2, "flag provided but not defined: -fly", "run -fly 3"},
		{2, "-every is 0, want at least 1", "run -every 0"},
		{2, "-every: snapkv asks the queries of the last 64 tokens", "run -method snapkv -every 63"},
		{2, "-max-slots is -1, want at least 1", "run -max-slots -1"},
		{2, "-max-slots 16 is too small: window keeps 1 slot and needs room for 16 more", "run -method window -max-slots 16"},
		{1, "-max-slots is 40 and the text has", "run -device cpu -model " + model + " -max-slots 40 -prompt-file " + story},
		{2, `unexpected argument "b"`, "run a b"},
		{2, "-n is 0, want at least 1", "run -n 0"},
		{2, "-temperature is -1, want 0 or more", "run -temperature -1"},
		{2, "-top-p is 3, want 0 < P <= 1", "run -top-p 3"},
		{2, "-min-p is -0.5, want 0 <= P <= 1", "run -min-p -0.5"},
		{2, "-repeat-penalty is 0, want more than 0", "run -repeat-penalty 0"},
		{2, `-device is "tpu", want auto, gpu or cpu`, "run -device tpu"},
		{2, `-kv is "q5_0", want f16, f32, q8_0 or q4_0`, "run -kv q5_0"},
		{1, "a cache of type q8_0 needs a head_dim that is a multiple of 32, and this model's is 16", "run -device cpu -kv q8_0 -model " + model + " hello"},
		{2, `invalid value "x" for flag -seed`, "run -seed x"},
		{2, "-seed is 4294967296, want 0 to 4294967295", "run -seed 4294967296"},
		{2, `unknown method "h3o"`, "run -method h3o"},
		{2, "unknown option", "run -method kvmerger -opt most=3"},
		{2, "want KEY=VALUE", "run -method kvmerger -opt eps"},
		{2, "eps is given twice", "run -method kvmerger -opt eps=0 -opt eps=1"},
		{2, "-budget is 0, want 0 < R <= 1", "run -method window -budget 0"},
		{2, "-budget is 1.5, want 0 < R <= 1", "run -method window -budget 1.5"},
		{2, "budget", "run -method gvote -budget 0.5"},
		{2, "want FROM:TO", "run -pin 3"},
		{2, "want FROM:TO", "run -pin 3:3"},
		{1, "pin 5:900, want 0 <= from < to <= ", "run -device cpu -model " + model + " -pin 5:900 hello"},
		{2, "-output-error needs -shadow", "run -output-error"},
		{2, `-positions is "slots", want text or cache`, "run -positions slots"},
		{2, "-positions cache needs a -method that drops or merges", "run -positions cache"},
		{2, "-positions cache needs a -method that drops or merges", "logits -tokens 1,2 -o x -positions cache"},
		{2, "-output-error needs -positions text", "run -shadow -output-error -method window -positions cache"},
		{2, "-every is 0, want at least 1", "run -method window -every 0"},
		{2, "-every is -3, want at least 1", "logits -tokens 1,2 -o x -method window -every -3"},
		{2, "-every: snapkv asks the queries of the last 64 tokens", "logits -tokens 1,2 -o x -method snapkv -every 9"},
		{1, "slots in use is more than the context of 1024; it leaves",
			"run -device cpu -model " + model + " -method window -positions cache -n 1024 -prompt-file " + story},
		{1, "-n 1024 behind a prompt of",
			"run -device cpu -model " + model + " -method window -positions cache -every 9 -shadow -n 1024 -prompt-file " + story},
		{2, "both given", "run -prompt-file " + long + " a"},
		{1, "no such file", "run -prompt-file " + folder + "/none.txt"},
		{1, "context of 1024", "run -device cpu -model " + model + " -n 1025"},
		{1, "the model's context is 1024", "run -device cpu -model " + model + " -prompt-file " + long},
		{1, "is out of reach", "run -device cpu -model " + model + " -n 1 -method kvmerger -budget 0.01 hello"},
		{1, "none.gguf", "run -model " + folder + "/none.gguf"},
		{1, truncated, "run -model " + truncated},
		{1, garbage, "inspect " + garbage},
		{1, empty, "inspect " + empty},
		{1, tokenizer, "run -model " + model + " -tokenizer " + tokenizer},
		{2, "-tokens is missing", "logits -model " + model + " -o x"},
		{2, `-tokens: "-1" is not a token id`, "logits -model " + model + " -tokens 1,-1 -o x"},
		{2, "-o is missing", "logits -model " + model + " -tokens 1"},
		{2, "-chunk is 0, want at least 1", "logits -model " + model + " -tokens 1 -chunk 0 -o x"},
		{2, "-prefill is 0, want 1 to 2", "logits -model " + model + " -tokens 1,2 -method window -o x"},
		{2, "-prefill is 3, want 1 to 2", "logits -model " + model + " -tokens 1,2 -method window -prefill 3 -o x"},
		{2, "-prefill and -every need a -method", "logits -model " + model + " -tokens 1,2 -prefill 1 -o x"},
		{1, "token 1 is 320, this model has ids 0 to 319", "logits -device cpu -model " + model + " -tokens 1,320 -o " + folder + "/x"},
		{1, "token 0 is 999, this model has ids 0 to 319", "plan -device cpu -model " + model + " -tokens 999 -o " + folder + "/x"},
		{2, "-o is missing", "plan -model " + model + " -tokens 1"},
		{2, "-prefill is 4, want 1 to 3", "plan -model " + model + " -tokens 1,2,3 -prefill 4 -o " + folder + "/x"},
		{1, "no token follows the prompt", "plan -device cpu -model " + model + " -tokens 1,2,3 -method oracle -o " + folder + "/x"},
		{2, "-method oracle knows the tokens that follow the prompt, which run does not", "run -method oracle hello"},
		{2, "-method oracle knows the tokens that follow the prompt, which bench does not", "bench -method oracle"},
		{2, "-fill: -method kvmerger measures the text", "bench -fill -method kvmerger"},
		{2, "-model and -shape are both given", "bench -shape stories15M -model " + model},
		{2, "-type and -save are for -shape", "bench -type f16"},
		{2, `-shape is "1,2,3", want dim,hidden,layers,heads,kv_heads,vocab or stories15M`, "bench -shape 1,2,3"},
		{2, `-type is "q8_k", want F32`, "bench -shape stories15M -type q8_k"},
		{2, "-runs is 0, want at least 1, or 0 with -save", "bench -runs 0"},
		{2, "-decode is 0, want at least 1", "bench -decode 0"},
		{2, `-prefill: "-1" is not a number of tokens`, "bench -prefill -1"},
		{2, `-batch: "0" is not a number of texts`, "bench -batch 1,0"},
		{2, `-context: "x" is not a number of tokens`, "bench -context 0,x"},
		{1, "rows of 80 elements cannot be Q8_0, which has blocks of 32", "bench -device cpu -shape 64,80,1,2,2,300"},
		{1, "a vocabulary of 200 tokens, want at least 259", "bench -device cpu -shape 64,96,1,2,2,200 -save " + folder + "/x"},
		{1, "are 1088 tokens, the model's context is 1024", "bench -device cpu -context 1024 -json " + folder + "/x -model " + model},
		{2, "TEXT is missing", "tokens -model " + model},
		{2, "TEXT: \"a\" is not a token id", "tokens -model " + model + " -decode a"},
		{1, "320", "tokens -model " + model + " -decode 320"},
		{1, "none.bin", "tokens -model " + model + " -tokenizer " + folder + "/none.bin a"},
	} {
		status, stdout, stderr := keyfold(strings.Fields(tc.args)...)
		if status != tc.status || !strings.Contains(stderr, tc.want) {
			t.Errorf("keyfold %s: status %d, %q; want status %d and %q", tc.args, status, stderr, tc.status, tc.want)
		}
		if stdout != "" {
			t.Errorf("keyfold %s: printed %q", tc.args, stdout)
		}
		if sentence := strings.TrimSuffix(stderr, "\n"); tc.args != "" && strings.Count(sentence, "\n") > 0 && !strings.HasPrefix(sentence, "device") {
			t.Errorf("keyfold %s: want one sentence, got %q", tc.args, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "x")); err == nil {
		t.Error("a command that failed left its output file behind")
	}
}

// An output file is complete or not there, and one that was there stays.
func TestOutputIsWholeOrAbsent(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "logits.f32")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	args := []string{"logits", "-device", "cpu", "-model", fixtureModel(t, checkpoint.F16), "-tokens", "1,2,3", "-o", path}
	if status := run(ctx, terminal{strings.NewReader(""), &out, &errs}, args); status != 1 {
		t.Fatalf("status %d (%s), want 1", status, errs.String())
	}
	if data, _ := os.ReadFile(path); string(data) != "old" {
		t.Errorf("an interrupted command left %q in the file", data)
	}
	entries, _ := os.ReadDir(folder)
	if len(entries) != 1 {
		t.Errorf("%d files in the folder, want the old one only", len(entries))
	}
	mustRun(t, args...)
	if got := len(readFloats(t, path)); got != 3*320 {
		t.Errorf("%d logits, want 3 rows of 320", got)
	}
}

func TestHelp(t *testing.T) {
	if status, stdout, _ := keyfold("help"); status != 0 || stdout != usage {
		t.Errorf("help: status %d, %q", status, stdout)
	}
	for name := range commands {
		status, stdout, stderr := keyfold(name, "-help")
		if status != 0 || !strings.HasPrefix(stdout, "usage: keyfold "+name) || stderr != "" {
			t.Errorf("%s -help: status %d, %q, %q", name, status, stdout, stderr)
		}
	}
	_, stdout, _ := keyfold("run", "-method", "kvmerger", "-help")
	for _, option := range []string{"eps", "recent", "top", "sigma", "values", "skip_layers", "mass"} {
		if !strings.Contains(stdout, "-opt "+option+"=") {
			t.Errorf("help of kvmerger does not list %s", option)
		}
	}
}

// The text goes to stdout, with the prompt before it and one newline behind it;
// statistics to stderr; the report has the contract's fields.
func TestRun(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	for _, device := range devices(t) {
		for _, method := range []string{"full", "window", "kvmerger", "gvote"} {
			file := filepath.Join(t.TempDir(), "report.json")
			prompt := strings.Repeat("once upon a time there was a key ", 4)
			status, stdout, stderr := keyfold("run", "-model", model, "-device", device, "-method", method, "-n", "12", "-shadow", "-json", file, prompt)
			if status != 0 {
				t.Fatalf("%s: %s", method, stderr)
			}
			if !strings.HasPrefix(stdout, prompt) || !strings.HasSuffix(stdout, "\n") {
				t.Errorf("%s: stdout is %q", method, stdout)
			}
			if !strings.HasPrefix(stderr, "device") || !strings.Contains(stderr, "against the full cache") {
				t.Errorf("%s: stderr is %q", method, stderr)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r engine.Report
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			text := prompt
			for _, tok := range r.Tokens {
				text += tok.Text
				if tok.KL == nil || tok.Logprob > 0 || tok.KVBytes <= 0 {
					t.Errorf("%s: token %+v", method, tok)
				}
			}
			if !strings.HasPrefix(strings.TrimSuffix(stdout, "\n"), text) {
				t.Errorf("%s: tokens make %q, stdout is %q", method, text, stdout)
			}
			if r.Method.Name != method || r.Device.Kind != device || r.Model.Vocab != 320 || len(r.Model.SHA256) != 64 {
				t.Errorf("%s: report %+v %+v %+v", method, r.Method, r.Device, r.Model)
			}
			if r.Cache.BytesOccupied > r.Cache.BytesAllocated || r.Cache.BytesAllocated > r.Cache.BytesPeak {
				t.Errorf("%s: cache %+v", method, r.Cache)
			}
			if method == "full" && (r.Cache.Ratio != 1 || r.Cache.BytesOccupied != r.Cache.BytesFull || r.Quality.KLMean != 0) {
				t.Errorf("full: cache %+v quality %+v", r.Cache, *r.Quality)
			}
			if method == "window" && (r.Cache.Ratio > 0.5 || r.Cache.BytesOccupied >= r.Cache.BytesFull) {
				t.Errorf("window: cache %+v", r.Cache)
			}
		}
	}
}

// The same seed writes the same text, another seed another.
func TestSeeds(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	text := func(seed string) string {
		return mustRun(t, "run", "-model", model, "-device", "cpu", "-n", "30", "-seed", seed, "-top-p", "1", "hello")
	}
	if first, again := text("1"), text("1"); first != again {
		t.Error("the same seed wrote two texts")
	}
	if text("1") == text("2") {
		t.Error("two seeds wrote the same text")
	}
}

func TestPromptFromStandardInput(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	var out, errs bytes.Buffer
	status := run(context.Background(), terminal{strings.NewReader("a key"), &out, &errs},
		[]string{"run", "-model", model, "-device", "cpu", "-n", "3", "-prompt-file", "-"})
	if status != 0 || !strings.HasPrefix(out.String(), "a key") {
		t.Errorf("status %d, %q, %q", status, out.String(), errs.String())
	}
	// Without a prompt the text begins from nothing, and standard input is left alone.
	in := strings.NewReader("unread")
	out.Reset()
	status = run(context.Background(), terminal{in, &out, &errs}, []string{"run", "-model", model, "-device", "cpu", "-n", "3"})
	if status != 0 || in.Len() != len("unread") {
		t.Errorf("status %d, %d bytes of standard input left", status, in.Len())
	}
}

func TestTokens(t *testing.T) {
	model := fixtureModel(t, checkpoint.F16)
	ids := strings.TrimSpace(mustRun(t, "tokens", "-model", model, "-bos", "the key"))
	if !strings.HasPrefix(ids, "1,") {
		t.Errorf("ids %q do not begin with BOS", ids)
	}
	if text := mustRun(t, "tokens", "-model", model, "-decode", ids); text != "the key\n" {
		t.Errorf("the ids %s are the text %q", ids, text)
	}
	// A vocabulary without weights will do.
	vocab := sharedData(t, "vocab/ggml-vocab-gpt-2.gguf")
	if got := mustRun(t, "tokens", "-model", vocab, "Hello world"); got != "15496,995\n" {
		t.Errorf("gpt-2 ids of \"Hello world\" are %q", got)
	}
}

func TestInspect(t *testing.T) {
	text := mustRun(t, "inspect", fixtureModel(t, checkpoint.Q8_0))
	for _, want := range []string{"head_dim         16\n", "n_kv_heads       2\n", "context          1024\n", "SentencePiece-style BPE, 320 tokens",
		"456 bytes per token", "blk.2.ffn_down.weight     Q8_0  (64, 160)"} {
		if !strings.Contains(text, want) {
			t.Errorf("inspect does not say %q:\n%s", want, text)
		}
	}
}

// What a model has beside a Llama's parts is told.
func TestInspectArchitectures(t *testing.T) {
	for name, want := range map[string]string{
		"llama3": "rope_base        10000\nrope scaling     frequencies divided by 1 to 8\ntied",
		"qwen2":  "rope_base        10000\nbiases           of queries, keys and values\ntied",
		"qwen3":  "rope_base        10000\nnorms            of each head of queries and keys\ntied",
	} {
		text := mustRun(t, "inspect", relative(t, name))
		architecture := "architecture     " + strings.Replace(name, "llama3", "llama", 1) + "\n"
		if !strings.Contains(text, want) || !strings.Contains(text, architecture) {
			t.Errorf("inspect does not say %q and %q:\n%s", architecture, want, text)
		}
	}
}

// Without -model the built-in one runs, which has that name as well.
func TestBuiltInModel(t *testing.T) {
	text := mustRun(t, "inspect")
	for _, want := range []string{"parameters       3049920\n", "n_kv_heads       2\n", "context          1024\n", "SentencePiece-style BPE, 2048 tokens, BOS 1, EOS 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("inspect does not say %q:\n%s", want, text)
		}
	}
	if named := mustRun(t, "inspect", "keyfold"); named != text {
		t.Errorf("by its name:\n%s\nwithout:\n%s", named, text)
	}
	begun := mustRun(t, "run", "-device", "cpu", "-n", "5")
	if strings.TrimSpace(begun) == "" {
		t.Error("it writes nothing")
	}
	if named := mustRun(t, "run", "-model", "keyfold", "-device", "cpu", "-n", "5"); named != begun {
		t.Errorf("by its name it writes %q, without %q", named, begun)
	}
	const question = "Anna keeps her lantern in the barn.\nQuestion: Where is Anna's lantern?\nAnswer:"
	ids := strings.TrimSpace(mustRun(t, "tokens", "-bos", question))
	if n := strings.Count(ids, ",") + 1; n > 30 {
		t.Errorf("%q has %d tokens, want the words of its corpus to be whole", question, n)
	}
	if text := mustRun(t, "tokens", "-decode", ids); text != question+"\n" {
		t.Errorf("the ids %s are the text %q", ids, text)
	}
	// Another vocabulary may be asked about without its model.
	fixture := fixtureModel(t, checkpoint.F16)
	if got, want := mustRun(t, "tokens", "-tokenizer", fixture, question), mustRun(t, "tokens", "-model", fixture, question); got != want {
		t.Errorf("with the fixture's tokenizer %s, want %s", got, want)
	}
}
