//go:build !js

package models

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"

	"keyfold/engine/checkpoint"
)

// Shape is the shape of a model that speed is measured with.
type Shape struct {
	Name   string // empty if it is nobody's
	Config checkpoint.Config
	Untied bool // the classifier is a matrix of its own
}

// shapeContext is the context that a model of a [Shape] declares. Nothing is as
// large as that; it only has to exceed what is measured.
const shapeContext = 1 << 16

// NewShape returns a shape with tied embeddings and heads of dim / heads.
func NewShape(name string, dim, hidden, layers, heads, kvHeads, vocab int) Shape {
	return Shape{Name: name, Config: checkpoint.Config{
		Dim: dim, HiddenDim: hidden, NLayers: layers, NHeads: heads, NKVHeads: kvHeads, HeadDim: dim / max(1, heads),
		VocabSize: vocab, SeqLen: shapeContext, NormEps: float64(float32(1e-5)), RopeBase: 10000,
	}}
}

// Shapes returns those of known models, from small to large. Widths, layers,
// heads and vocabularies are the models' own; what costs no time, such as the
// base of RoPE, is not.
func Shapes() []Shape {
	tinyLlama := NewShape("TinyLlama-1.1B", 2048, 5632, 22, 32, 4, 32000)
	tinyLlama.Untied = true
	qwen2 := NewShape("Qwen2.5-0.5B", 896, 4864, 24, 14, 2, 151936)
	qwen2.Config.QKVBias = true
	qwen3 := NewShape("Qwen3-0.6B", 1024, 3072, 28, 16, 8, 151936)
	qwen3.Config.HeadDim, qwen3.Config.QKNorm = 128, true
	return []Shape{
		NewShape("stories15M", 288, 768, 6, 6, 6, 32000),
		NewShape("SmolLM2-135M", 576, 1536, 30, 9, 3, 49152),
		qwen2,
		qwen3,
		tinyLlama,
		NewShape("Llama-3.2-1B", 2048, 8192, 16, 32, 8, 128256),
	}
}

// FixtureShapes returns the shape of the fixture and those of its relatives, which
// have what other architectures have beside a Llama's parts.
func FixtureShapes() []Shape {
	llama3, qwen2, qwen3 := FixtureConfig, FixtureConfig, FixtureConfig
	llama3.RopeFactors = []float32{1, 1, 1, 1.5, 4, 8, 8, 8}
	qwen2.QKVBias, qwen2.NHeads, qwen2.NKVHeads = true, 6, 2
	qwen3.QKNorm, qwen3.HeadDim, qwen3.NormEps = true, 32, 1e-6
	return []Shape{
		{Name: "llama", Config: FixtureConfig}, {Name: "llama3", Config: llama3},
		{Name: "qwen2", Config: qwen2}, {Name: "qwen3", Config: qwen3},
	}
}

// Title is what a model of the shape is called.
func (s Shape) Title() string {
	if s.Name != "" {
		return s.Name + "'s shape (random weights)"
	}
	c := s.Config
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d (random weights)", c.Dim, c.HiddenDim, c.NLayers, c.NHeads, c.NKVHeads, c.VocabSize)
}

// sample returns how many random elements all matrices of type t and of one width
// are made of: blocks, of 32 elements at least. Their number is a prime, so that it
// takes as many rows for one to come again.
func sample(t checkpoint.Type) (blocks, elements int) {
	if t.BlockSize() > 32 {
		return 4099, 4099 * t.BlockSize()
	}
	return 32771, 32771 * 32
}

// WriteRandom writes a GGUF file of the given shape whose matrices, of type t,
// hold random numbers and whose norms are 1. It serves to measure speed, writes
// as fast as it can and needs a few MB: every matrix is a piece of the same
// random numbers, from a place that depends on its name, over and over. Equal
// arguments give equal bytes. For weights that differ throughout see [Fixture].
//
// VocabSize must be at least 259.
func WriteRandom(w io.Writer, s Shape, t checkpoint.Type, seed uint64) error {
	c := s.Config
	if err := c.Validate(); err != nil {
		return err
	}
	if c.VocabSize < 3+256 {
		return fmt.Errorf("a vocabulary of %d tokens, want at least 259", c.VocabSize)
	}
	for _, width := range []int{c.Dim, c.HiddenDim, c.QDim()} {
		if width%t.BlockSize() != 0 {
			return fmt.Errorf("rows of %d elements cannot be %v, which has blocks of %d", width, t, t.BlockSize())
		}
	}
	blocks, elements := sample(t)
	samples := map[int][]byte{} // by the width of a row, on which their size depends
	var tensors []checkpoint.TensorData
	matrix := func(name string, rows, cols int) {
		if samples[cols] == nil {
			r := rand.New(rand.NewPCG(seed, uint64(cols)))
			samples[cols] = encode(t, normals(r, elements, 1/math.Sqrt(float64(cols))))
		}
		h := fnv.New32()
		io.WriteString(h, name)
		block := len(samples[cols]) / blocks
		from := &loop{data: samples[cols], at: int(h.Sum32()) % blocks * block}
		tensors = append(tensors, checkpoint.TensorData{Name: name, Type: t, Rows: rows, Cols: cols, From: from})
	}
	vector := func(name string, v []float32) {
		tensors = append(tensors, checkpoint.TensorData{Name: name, Type: checkpoint.F32, Cols: len(v), Data: encode(checkpoint.F32, v)})
	}
	norm := func(name string, n int) { vector(name, slices.Repeat([]float32{1}, n)) }
	bias := func(name string, n int) { vector(name, normals(rand.New(rand.NewPCG(seed, uint64(n))), n, 0.5)) }
	matrix("token_embd.weight", c.VocabSize, c.Dim)
	if c.RopeFactors != nil {
		vector("rope_freqs.weight", c.RopeFactors)
	}
	for l := range c.NLayers {
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s.weight", l, part) }
		norm(name("attn_norm"), c.Dim)
		matrix(name("attn_q"), c.QDim(), c.Dim)
		matrix(name("attn_k"), c.KVDim(), c.Dim)
		matrix(name("attn_v"), c.KVDim(), c.Dim)
		matrix(name("attn_output"), c.Dim, c.QDim())
		norm(name("ffn_norm"), c.Dim)
		matrix(name("ffn_gate"), c.HiddenDim, c.Dim)
		matrix(name("ffn_up"), c.HiddenDim, c.Dim)
		matrix(name("ffn_down"), c.Dim, c.HiddenDim)
		beside(c, l, norm, bias)
	}
	norm("output_norm.weight", c.Dim)
	if s.Untied {
		matrix("output.weight", c.VocabSize, c.Dim)
	}
	return checkpoint.WriteGGUF(w, append(shape(c, s.Title()), vocabulary(c.VocabSize)...), tensors)
}

// loop reads data from a place on, over and over.
type loop struct {
	data []byte
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}
