//go:build !js

package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// dequantized rewrites a model as a GGUF of F32 tensors with the same values.
func dequantized(t testing.TB, f *checkpoint.File) *checkpoint.File {
	t.Helper()
	return retyped(t, f, func(string, checkpoint.Type) checkpoint.Type { return checkpoint.F32 })
}

// retyped rewrites a model as a GGUF whose tensors have other types.
func retyped(t testing.TB, f *checkpoint.File, typeOf func(name string, was checkpoint.Type) checkpoint.Type) *checkpoint.File {
	t.Helper()
	var tensors []checkpoint.TensorData
	for _, tensor := range f.Tensors() {
		data := make([]byte, tensor.Bytes())
		if err := f.ReadRows(tensor, 0, tensor.Rows, data); err != nil {
			t.Fatal(err)
		}
		values := make([]float32, tensor.Rows*tensor.Cols)
		tensor.Type.Dequantize(values, data)
		out := checkpoint.TensorData{Name: tensor.Name, Type: typeOf(tensor.Name, tensor.Type), Rows: tensor.Rows, Cols: tensor.Cols, Data: data}
		if tensor.Rows == 1 {
			out.Rows = 0 // a vector
		}
		if out.Type != tensor.Type {
			out.Data = make([]byte, tensor.Rows*out.Type.RowBytes(tensor.Cols))
			checkpoint.Quantize(out.Type, out.Data, values)
		}
		tensors = append(tensors, out)
	}
	var meta []checkpoint.KV
	for key, value := range f.Meta {
		meta = append(meta, checkpoint.KV{Key: key, Value: value})
	}
	var out bytes.Buffer
	if err := checkpoint.WriteGGUF(&out, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return openBytes(t, out.Bytes())
}

// A quantised model equals a float forward on its dequantised weights: the
// resident types lose nothing.
func TestQuantisedModelsEqualTheirDequantisedWeights(t *testing.T) {
	check := func(t *testing.T, kind DeviceKind, f *checkpoint.File) {
		tokens := make([]int, 40)
		for i := range tokens {
			tokens[i] = (7*i + i*i) % f.Config.VocabSize
		}
		want := openFile(t, dequantized(t, f), CPU).allLogits(t, tokens, DefaultChunk, nil, 0)
		e := openFile(t, f, kind)
		for _, chunk := range []int{1, DefaultChunk} {
			if d, at := worst(e.allLogits(t, tokens, chunk, nil, 0), want); d > 1e-3 {
				t.Errorf("%s, chunk %d: logits differ by %g at %d, want at most 1e-3", f.Name, chunk, d, at)
			}
		}
	}
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, wt := range checkpoint.Types {
			t.Run("fixture "+wt.String(), func(t *testing.T) { check(t, kind, fixtureFile(t, wt)) })
		}
		for _, wt := range []string{"f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1"} {
			t.Run("babyllama "+wt, func(t *testing.T) {
				f, err := checkpoint.Open(sharedData(t, "babyllama/tok105-"+wt+".gguf"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				check(t, kind, f)
			})
		}
	})
}

// Logits of models of blocks of 256 as another implementation computed them.
func TestLogitsOfLargeBlocks(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		for _, name := range []string{"kquants", "kquants-mixed"} {
			var of struct{ IDs []int }
			data, err := os.ReadFile(sharedData(t, "real/"+name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &of); err != nil {
				t.Fatal(err)
			}
			if data, err = os.ReadFile(sharedData(t, "real/"+name+".logits.f32")); err != nil {
				t.Fatal(err)
			}
			e := open(t, sharedData(t, "real/"+name+".gguf"), kind)
			want := make([]float32, len(of.IDs)*e.Config.VocabSize)
			checkpoint.F32.Dequantize(want, data)
			for _, chunk := range []int{1, DefaultChunk} {
				d, at := worst(e.allLogits(t, of.IDs, chunk, nil, 0), want)
				t.Logf("%s, chunk %d: %g", name, chunk, d)
				if d > 1e-3 {
					t.Errorf("%s, chunk %d: logits differ by %g at %d, want at most 1e-3", name, chunk, d, at)
				}
			}
		}
	})
}

// Matrices that are stacked for one dispatch are parts where their types differ, and
// the logits those of the same numbers as float32.
func TestStackedTensorsOfDifferentTypes(t *testing.T) {
	q4k := fixtureFile(t, checkpoint.Q4_K)
	for name, mixed := range map[string]*checkpoint.File{
		// As in a Q4_K_M file, but with every pair of neighbours once.
		"values of Q6_K, up of Q5_K": retyped(t, q4k, func(name string, was checkpoint.Type) checkpoint.Type {
			switch name {
			case "blk.0.attn_v.weight", "blk.1.attn_q.weight", "blk.2.attn_k.weight", "blk.2.ffn_gate.weight", "token_embd.weight":
				return checkpoint.Q6_K
			case "blk.1.ffn_up.weight", "blk.1.attn_k.weight":
				return checkpoint.Q5_0
			}
			return was
		}),
		"values and up of F16": retyped(t, fixtureFile(t, checkpoint.Q8_0), func(name string, was checkpoint.Type) checkpoint.Type {
			if name == "blk.0.attn_v.weight" || name == "blk.1.ffn_up.weight" {
				return checkpoint.F16
			}
			return was
		}),
	} {
		tokens := someTokens(20)
		want := openFile(t, dequantized(t, mixed), CPU).allLogits(t, tokens, DefaultChunk, nil, 0)
		eachDevice(t, func(t *testing.T, kind DeviceKind) {
			e, most := openFile(t, mixed, kind), 1e-3
			if kind == CPU {
				most = 1e-4 // products with blocks add in another order
			}
			for _, chunk := range []int{1, DefaultChunk} {
				if d, at := worst(e.allLogits(t, tokens, chunk, nil, 0), want); d > most {
					t.Errorf("%s, chunk %d: logits differ by %g at %d, want at most %g", name, chunk, d, at, most)
				}
			}
		})
	}
}

