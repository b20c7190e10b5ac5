// Package models has the models that come with keyfold: the built-in one, which
// was trained for it, and for tests a fixture with random weights, which
// exercises all of the machinery and knows nothing.
package models

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"

	"keyfold/engine/checkpoint"
)

// FixtureConfig is the shape of the fixture: grouped-query attention, all
// widths multiples of 32 so that every quantisation in blocks of 32 fits.
var FixtureConfig = checkpoint.Config{
	Dim: 64, HiddenDim: 160, NLayers: 3, NHeads: 4, NKVHeads: 2, HeadDim: 16,
	VocabSize: 320, SeqLen: 1024, NormEps: 1e-5, RopeBase: 10000,
}

// FixtureConfigOf returns the shape of a fixture with matrices of type t: wider where
// its blocks want rows of 256.
func FixtureConfigOf(t checkpoint.Type) checkpoint.Config {
	c := FixtureConfig
	if t.BlockSize() > 32 {
		c.Dim, c.HiddenDim, c.HeadDim = 256, 512, 64
	}
	return c
}

// OpenFixture returns the fixture with F16 matrices, as if it were a GGUF file.
func OpenFixture() (*checkpoint.File, error) {
	data, err := Fixture(FixtureConfig, checkpoint.F16, 1)
	if err != nil {
		return nil, err
	}
	return checkpoint.OpenGGUF(bytes.NewReader(data), int64(len(data)), "fixture")
}

// Fixture returns a GGUF file of the given shape with random weights: matrices
// of type t, norms and biases of F32, tied embeddings, and a SentencePiece-style
// vocabulary of bytes and a few short words. Equal arguments give equal bytes.
//
// VocabSize must be at least 259: three special tokens and every byte.
func Fixture(c checkpoint.Config, t checkpoint.Type, seed uint64) ([]byte, error) {
	return fixture(c, allOf(t), seed, vocabulary(c.VocabSize))
}

// allOf gives every matrix the type t.
func allOf(t checkpoint.Type) func(name string) checkpoint.Type {
	return func(string) checkpoint.Type { return t }
}

// MixedFixture returns a Fixture with the types of a Q4_K_M file: Q6_K where it helps
// most, in the embedding and in values and down projections of some layers, and Q4_K
// elsewhere. One gate has another type than the up projection beside it.
func MixedFixture(seed uint64) ([]byte, error) {
	c := FixtureConfigOf(checkpoint.Q4_K)
	return fixture(c, func(name string) checkpoint.Type {
		switch name {
		case "token_embd.weight", "blk.0.attn_v.weight", "blk.0.ffn_down.weight", "blk.2.attn_v.weight":
			return checkpoint.Q6_K
		case "blk.1.ffn_gate.weight":
			return checkpoint.Q5_K
		}
		return checkpoint.Q4_K
	}, seed, vocabulary(c.VocabSize))
}

// ChatFixture returns a Fixture that can be talked to: its last two tokens are
// <|im_start|> and <|im_end|>, which ends an answer, and it has a ChatML template.
func ChatFixture(c checkpoint.Config, t checkpoint.Type, seed uint64) ([]byte, error) {
	return fixture(c, allOf(t), seed, chatVocabulary(c.VocabSize))
}

func fixture(c checkpoint.Config, typeOf func(name string) checkpoint.Type, seed uint64, vocabulary []checkpoint.KV) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.VocabSize < 3+256 {
		return nil, fmt.Errorf("fixture of %d tokens, want at least 259", c.VocabSize)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	var tensors []checkpoint.TensorData
	matrix := func(name string, rows, cols int, scale float64) {
		t := typeOf(name)
		tensors = append(tensors, checkpoint.TensorData{
			Name: name, Type: t, Rows: rows, Cols: cols, Data: encode(t, normals(r, rows*cols, scale)),
		})
	}
	vector := func(name string, v []float32) {
		tensors = append(tensors, checkpoint.TensorData{
			Name: name, Type: checkpoint.F32, Cols: len(v), Data: encode(checkpoint.F32, v),
		})
	}
	norm := func(name string, n int, mean float32) {
		gains := normals(r, n, 0.1)
		for i := range gains {
			gains[i] += mean
		}
		vector(name, gains)
	}
	width := func(n int) float64 { return 1 / math.Sqrt(float64(n)) }
	matrix("token_embd.weight", c.VocabSize, c.Dim, width(c.Dim)*3)
	if c.RopeFactors != nil {
		vector("rope_freqs.weight", c.RopeFactors)
	}
	for l := range c.NLayers {
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s.weight", l, part) }
		norm(name("attn_norm"), c.Dim, 1)
		// Queries and keys are large enough for attention to have favourites.
		matrix(name("attn_q"), c.QDim(), c.Dim, 2*width(c.Dim))
		matrix(name("attn_k"), c.KVDim(), c.Dim, 2*width(c.Dim))
		matrix(name("attn_v"), c.KVDim(), c.Dim, width(c.Dim))
		matrix(name("attn_output"), c.Dim, c.QDim(), width(c.QDim()))
		norm(name("ffn_norm"), c.Dim, 1)
		matrix(name("ffn_gate"), c.HiddenDim, c.Dim, width(c.Dim))
		matrix(name("ffn_up"), c.HiddenDim, c.Dim, width(c.Dim))
		matrix(name("ffn_down"), c.Dim, c.HiddenDim, width(c.HiddenDim))
		beside(c, l, func(name string, n int) { norm(name, n, 1.7) }, func(name string, n int) { vector(name, normals(r, n, 0.5)) })
	}
	norm("output_norm.weight", c.Dim, 1)

	var out bytes.Buffer
	if err := checkpoint.WriteGGUF(&out, append(shape(c, "keyfold fixture (random weights)"), vocabulary...), tensors); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// beside makes the vectors that a layer has beside a Llama's.
func beside(c checkpoint.Config, l int, norm, bias func(name string, n int)) {
	if c.QKVBias {
		bias(fmt.Sprintf("blk.%d.attn_q.bias", l), c.QDim())
		bias(fmt.Sprintf("blk.%d.attn_k.bias", l), c.KVDim())
		bias(fmt.Sprintf("blk.%d.attn_v.bias", l), c.KVDim())
	}
	if c.QKNorm {
		norm(fmt.Sprintf("blk.%d.attn_q_norm.weight", l), c.HeadDim)
		norm(fmt.Sprintf("blk.%d.attn_k_norm.weight", l), c.HeadDim)
	}
}

func normals(r *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * r.NormFloat64())
	}
	return v
}

