//go:build !js

package checkpoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// dataFile returns the path of a file of ../../../shared/data, and skips the test where it is not.
func dataFile(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("real model files are not here (%v); fixtures made in other tests cover the same code", err)
	}
	return path
}

// wantError fails the test unless err has exactly this text.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", want)
	} else if err.Error() != want {
		t.Errorf("error\n    %s\nwant\n    %s", err, want)
	}
}

// wantReason fails the test unless err is the reason, about file, or has it among several.
func wantReason(t *testing.T, err error, file, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", want)
		return
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "; and ")
		if strings.TrimPrefix(line, file+": ") == want {
			return
		}
	}
	t.Errorf("error\n    %s\nwant\n    %s: %s", err, file, want)
}

// toyConfig is the smallest model with everything distinct: GQA, q_dim other than dim, two layers,
// rows of 32 so that every block type fits.
var toyConfig = Config{
	Dim: 32, HiddenDim: 64, NLayers: 2, NHeads: 4, NKVHeads: 2, HeadDim: 16,
	VocabSize: 5, SeqLen: 12, NormEps: float64(float32(1e-5)), RopeBase: 10000,
}

// toyFor is toyConfig, with rows of 256 where the blocks of a type want them.
func toyFor(t Type) Config {
	c := toyConfig
	if t.BlockSize() > c.Dim {
		c.Dim, c.HiddenDim, c.NHeads, c.NKVHeads, c.HeadDim = 256, 512, 4, 2, 64
	}
	return c
}

// specimen is as small as a model can be; fuzzing starts from it.
var specimen = Config{
	Dim: 4, HiddenDim: 4, NLayers: 1, NHeads: 1, NKVHeads: 1, HeadDim: 4,
	VocabSize: 2, SeqLen: 2, NormEps: float64(float32(1e-5)), RopeBase: 10000,
}

// A toy is a model made in the test.
type toy struct {
	Config
	names []string             // in model order
	shape map[string][2]int    // rows, columns
	data  map[string][]float32 // (rows, columns)
}

// newToy fills a model with numbers seeded by the name of each tensor. Some of them are large, so
// that blocks differ in scale.
func newToy(c Config, tied bool) toy {
	m := toy{Config: c, shape: map[string][2]int{}, data: map[string][]float32{}}
	for w := range c.weights() {
		if w.optional && tied || w.name == ropeFreqs {
			continue
		}
		m.names = append(m.names, w.name)
		m.shape[w.name] = [2]int{w.rows, w.cols}
		m.data[w.name] = normals(w.name, w.rows*w.cols)
	}
	return m
}

// normals returns n numbers of standard deviation 1, every 50th ten times as large.
func normals(seed string, n int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(seed))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if i%50 == 17 {
			x[i] *= 10
		}
	}
	return x
}

// encode returns x as bytes of type t.
func encode(t Type, x []float32) []byte {
	b := make([]byte, t.RowBytes(len(x)))
	Quantize(t, b, x)
	return b
}

// tensorData returns the tensors for WriteGGUF: matrices in type t, vectors in F32.
func (m toy) tensorData(t Type) []TensorData {
	var list []TensorData
	for _, name := range m.names {
		d := TensorData{Name: name, Type: t, Rows: m.shape[name][0], Cols: m.shape[name][1]}
		if d.Rows == 1 {
			d.Type, d.Rows = F32, 0
		}
		x := m.data[name]
		if m.architecture().ggufHalves {
			x = m.inHalves(name)
		}
		d.Data = encode(d.Type, x)
		list = append(list, d)
	}
	return list
}

// architecture returns the one that has what the toy has.
func (m toy) architecture() architecture {
	for _, a := range architectures {
		if a.gguf != "" && a.qkvBias == m.QKVBias && a.qkNorm == m.QKNorm {
			return a
		}
	}
	return architectures[0]
}

// inHalves returns a tensor in the order of Hugging Face files: in a head of d rows (of a vector: elements),
// row i is ours 2i, and row i+d/2 ours 2i+1.
func (m toy) inHalves(name string) []float32 {
	x := m.data[name]
	if !rotates(name) {
		return x
	}
	rows, cols := m.shape[name][0], m.shape[name][1]
	if rows == 1 {
		rows, cols = cols, 1
	}
	out := make([]float32, 0, rows*cols)
	for head := 0; head < rows; head += m.HeadDim {
		for _, first := range []int{0, 1} {
			for in := first; in < m.HeadDim; in += 2 {
				out = append(out, x[(head+in)*cols:(head+in+1)*cols]...)
			}
		}
	}
	return out
}

