//go:build !js

package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"keyfold/engine/checkpoint"
	"keyfold/layout"
	"keyfold/models"
)

// dequantized rewrites a model as a GGUF of F32 tensors with the same values.
func dequantized(t testing.TB, f *checkpoint.File) *checkpoint.File {
	t.Helper()
	var tensors []checkpoint.TensorData
	for _, tensor := range f.Tensors() {
		data := make([]byte, tensor.Bytes())
		if err := f.ReadRows(tensor, 0, tensor.Rows, data); err != nil {
			t.Fatal(err)
		}
		values := make([]float32, tensor.Rows*tensor.Cols)
		tensor.Type.Dequantize(values, data)
		out := checkpoint.TensorData{Name: tensor.Name, Type: checkpoint.F32, Rows: tensor.Rows, Cols: tensor.Cols,
			Data: make([]byte, 4*len(values))}
		if tensor.Rows == 1 {
			out.Rows = 0 // a vector
		}
		checkpoint.Quantize(checkpoint.F32, out.Data, values)
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
		for wt := checkpoint.F32; wt <= checkpoint.Q5_1; wt++ {
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

// Matrices that are stacked for one dispatch but have different types become
// F32 together.
func TestStackedTensorsOfDifferentTypes(t *testing.T) {
	f := fixtureFile(t, checkpoint.Q8_0)
	var tensors []checkpoint.TensorData
	for _, tensor := range f.Tensors() {
		data := make([]byte, tensor.Bytes())
		if err := f.ReadRows(tensor, 0, tensor.Rows, data); err != nil {
			t.Fatal(err)
		}
		out := checkpoint.TensorData{Name: tensor.Name, Type: tensor.Type, Rows: tensor.Rows, Cols: tensor.Cols, Data: data}
		if tensor.Rows == 1 {
			out.Rows = 0
		}
		if tensor.Name == "blk.0.attn_v.weight" || tensor.Name == "blk.1.ffn_up.weight" {
			values := make([]float32, tensor.Rows*tensor.Cols)
			tensor.Type.Dequantize(values, data)
			out.Type, out.Data = checkpoint.F16, make([]byte, checkpoint.F16.RowBytes(len(values)))
			checkpoint.Quantize(checkpoint.F16, out.Data, values)
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
	mixed := openBytes(t, out.Bytes())
	e := openFile(t, mixed, CPU)
	want := openFile(t, dequantized(t, mixed), CPU).allLogits(t, someTokens(20), DefaultChunk, nil, 0)
	if d, _ := worst(e.allLogits(t, someTokens(20), DefaultChunk, nil, 0), want); d > 1e-4 {
		t.Errorf("logits differ by %g, want at most 1e-4", d)
	}
	asStored, err := loadCPURunner(mixed, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := asStored.w.layers[0].qkv.Type; got != layout.F32 {
		t.Errorf("stacked Q8_0 and F16 are resident as %v, want f32", got)
	}
	if got := asStored.w.layers[2].qkv.Type; got != layout.Q8_0 {
		t.Errorf("stacked Q8_0 is resident as %v, want q8_0", got)
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
		matrix: func(string, layout.WeightType, int, int) (int, func(int, *layout.Weights) error, error) {
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