func encode(t checkpoint.Type, v []float32) []byte {
	data := make([]byte, t.RowBytes(len(v)))
	checkpoint.Quantize(t, data, v)
	return data
}

// architecture returns the one that a model like c is called in a GGUF file.
func architecture(c checkpoint.Config) string {
	switch {
	case c.QKNorm:
		return "qwen3"
	case c.QKVBias:
		return "qwen2"
	}
	return "llama"
}

// shape returns the metadata that describes c.
func shape(c checkpoint.Config, name string) []checkpoint.KV {
	arch := architecture(c)
	return []checkpoint.KV{
		{Key: "general.architecture", Value: arch},
		{Key: "general.name", Value: name},
		{Key: arch + ".embedding_length", Value: uint32(c.Dim)},
		{Key: arch + ".feed_forward_length", Value: uint32(c.HiddenDim)},
		{Key: arch + ".block_count", Value: uint32(c.NLayers)},
		{Key: arch + ".attention.head_count", Value: uint32(c.NHeads)},
		{Key: arch + ".attention.head_count_kv", Value: uint32(c.NKVHeads)},
		{Key: arch + ".attention.key_length", Value: uint32(c.HeadDim)},
		{Key: arch + ".attention.value_length", Value: uint32(c.HeadDim)},
		{Key: arch + ".rope.dimension_count", Value: uint32(c.HeadDim)},
		{Key: arch + ".context_length", Value: uint32(c.SeqLen)},
		{Key: arch + ".rope.freq_base", Value: float32(c.RopeBase)},
		{Key: arch + ".attention.layer_norm_rms_epsilon", Value: float32(c.NormEps)},
		{Key: arch + ".vocab_size", Value: uint32(c.VocabSize)},
	}
}

// Token types of GGUF's tokenizer.ggml.token_type.
const (
	tokenNormal  = 1
	tokenUnknown = 2
	tokenControl = 3
	tokenByte    = 6
)

// vocabulary returns the metadata of n tokens: special ones, every byte, then
// pairs of letters, the word-initial ones first.
func vocabulary(n int) []checkpoint.KV {
	tokens := []string{"<unk>", "<s>", "</s>"}
	types := []int32{tokenUnknown, tokenControl, tokenControl}
	for b := range 256 {
		tokens, types = append(tokens, fmt.Sprintf("<0x%02X>", b)), append(types, tokenByte)
	}
	for i := 0; len(tokens) < n; i++ {
		tokens, types = append(tokens, piece(i)), append(types, tokenNormal)
	}
	scores := make([]float32, n)
	for i := 259; i < n; i++ {
		scores[i] = -float32(i - 259) // earlier pieces merge first
	}
	return []checkpoint.KV{
		{Key: "tokenizer.ggml.model", Value: "llama"},
		{Key: "tokenizer.ggml.tokens", Value: tokens},
		{Key: "tokenizer.ggml.scores", Value: scores},
		{Key: "tokenizer.ggml.token_type", Value: types},
		{Key: "tokenizer.ggml.bos_token_id", Value: uint32(1)},
		{Key: "tokenizer.ggml.eos_token_id", Value: uint32(2)},
		{Key: "tokenizer.ggml.unknown_token_id", Value: uint32(0)},
		{Key: "tokenizer.ggml.add_bos_token", Value: true},
		{Key: "tokenizer.ggml.add_space_prefix", Value: true},
	}
}

// chatVocabulary returns a vocabulary with the control tokens of ChatML in place of the
// last two tokens, and a template that writes them.
func chatVocabulary(n int) []checkpoint.KV {
	metadata := vocabulary(n)
	for _, kv := range metadata {
		switch values := kv.Value.(type) {
		case []string:
			values[n-2], values[n-1] = "<|im_start|>", "<|im_end|>"
		case []int32:
			values[n-2], values[n-1] = tokenControl, tokenControl
		}
	}
	const template = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
		"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
	return append(metadata, checkpoint.KV{Key: "tokenizer.chat_template", Value: template})
}

// piece returns the i-th of the pieces behind the bytes: the space mark, the
// letters, the letters behind the space mark, then two letters and so on.
func piece(i int) string {
	const space, letters = "▁", "etaoinshrdlucmfwypvbgkjqxz"
	switch {
	case i == 0:
		return space
	case i <= 26:
		return letters[i-1 : i]
	case i <= 52:
		return space + letters[i-27:i-26]
	}
	i -= 53
	text := ""
	for n := i/26 + 1; ; n = n/26 - 1 {
		text = letters[n%26:n%26+1] + text
		if n < 26 {
			break
		}
	}
	return text + letters[i%26:i%26+1]
}
