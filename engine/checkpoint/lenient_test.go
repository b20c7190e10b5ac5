//go:build !js

package checkpoint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyfold/engine/untrusted"
)

// padded returns the toy's tensors with more rows of other numbers in the named ones.
func (m toy) padded(t Type, more int, names ...string) []TensorData {
	list := m.tensorData(t)
	for i := range list {
		for _, name := range names {
			if list[i].Name == name {
				list[i].Rows += more
				list[i].Data = append(list[i].Data, encode(t, normals("padding", more*list[i].Cols))...)
			}
		}
	}
	return list
}

// What is equal or at least enough opens as the same model: rows of padding, values per layer that
// are all equal, factors and tensors that change nothing, numbers of other types.
func TestOpensWhatIsEqual(t *testing.T) {
	m := newToy(toyConfig, false)
	const embd, output = "token_embd.weight", "output.weight"
	vector := func(name string, values ...float32) TensorData {
		return TensorData{Name: name, Cols: len(values), Data: encode(F32, values)}
	}
	five := []string{"a", "b", "c", "d", "e"}
	for name, c := range map[string]struct {
		meta    []KV
		tensors []TensorData
	}{
		"as written":         {m.meta(), m.tensorData(F32)},
		"padded, tokens say": {with(m.meta(), "tokenizer.ggml.tokens", five), m.padded(F32, 3, embd, output)},
		"padded, a key says": {with(m.meta(), "llama.vocab_size", uint32(5)), m.padded(F32, 3, embd, output)},
		"one of two padded":  {m.meta(), m.padded(F32, 3, output)},
		"embedding padded":   {m.meta(), m.padded(F32, 59, embd)},
		"an older key": {with(with(m.meta(), "tokenizer.ggml.tokens", five), "llama.vocab_size", uint32(4)),
			m.padded(F32, 3, embd, output)},
		"tokens without rows": {with(m.meta(), "tokenizer.ggml.tokens", append(five, "f")), m.tensorData(F32)},
		"per layer": {with(with(m.meta(), "llama.attention.head_count_kv", []uint32{2, 2}),
			"llama.feed_forward_length", []int32{64, 64}), m.tensorData(F32)},
		"base is whole": {with(m.meta(), "llama.rope.freq_base", uint32(10000)), m.tensorData(F32)},
		"yarn by one": {with(with(m.meta(), "llama.rope.scaling.type", "yarn"), "llama.rope.scaling.factor", float32(1)),
			m.tensorData(F32)},
		"attention by one": {with(m.meta(), "llama.rope.scaling.attn_factor", float32(1)), m.tensorData(F32)},
		"factors of one":   {m.meta(), append(m.tensorData(F32), vector("rope_freqs.weight", 1, 1, 1, 1, 1, 1, 1, 1))},
		"bias of zeros":    {m.meta(), append(m.tensorData(F32), vector("blk.0.attn_q.bias", 0, 0, 0))},
	} {
		f, err := openGGUFBytes(writeGGUF(t, c.meta, c.tensors))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Run(name, func(t *testing.T) { wantToy(t, f, m, F32) })
	}
	type object = map[string]any
	for name, change := range map[string]object{
		"per layer":     {"num_key_value_heads": []int{2, 2}, "intermediate_size": []int{64, 64}},
		"with a point":  {"hidden_size": 32.0, "vocab_size": 5.0},
		"linear by one": {"rope_scaling": object{"type": "linear", "factor": 1.0}},
		"llama3 by one": {"rope_scaling": object{"rope_type": "llama3", "factor": 1, "low_freq_factor": 1, "high_freq_factor": 4}},
		"by layer type": {"rope_parameters": object{"full_attention": object{"rope_type": "default", "rope_theta": 10000}}},
		"padded":        {},
	} {
		tensors := m.safetensors(F32)
		if name == "padded" {
			for _, key := range []string{"model.embed_tokens.weight", "lm_head.weight"} {
				e := tensors[key]
				tensors[key] = st{e.dtype, []int{e.shape[0] + 3, e.shape[1]}, append(e.data, encode(F32, normals("padding", 3*e.shape[1]))...)}
			}
		}
		config := strings.Replace(m.config(change), `"hidden_size":32,`, `"hidden_size":32.0,`, 1)
		f, err := openFiles(map[string]string{"config.json": "\ufeff" + config, "model.safetensors": string(writeSafetensors(tensors))})
		if err != nil {
			t.Errorf("config.json, %s: %v", name, err)
			continue
		}
		t.Run("config.json "+name, func(t *testing.T) { wantToy(t, f, m, F32) })
	}
	// The same with one difference that counts.
	for name, c := range map[string]struct {
		meta    []KV
		tensors []TensorData
		want    string
	}{
		"a factor below 0": {m.meta(), append(m.tensorData(F32), vector("rope_freqs.weight", 1, 1, 1, 1, 1, 1, 1, -2)),
			"tensor rope_freqs.weight holds a factor that is not above 0"},
		"a bias": {m.meta(), append(m.tensorData(F32), vector("blk.0.attn_output.bias", 0, 0, 1e-3)),
			"tensor blk.0.attn_output.bias: attention bias is only supported for queries, keys and values"},
		"layers differ": {with(m.meta(), "llama.feed_forward_length", []int32{64, 32}), m.tensorData(F32),
			"layers that differ are not supported (metadata llama.feed_forward_length holds 64 and 32)"},
		"padding in a layer": {m.meta(), m.padded(F32, 3, "blk.0.ffn_up.weight"),
			"tensor blk.0.ffn_up.weight has shape (67, 32), want (64, 32) = (hidden_dim, dim)"},
	} {
		_, err := openGGUFBytes(writeGGUF(t, c.meta, c.tensors))
		t.Run(name, func(t *testing.T) { wantReason(t, err, "x.gguf", c.want) })
	}
}