// meta returns the metadata of a GGUF of the toy.
func (m toy) meta() []KV {
	meta := []KV{
		{"general.architecture", "llama"},
		{"general.name", "toy"},
		{"llama.embedding_length", uint32(m.Dim)},
		{"llama.feed_forward_length", uint32(m.HiddenDim)},
		{"llama.block_count", uint32(m.NLayers)},
		{"llama.attention.head_count", uint32(m.NHeads)},
		{"llama.attention.head_count_kv", uint32(m.NKVHeads)},
		{"llama.attention.key_length", uint32(m.HeadDim)},
		{"llama.context_length", uint32(m.SeqLen)},
		{"llama.attention.layer_norm_rms_epsilon", float32(m.NormEps)},
		{"llama.rope.freq_base", float32(m.RopeBase)},
	}
	arch := m.architecture().gguf
	meta[0].Value = arch
	for i := range meta {
		if name, ok := strings.CutPrefix(meta[i].Key, "llama."); ok {
			meta[i].Key = arch + "." + name
		}
	}
	return meta
}

// writeGGUF returns a GGUF file as bytes.
func writeGGUF(t testing.TB, meta []KV, tensors []TensorData) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteGGUF(&b, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gguf returns the toy as a GGUF file with matrices in type t.
func (m toy) gguf(t testing.TB, typ Type) []byte {
	t.Helper()
	return writeGGUF(t, m.meta(), m.tensorData(typ))
}

func openGGUFBytes(b []byte) (*File, error) {
	return OpenGGUF(bytes.NewReader(b), int64(len(b)), "x.gguf")
}

// llama2c returns the toy as a llama2.c checkpoint, written in the order of run.c.
func (m toy) llama2c() []byte {
	vocab := m.VocabSize
	if _, own := m.data["output.weight"]; own {
		vocab = -vocab
	}
	var b []byte
	for _, v := range []int{m.Dim, m.HiddenDim, m.NLayers, m.NHeads, m.NKVHeads, vocab, m.SeqLen} {
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(v)))
	}
	put := func(name string) { b = append(b, encode(F32, m.data[name])...) }
	put("token_embd.weight")
	for _, part := range []string{
		"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_down", "ffn_up",
	} {
		for l := range m.NLayers {
			put(fmt.Sprintf("blk.%d.%s.weight", l, part))
		}
	}
	put("output_norm.weight")
	for range m.SeqLen * m.HeadDim { // cos and sin: NaN, so that reading them would be noticed
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(math.NaN())))
	}
	if vocab < 0 {
		put("output.weight")
	}
	return b
}

func openLlama2CBytes(b []byte) (*File, error) {
	return OpenLlama2C(bytes.NewReader(b), int64(len(b)), "x.bin")
}

// readAll returns a whole tensor in float32, read through ReadRows three rows at a time.
func readAll(t testing.TB, f *File, tensor *Tensor) []float32 {
	t.Helper()
	out := make([]float32, tensor.Rows*tensor.Cols)
	size := tensor.Type.RowBytes(tensor.Cols)
	for row := 0; row < tensor.Rows; row += 3 {
		n := min(3, tensor.Rows-row)
		b := make([]byte, n*size)
		if err := f.ReadRows(tensor, row, n, b); err != nil {
			t.Fatal(err)
		}
		tensor.Type.Dequantize(out[row*tensor.Cols:(row+n)*tensor.Cols], b)
	}
	return out
}

// wantToy fails the test unless f holds the toy, bit for bit, with the matrices in type typ.
func wantToy(t *testing.T, f *File, m toy, typ Type) {
	t.Helper()
	if !reflect.DeepEqual(f.Config, m.Config) {
		t.Errorf("Config = %+v, want %+v", f.Config, m.Config)
	}
	var names []string
	for _, tensor := range f.Tensors() {
		names = append(names, tensor.Name)
	}
	if !slices.Equal(names, m.names) {
		t.Fatalf("tensors\n%v, want\n%v", names, m.names)
	}
	for _, tensor := range f.Tensors() {
		if byName, ok := f.Tensor(tensor.Name); !ok || byName != tensor {
			t.Errorf("Tensor(%q) is another one than in Tensors()", tensor.Name)
		}
		want := typ
		if tensor.Rows == 1 {
			want = F32
		}
		if got := [2]int{tensor.Rows, tensor.Cols}; got != m.shape[tensor.Name] || tensor.Type != want {
			t.Errorf("%s is %v of %v, want %v of %v", tensor.Name, tensor.Type, got, want, m.shape[tensor.Name])
		}
		wantEqual(t, tensor.Name, readAll(t, f, tensor), roundTrip(want, m.data[tensor.Name]))
	}
}

// roundTrip returns x as it comes back from type t.
func roundTrip(t Type, x []float32) []float32 {
	out := make([]float32, len(x))
	t.Dequantize(out, encode(t, x))
	return out
}

// wantEqual fails the test unless got and want have the same bits.
func wantEqual(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Errorf("%s: element %d = %g, want %g", what, i, got[i], want[i])
			return
		}
	}
}