// Neighbours of one type are one part, unless a word would hold scales of both.
func TestNeighboursOfOneTypeAreOnePart(t *testing.T) {
	mixed := retyped(t, fixtureFile(t, checkpoint.Q8_0), func(name string, was checkpoint.Type) checkpoint.Type {
		switch name {
		case "blk.0.attn_v.weight":
			return checkpoint.Q5_0 // resident as q8_0, too
		case "blk.1.attn_v.weight":
			return checkpoint.Q4_0
		case "blk.2.attn_k.weight":
			return checkpoint.Q5_1
		}
		return was
	})
	r, err := newCPURunner(mixed)
	if err != nil {
		t.Fatal(err)
	}
	for l, want := range []string{"q8_0 128", "q8_0 96, q4_0 32", "q8_0 64, q8m 32, q8_0 32"} {
		var parts []string
		for _, w := range r.w.layers[l].qkv {
			parts = append(parts, fmt.Sprintf("%v %d", w.Type, w.Rows))
		}
		if got := strings.Join(parts, ", "); got != want {
			t.Errorf("queries, keys and values of layer %d are rows of %s, want %s", l, got, want)
		}
	}
}

// Logits of a Hugging Face model as another implementation computed them.
func TestLogitsOfTinyLlama(t *testing.T) {
	eachDevice(t, func(t *testing.T, kind DeviceKind) {
		folder := t.TempDir()
		for from, to := range map[string]string{
			"tiny_llama.safetensors": "model.safetensors", "tiny_llama_config.json": "config.json",
		} {
			data, err := os.ReadFile(sharedData(t, "tiny-llama/"+from))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, to), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var want struct {
			Sequences [][]int
			Logits    [][][]float32
		}
		data, err := os.ReadFile(sharedData(t, "tiny-llama/tiny_llama_logits.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if len(want.Sequences) != 3 {
			t.Fatalf("%d sequences, want 3", len(want.Sequences))
		}
		e := open(t, folder, kind)
		for i, tokens := range want.Sequences {
			var flat []float32
			for _, row := range want.Logits[i] {
				flat = append(flat, row...)
			}
			for _, chunk := range []int{1, DefaultChunk} {
				if d, at := worst(e.allLogits(t, tokens, chunk, nil, 0), flat); d > 1e-4 {
					t.Errorf("sequence %d, chunk %d: logits differ by %g at %d, want at most 1e-4", i, chunk, d, at)
				}
			}
		}
	})
}

// Loading streams: Go's heap holds a few pieces at a time, whatever the size of
// the model. The device is a counter here; a GPU's memory is not Go's.
func TestLoadingStreams(t *testing.T) {
	c := models.FixtureConfig
	c.Dim, c.HiddenDim, c.NHeads, c.NKVHeads, c.HeadDim, c.NLayers, c.VocabSize = 1024, 4096, 16, 4, 64, 8, 32000
	f := zeroModel(t, c)
	var total int64
	for _, tensor := range f.Tensors() {
		total += tensor.Bytes()
	}
	if total < 256<<20 {
		t.Fatalf("the model has %d bytes, too few to show anything", total)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	words := 0
	_, err := loadWeights(f, builder[int, int]{
		matrix: func(string, int, []layout.Part) (int, func(int, *layout.Weights) error, error) {
			return 0, func(_ int, piece *layout.Weights) error {
				words += len(piece.Words)
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
				return nil
			}, nil
		},
		vector: func(string, []float32) (int, error) { return 0, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(4 * words); got < total*9/10 {
		t.Errorf("%d bytes of weights arrived, want about %d", got, total)
	}
	if grown := int64(most) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("Go's heap grew by %d MB while %d MB were loaded, want less than 64", grown>>20, total>>20)
	}
}

// zeroModel writes a GGUF whose tensors are zeros that the file system does not store.
func zeroModel(t testing.TB, c checkpoint.Config) *checkpoint.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zeros.bin")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// llama2.c's format: seven integers, then F32 tensors.
	header := []int32{int32(c.Dim), int32(c.HiddenDim), int32(c.NLayers), int32(c.NHeads), int32(c.NKVHeads), int32(c.VocabSize), int32(c.SeqLen)}
	if err := binary.Write(file, binary.LittleEndian, header); err != nil {
		t.Fatal(err)
	}
	perLayer := 2*c.Dim + c.Dim*(c.QDim()+2*c.KVDim()) + c.QDim()*c.Dim + 3*c.Dim*c.HiddenDim
	floats := c.VocabSize*c.Dim + c.NLayers*perLayer + c.Dim + c.SeqLen*c.HeadDim
	if err := file.Truncate(int64(28 + 4*floats)); err != nil {
		t.Fatal(err)
	}
	f, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