// All reasons are told, each kind once.
func TestEveryReasonIsTold(t *testing.T) {
	m := newToy(toyConfig, false)
	meta := with(with(m.meta(), "llama.expert_count", uint32(8)), "llama.rope.scaling.type", "yarn")
	tensors := m.tensorData(Q4_0)
	for _, name := range []string{"blk.0.attn_output.bias", "blk.1.attn_output.bias", "blk.1.ffn_up.bias"} {
		tensors = append(tensors, TensorData{Name: name, Cols: 4, Data: encode(F32, normals(name, 4))})
	}
	b := writeGGUF(t, meta, append(tensors[:5:5], tensors[6:]...))
	b = patch(t, b, "blk.1.attn_v.weight", atType, 4, 16)
	b = patch(t, b, "blk.1.attn_k.weight", atType, 4, 16)
	_, err := openGGUFBytes(b)
	wantError(t, err, `x.gguf: 6 reasons why this model cannot run:
    mixture of experts is not supported (metadata llama.expert_count is 8)
    RoPE scaling of type yarn is not supported (metadata llama.rope.scaling.type)
    tensor blk.1.attn_k.weight has type IQ2_XXS, want `+TypeNames+`; and 1 more like it
    tensor blk.0.attn_output.weight is missing, want it with shape (dim, n_heads*head_dim)
    tensor blk.0.attn_output.bias: attention bias is only supported for queries, keys and values; and 1 more like it
    tensor blk.1.ffn_up.bias: feed-forward bias is not supported`)

	hf := newToy(specimen, false).safetensors(F32)
	hf["model.layers.0.mlp.up_proj.weight"] = st{"F8_E4M3", []int{4, 4}, make([]byte, 16)}
	hf["score.weight"] = st{"F32", []int{4}, encode(F32, normals("s", 4))}
	_, err = openFiles(map[string]string{"config.json": newToy(specimen, false).config(map[string]any{"mlp_bias": true, "model_type": "x"}),
		"model.safetensors": string(writeSafetensors(hf))})
	wantError(t, err, `dir: 4 reasons why this model cannot run:
    dir/config.json: model_type is x, want llama as architectures is LlamaForCausalLM
    dir/config.json: feed-forward bias is not supported (mlp_bias is true)
    dir/model.safetensors: tensor model.layers.0.mlp.up_proj.weight: dtype is F8_E4M3, want F32, F16 or BF16
    dir/model.safetensors: tensor score.weight: not part of a Llama model as this program knows it, and may not be ignored`)
}

