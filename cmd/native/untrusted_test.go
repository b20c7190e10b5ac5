//go:build !js

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/engine/untrusted"
	"keyfold/models"
)

// hostile is a name that clears a screen, sets a title, turns a line around and is no UTF-8.
const hostile = "\x1b[2J\x1b]0;x\a\u202e\u0085\xff"

// hostileModels writes models whose names, pieces, keys and paths are hostile. The first can run.
func hostileModels(t *testing.T) (runs string, others []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a"+hostile+"b")
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Skipf("no folder of such a name here: %v", err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fixture, err := models.OpenFixture()
	if err != nil {
		t.Fatal(err)
	}
	gguf := func(change map[string]any, more ...checkpoint.TensorData) []byte {
		values := maps.Clone(fixture.Meta)
		maps.Copy(values, change)
		var meta []checkpoint.KV
		for _, key := range slices.Sorted(maps.Keys(values)) {
			meta = append(meta, checkpoint.KV{Key: key, Value: values[key]})
		}
		var tensors []checkpoint.TensorData
		for _, tensor := range fixture.Tensors() {
			d := checkpoint.TensorData{Name: tensor.Name, Type: tensor.Type, Rows: tensor.Rows, Cols: tensor.Cols}
			if d.Data = make([]byte, tensor.Bytes()); tensor.Rows == 1 {
				d.Rows = 0
			}
			if err := fixture.ReadRows(tensor, 0, tensor.Rows, d.Data); err != nil {
				t.Fatal(err)
			}
			tensors = append(tensors, d)
		}
		var out bytes.Buffer
		if err := checkpoint.WriteGGUF(&out, meta, append(tensors, more...)); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	pieces := slices.Clone(fixture.Meta["tokenizer.ggml.tokens"].([]string))
	pieces[1], pieces[2] = hostile, hostile+"/s"
	named := map[string]any{"general.name": hostile, "tokenizer.ggml.tokens": pieces}
	runs = put(hostile+".gguf", gguf(named))

	extra := checkpoint.TensorData{Name: hostile + ".bias", Cols: 1, Data: []byte{0, 0, 0x80, 0x3f}}
	quoted, err := json.Marshal(strings.ToValidUTF8(hostile, "?"))
	if err != nil {
		t.Fatal(err)
	}
	config := []byte(`{"architectures": [` + string(quoted) + `], "model_type": ` + string(quoted) + `, ` + string(quoted) + `: 1}`)
	header := []byte(`{` + string(quoted) + `: {"dtype": ` + string(quoted) + `, "shape": [1], "data_offsets": [0, 4]}}`)
	put("hf/model.safetensors", append(append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...), 0, 0, 0, 0))
	others = []string{
		put("architecture.gguf", gguf(map[string]any{"general.architecture": hostile})),
		put("key.gguf", gguf(map[string]any{"llama." + hostile: uint32(1)})),
		put("tensor.gguf", gguf(named, extra)),
		put("tokenizer.gguf", gguf(map[string]any{"tokenizer.ggml.model": hostile})),
		put("unknown.bin", []byte(hostile+hostile)),
		put("alone/"+hostile+".model", []byte(hostile)),
		filepath.Dir(put("hf/config.json", config)),
		filepath.Dir(put("only/"+hostile+".gguf", []byte(hostile))),
	}
	return runs, others
}

// Nothing that a file holds reaches a terminal as it is: every command, with a model that runs and
// with models that do not.
func TestNothingHostileIsPrinted(t *testing.T) {
	runs, others := hostileModels(t)
	dir := t.TempDir()
	data := filepath.Join(dir, hostile+".jsonl")
	if err := os.WriteFile(data, []byte(`{"input": "Ida came by coach.\nWho came?", "outputs": ["Ida"]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(dir, "saved"+hostile)
	// Whether standard output is the text of a model, which is data and stays as it is.
	for _, c := range []struct {
		text bool
		args []string
	}{
		{true, []string{"run", "-device", "cpu", "-n", "4", "-temperature", "0", "-shadow", "-model", "MODEL", "a b"}},
		{false, []string{"run", "-device", "cpu", "-n", "4", "-temperature", "0", "-json", "-", "-model", "MODEL", "a b"}},
		{false, []string{"inspect", "MODEL"}},
		{false, []string{"tokens", "-model", "MODEL", "a b"}},
		{false, []string{"tokens", "-tokenizer", "MODEL", "a b"}},
		{true, []string{"logits", "-device", "cpu", "-model", "MODEL", "-tokens", "1,2,3", "-o", "-"}},
		{false, []string{"plan", "-device", "cpu", "-model", "MODEL", "-tokens", "1,2,3,4,5,6", "-method", "window", "-budget", "0.5", "-o", filepath.Join(dir, "plan"+hostile)}},
		{false, []string{"cache", "save", "-device", "cpu", "-model", "MODEL", "-o", saved, "a b"}},
		{false, []string{"cache", "info", saved}},
		{true, []string{"cache", "load", saved, "-device", "cpu", "-model", "MODEL", "-n", "2", "-temperature", "0", "c"}},
		{false, []string{"eval", "-device", "cpu", "-model", "MODEL", "-data", data, "-layout", "ruler", "-methods", "window", "-budgets", "0.5"}},
		{false, []string{"corpus", "-docs", "1", "-tokens", "200", "-model", "MODEL"}},
		{false, []string{"bench", "-device", "cpu", "-model", "MODEL", "-prefill", "4", "-decode", "2", "-runs", "1"}},
		{false, []string{"eval", "-merge", runs}},
		{false, []string{"run", "-prompt-file", dir + hostile}},
		{false, []string{hostile}},
		{false, []string{"run", "-" + hostile}},
		{false, []string{"run", "-method", hostile}},
		{false, []string{"run", "-opt", hostile, "a"}},
	} {
		for i, model := range append([]string{runs}, others...) {
			if i > 0 && !slices.Contains(c.args, "MODEL") {
				break
			}
			args := slices.Clone(c.args)
			for j := range args {
				if args[j] == "MODEL" {
					args[j] = model
				}
			}
			status, stdout, stderr := keyfold(args...)
			if i == 0 && slices.Contains(c.args, "MODEL") && status != 0 {
				t.Errorf("%q: exit status %d: %s", args, status, stderr)
			}
			if stderr = strings.ReplaceAll(stderr, "\r", ""); stderr != untrusted.Text(stderr) { // a progress bar's
				t.Errorf("%q: on standard error %q", args, stderr)
			}
			if !c.text && stdout != untrusted.Text(stdout) {
				t.Errorf("%q: on standard output %q", args, stdout)
			}
		}
	}
}
