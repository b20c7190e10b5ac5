//go:build !js

package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// openReal opens a file of shared/data and closes it after the test.
func openReal(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(dataFile(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func names(f *File) []string {
	var list []string
	for _, tensor := range f.Tensors() {
		list = append(list, tensor.Name)
	}
	return list
}

// One model in three files made by other programs. The GGUFs declare a context of 2048 and store
// the classifier; in the .bin it is shared with the embedding and the context is 512.
func TestStories260KIsOneModel(t *testing.T) {
	bin := openReal(t, "stories260K/stories260K.bin")
	want := Config{
		Dim: 64, HiddenDim: 172, NLayers: 5, NHeads: 8, NKVHeads: 4, HeadDim: 8,
		VocabSize: 512, SeqLen: 512, NormEps: float64(float32(1e-5)), RopeBase: 10000,
	}
	if !reflect.DeepEqual(bin.Config, want) {
		t.Errorf("Config = %+v, want %+v", bin.Config, want)
	}
	for _, name := range []string{"stories260K/stories260K.gguf", "stories260K/stories260K-f16.gguf"} {
		f := openReal(t, name)
		got := f.Config
		if got.SeqLen != 2048 {
			t.Errorf("%s: SeqLen = %d, want 2048", name, got.SeqLen)
		}
		got.SeqLen = want.SeqLen
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Config = %+v, want %+v", name, got, want)
		}
		if list := append(names(bin), "output.weight"); !slices.Equal(names(f), list) {
			t.Errorf("%s: tensors %v, want %v", name, names(f), list)
		}
		for _, tensor := range f.Tensors() {
			same, ok := bin.Tensor(tensor.Name)
			if !ok {
				same, _ = bin.Tensor("token_embd.weight")
			}
			wantEqual(t, name+" "+tensor.Name, readAll(t, f, tensor), roundTrip(tensor.Type, readAll(t, bin, same)))
		}
	}
}

// llama.cpp made the GGUFs from the float32 numbers of the .bin: what it wrote is byte for byte what
// Quantize writes, and Dequantize comes back as near as the scale of each block allows.
func TestBabyLlamaIsQuantisedAsByLlamaCPP(t *testing.T) {
	bin := openReal(t, "babyllama/tok105_model5000.bin")
	for name, typ := range map[string]Type{
		"tok105-f16.gguf": F16, "tok105-q8_0.gguf": Q8_0, "tok105-q4_0.gguf": Q4_0,
		"tok105-q4_1.gguf": Q4_1, "tok105-q5_0.gguf": Q5_0, "tok105-q5_1.gguf": Q5_1,
	} {
		f := openReal(t, "babyllama/"+name)
		want := bin.Config
		want.SeqLen = 128 // as the GGUFs declare; trained with 256
		if !reflect.DeepEqual(f.Config, want) {
			t.Errorf("%s: Config = %+v, want %+v", name, f.Config, want)
		}
		if list := append(names(bin), "output.weight"); !slices.Equal(names(f), list) {
			t.Fatalf("%s: tensors %v, want %v", name, names(f), list)
		}
		count := 0
		for _, tensor := range f.Tensors() {
			same, ok := bin.Tensor(tensor.Name)
			if !ok { // the .bin shares the classifier with the embedding
				same, _ = bin.Tensor("token_embd.weight")
			}
			exact := readAll(t, bin, same)
			b := make([]byte, tensor.Bytes())
			if err := f.ReadRows(tensor, 0, tensor.Rows, b); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(b, encode(tensor.Type, exact)) {
				t.Errorf("%s %s: Quantize writes other bytes", name, tensor.Name)
			}
			wantEqual(t, name+" "+tensor.Name, readAll(t, f, tensor), roundTrip(tensor.Type, exact))
			if tensor.Type.BlockSize() > 1 {
				if w := worst(tensor.Type, b, exact); !(w <= 1) {
					t.Errorf("%s %s: largest error is %.3f of the bound", name, tensor.Name, w)
				}
			}
			if tensor.Type == typ {
				count++
			}
		}
		if count < 35 { // seven matrices in each of five layers
			t.Errorf("%s: %d tensors of type %s, want at least 35", name, count, typ)
		}
	}
}

// The Hugging Face layout, with the permutation worked out here once more: dim 8, two heads and one
// KV head of four rows. Rows 0 2 1 3 of the file are rows 0 1 2 3 of ours.
func TestTinyLlamaRowsArePermuted(t *testing.T) {
	weights := dataFile(t, "tiny-llama/tiny_llama.safetensors")
	config := dataFile(t, "tiny-llama/tiny_llama_config.json")
	dir := t.TempDir()
	for from, to := range map[string]string{weights: "model.safetensors", config: "config.json"} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := Config{
		Dim: 8, HiddenDim: 12, NLayers: 2, NHeads: 2, NKVHeads: 1, HeadDim: 4,
		VocabSize: 11, SeqLen: 16, NormEps: float64(float32(1e-5)), RopeBase: 10000,
	}
	if !reflect.DeepEqual(f.Config, want) {
		t.Errorf("Config = %+v, want %+v", f.Config, want)
	}

	// Read the file by hand: one JSON object of offsets, then float32.
	raw, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	n := 8 + int(raw[0]) + int(raw[1])<<8
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw[8:n], &header); err != nil {
		t.Fatal(err)
	}
	inFile := func(name string) []float32 {
		o := header[name].Offsets
		x := make([]float32, (o[1]-o[0])/4)
		F32.Dequantize(x, raw[n+o[0]:n+o[1]])
		return x
	}
	for name, rows := range map[string][]int{
		"blk.1.attn_q.weight":   {0, 2, 1, 3, 4, 6, 5, 7},
		"blk.0.attn_k.weight":   {0, 2, 1, 3},
		"blk.0.attn_v.weight":   {0, 1, 2, 3},
		"blk.1.ffn_down.weight": {0, 1, 2, 3, 4, 5, 6, 7},
		"output.weight":         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
	} {
		tensor, _ := f.Tensor(name)
		x := inFile(hfName(name))
		var want []float32
		for _, r := range rows {
			want = append(want, x[r*tensor.Cols:(r+1)*tensor.Cols]...)
		}
		wantEqual(t, name, readAll(t, f, tensor), want)
	}
	sum := sha256.Sum256(raw)
	if got, err := f.SHA256(); err != nil || got != hex.EncodeToString(sum[:]) {
		t.Errorf("SHA256 = %s, %v; want %x", got, err, sum)
	}
}

// A vocabulary without weights is metadata for a tokenizer, but not a model.
func TestVocabularyOnly(t *testing.T) {
	for name, tokens := range map[string]int{"ggml-vocab-llama-spm.gguf": 32000, "ggml-vocab-gpt-2.gguf": 50257} {
		path := dataFile(t, "vocab/"+name)
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		info, err := r.Stat()
		if err != nil {
			t.Fatal(err)
		}
		meta, err := ReadGGUFMeta(r, info.Size(), name)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := meta["tokenizer.ggml.tokens"].([]string)
		if len(list) != tokens {
			t.Errorf("%s: %d tokens, want %d", name, len(list), tokens)
		}
		want := "tensor token_embd.weight is missing among 0 (a vocabulary without weights?)"
		if tokens != 32000 {
			want = "metadata general.architecture is gpt2, want llama, qwen2 or qwen3"
		}
		_, err = Open(path)
		wantReason(t, err, path, want)
	}
}