// What is no model is called by its name, as a file of every extension and inside a folder.
func TestSaysWhatAFileIs(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lfs := "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
	m := newToy(specimen, false)
	for text, want := range map[string]string{
		lfs: "Git LFS", "<!doctype html><title>x</title>": "HTML", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00": "gzip", "": "empty",
		string(make([]byte, 4096)): "zeros",
	} {
		for _, ext := range []string{".gguf", ".bin", ".dat"} {
			path := put("x"+ext, text)
			if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q as %s: %v, want %s", text[:min(20, len(text))], ext, err, want)
			}
			if _, err := Describe(path); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q as %s is described: %v, want %s", text[:min(20, len(text))], ext, err, want)
			}
		}
		if _, err := openFiles(map[string]string{"config.json": text, "model.safetensors": ""}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q as config.json: %v, want %s", text[:min(20, len(text))], err, want)
		}
		if len(text) < 8 || want == "zeros" {
			continue // a safetensors file has a length of its own to be wrong
		}
		if _, err := openFiles(map[string]string{"config.json": m.config(nil), "model.safetensors": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q as model.safetensors: %v, want %s", text[:min(20, len(text))], err, want)
		}
	}
	gguf := string(m.gguf(t, F32))
	for name, want := range map[string]string{
		"a/m.gguf":                   "a folder with m.gguf; name that file",
		"b/tokenizer.model":          "a folder with tokenizer.model, a vocabulary, and no weights",
		"c/pytorch_model.bin":        "a folder with pytorch_model.bin",
		"d/consolidated.safetensors": "there is no config.json, which consolidated.safetensors needs beside it",
		"e/notes.txt":                "config.json: no such file or directory",
	} {
		if _, err := Open(filepath.Dir(put(name, "x"))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a folder with %s: %v, want %s", name, err, want)
		}
	}
	for name, want := range map[string]string{
		"pytorch_model.bin": "holds no *.safetensors file, but pytorch_model.bin, which is PyTorch's",
		"q.gguf":            "holds no *.safetensors file, but q.gguf; name that file",
		"x.txt":             "holds no *.safetensors file, want one",
	} {
		if _, err := openFiles(map[string]string{"config.json": m.config(nil), name: "x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("config.json with %s: %v, want %s", name, err, want)
		}
	}
	if f, err := Open(put("misnamed.safetensors", gguf)); err != nil {
		t.Errorf("a GGUF file with another extension: %v", err)
	} else {
		f.Close()
	}
	for no := range 3 { // a part has no architecture, but for the first
		_, err := openGGUFBytes(writeGGUF(t, []KV{{"split.no", uint16(no)}, {"split.count", uint16(3)}}, nil))
		wantError(t, err, fmt.Sprintf("x.gguf: part %d of 3 (metadata split.count), want a model in one file; "+
			"llama-gguf-split --merge joins the parts", no+1))
	}
	if _, err := Open(put("m.gguf.part2of2", "\xf0\x01\x02\x03\x04\x05\x06\x07\x08\x09")); err == nil || !strings.Contains(err.Error(), "one part of several") {
		t.Errorf("a part of a file: %v", err)
	}
}

// Describe says what it can of files that Open refuses, and holds nothing back or through.
func TestDescribe(t *testing.T) {
	m := newToy(specimen, false)
	hostile := "\x1b[31m\u202e\xff"
	meta := append(with(m.meta(), "general.architecture", "other"), KV{"general." + hostile, hostile})
	good := patch(t, writeGGUF(t, meta, m.tensorData(F32)), "blk.0.attn_q.weight", atType, 4, 16)
	path := filepath.Join(t.TempDir(), "x.gguf")
	for n := 0; n <= len(good); n += 7 {
		if n+7 > len(good) {
			n = len(good)
		}
		if err := os.WriteFile(path, good[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		d, err := Describe(path)
		for _, s := range d.Settings {
			if s[0] != untrusted.Line(s[0]) || s[1] != untrusted.Line(s[1]) {
				t.Fatalf("%q is shown as it is", s)
			}
		}
		if n < len(good) {
			continue
		}
		if err != nil || d.Format != "GGUF v3" || len(d.Settings) != len(meta) || len(d.Tensors) != len(m.names) {
			t.Errorf("%v, %s with %d settings and %d tensors, want %d and %d", err, d.Format, len(d.Settings), len(d.Tensors), len(meta), len(m.names))
		}
		if got, want := d.Tensors[2], (TensorLine{"blk.0.attn_q.weight", "IQ2_XXS", "(4, 4)"}); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	files := folder(map[string]string{"config.json": m.config(map[string]any{"model_type": hostile}),
		"model.safetensors": string(writeSafetensors(m.safetensors(BF16)))})
	d, err := describeFolder(files, "dir", "")
	if err != nil || len(d.Tensors) != len(m.names) || d.Tensors[0].Type != "BF16" {
		t.Errorf("a folder: %v, %v", err, d.Tensors)
	}
	for _, s := range d.Settings {
		if !bytes.Equal([]byte(s[1]), []byte(untrusted.Line(s[1]))) {
			t.Errorf("%q is shown as it is", s)
		}
	}
}
