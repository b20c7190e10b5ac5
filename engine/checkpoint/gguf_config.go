package checkpoint

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A metaReader takes values out of GGUF metadata. It keeps its first error; what it returns after
// that is zero.
type metaReader struct {
	src  source
	meta map[string]any
	err  error
}

func (m *metaReader) fail(format string, args ...any) {
	if m.err == nil {
		m.err = m.src.errorf(format, args...)
	}
}

// whole returns the whole number at key, or absent where the key is not there.
func (m *metaReader) whole(key string, absent int) int {
	var n uint64
	var negative bool
	switch v := m.meta[key].(type) {
	case nil:
		return absent
	case uint8:
		n = uint64(v)
	case uint16:
		n = uint64(v)
	case uint32:
		n = uint64(v)
	case uint64:
		n = v
	case int8:
		n, negative = uint64(v), v < 0
	case int16:
		n, negative = uint64(v), v < 0
	case int32:
		n, negative = uint64(v), v < 0
	case int64:
		n, negative = uint64(v), v < 0
	default:
		m.fail("metadata %s is a %T, want one whole number", key, v)
		return 0
	}
	if negative || n > math.MaxInt32 {
		m.fail("metadata %s is %v, want 0 to %d", key, m.meta[key], math.MaxInt32)
		return 0
	}
	return int(n)
}

// need is whole for a key that must be there.
func (m *metaReader) need(key string) int {
	if m.meta[key] == nil {
		m.fail("metadata %s is missing", key)
	}
	return m.whole(key, 0)
}

// float returns the number at key, or absent where the key is not there.
func (m *metaReader) float(key string, absent float64) float64 {
	switch v := m.meta[key].(type) {
	case nil:
		return absent
	case float32:
		return float64(v)
	case float64:
		return v
	default:
		m.fail("metadata %s is a %T, want a float", key, v)
		return 0
	}
}

// text returns the string at key, or "" where the key is not there.
func (m *metaReader) text(key string) string {
	switch v := m.meta[key].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		m.fail("metadata %s is a %T, want a string", key, v)
		return ""
	}
}

// alignment returns what offsets of tensors are multiples of.
func (m *metaReader) alignment() int64 {
	a := m.whole("general.alignment", 32)
	if m.err == nil && (a < 1 || a > 1<<20 || a&(a-1) != 0) {
		m.fail("metadata general.alignment is %d, want a power of two from 1 to %d", a, 1<<20)
	}
	return int64(a)
}

// known lists the hyperparameters, after "llama.", that are used, checked or without effect on the
// arithmetic. Any other could change it, and is refused.
var known = []string{
	"attention.causal",
	"attention.head_count",
	"attention.head_count_kv",
	"attention.key_length",
	"attention.layer_norm_rms_epsilon",
	"attention.sliding_window",
	"attention.value_length",
	"block_count",
	"context_length",
	"embedding_length",
	"expert_count",
	"expert_used_count",
	"feed_forward_length",
	"rope.dimension_count",
	"rope.freq_base",
	"rope.scale_linear",
	"rope.scaling.factor",
	"rope.scaling.finetuned",
	"rope.scaling.original_context_length",
	"rope.scaling.type",
	"tensor_data_layout",
	"vocab_size",
}

// refuseUnsupported fails where the metadata ask for something that the forward pass cannot do.
func (m *metaReader) refuseUnsupported() {
	if arch := m.text("general.architecture"); arch != "llama" {
		m.fail("metadata general.architecture is %s, want llama", plain(arch))
	}
	if n := m.whole("split.count", 1); n > 1 {
		m.fail("one of %d parts (metadata split.count), want a model in one file", n)
	}
	if v := m.whole("general.quantization_version", 2); v != 2 {
		m.fail("metadata general.quantization_version is %d, want 2", v)
	}
	if n := m.whole("llama.expert_count", 0); n > 0 {
		m.fail("mixture of experts is not supported (metadata llama.expert_count is %d)", n)
	}
	if n := m.whole("llama.attention.sliding_window", 0); n > 0 {
		m.fail("sliding-window attention is not supported "+
			"(metadata llama.attention.sliding_window is %d)", n)
	}
	if v := m.meta["llama.attention.causal"]; v != nil && v != true {
		m.fail("attention that is not causal is not supported "+
			"(metadata llama.attention.causal is %v)", v)
	}
	typ := m.text("llama.rope.scaling.type")
	for _, key := range []string{"llama.rope.scaling.factor", "llama.rope.scale_linear"} {
		if v := m.float(key, 1); m.err == nil && v != 1 {
			m.fail("RoPE scaling is not supported (metadata %s is %g, type %s)", key, v, plain(typ))
		}
	}
	if typ != "" && typ != "none" && typ != "linear" { // linear with factor 1 changes nothing
		m.fail("RoPE scaling is not supported (metadata llama.rope.scaling.type is %s)", plain(typ))
	}
	unknown := "" // of several the first in the alphabet, whatever the order of the map
	for key := range m.meta {
		name, ours := strings.CutPrefix(key, "llama.")
		if ours && !slices.Contains(known, name) && (unknown == "" || key < unknown) {
			unknown = key
		}
	}
	if unknown != "" {
		m.fail("metadata %s is not known to this program "+
			"and could change what the model computes",
			plain(unknown))
	}
}

// config puts the Config together. vocabSize is the number of rows of the embedding table; the
// metadata must agree with it where they say something about it.
func (m *metaReader) config(vocabSize int) Config {
	c := Config{
		Dim:       m.need("llama.embedding_length"),
		HiddenDim: m.need("llama.feed_forward_length"),
		NLayers:   m.need("llama.block_count"),
		NHeads:    m.need("llama.attention.head_count"),
		VocabSize: vocabSize,
		SeqLen:    m.need("llama.context_length"),
		NormEps:   m.float("llama.attention.layer_norm_rms_epsilon", 0),
		RopeBase:  m.float("llama.rope.freq_base", 10000),
	}
	c.NKVHeads = m.whole("llama.attention.head_count_kv", c.NHeads)
	if m.meta["llama.attention.layer_norm_rms_epsilon"] == nil {
		m.fail("metadata llama.attention.layer_norm_rms_epsilon is missing")
	}
	if err := c.setHeadDim(m.whole("llama.attention.key_length", 0)); err != nil {
		m.fail("%w", err)
	}
	if n := m.whole("llama.attention.value_length", c.HeadDim); n != c.HeadDim {
		m.fail("metadata llama.attention.value_length is %d, want %d as the keys have",
			n, c.HeadDim)
	}
	if n := m.whole("llama.rope.dimension_count", c.HeadDim); n != c.HeadDim {
		m.fail("rotation of a part of each head is not supported "+
			"(metadata llama.rope.dimension_count is %d, head_dim=%d)", n, c.HeadDim)
	}
	if n := m.whole("llama.vocab_size", vocabSize); n != vocabSize {
		m.fail("metadata llama.vocab_size is %d, but token_embd.weight has %d rows", n, vocabSize)
	}
	if v := m.meta["tokenizer.ggml.tokens"]; v != nil && m.err == nil {
		if tokens, ok := v.([]string); !ok || len(tokens) != vocabSize {
			m.fail("metadata tokenizer.ggml.tokens is %s, but token_embd.weight has %d rows",
				describe(v), vocabSize)
		}
	}
	return c
}

// describe says what an array of metadata is without printing it.
func describe(v any) string {
	if s, ok := v.([]string); ok {
		return fmt.Sprintf("%d strings", len(s))
	}
	return fmt.Sprintf("a %T", v)
}
