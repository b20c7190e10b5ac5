package checkpoint

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// A metaReader takes values out of GGUF metadata. What it cannot use becomes a reason to refuse the
// model; what it returns then is zero.
type metaReader struct {
	src     source
	meta    map[string]any
	prefix  string // the name of the architecture, with which the keys of sizes begin
	arch    architecture
	scaled  scaling // of the metadata, once refuseUnsupported has read it
	refused *refusal
}

func newMetaReader(src source, meta map[string]any, refused *refusal) *metaReader {
	m := &metaReader{src: src, meta: meta, refused: refused}
	m.prefix, _ = meta["general.architecture"].(string)
	m.arch, _ = findArchitecture(m.prefix, inGGUF)
	if m.prefix == "" {
		m.prefix = m.arch.gguf
	}
	return m
}

func (m *metaReader) fail(format string, args ...any) { m.refused.add(m.src, format, args...) }

// key returns the full key of a hyperparameter.
func (m *metaReader) key(name string) string { return m.prefix + "." + name }

// value returns the value at key. Where a file has one value per layer and all are equal, it is one.
func (m *metaReader) value(key string) any {
	v := m.meta[key]
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice || list.Len() == 0 || list.Type().Elem().Kind() == reflect.String || !list.Index(0).Comparable() {
		return v
	}
	first := list.Index(0).Interface()
	for i := range list.Len() {
		if other := list.Index(i).Interface(); other != first {
			m.fail("layers that differ are not supported (metadata %s holds %v and %v)", plain(key), first, other)
			return nil
		}
	}
	return first
}

// whole returns the whole number at key, or absent where the key is not there.
func (m *metaReader) whole(key string, absent int) int {
	var n uint64
	var negative bool
	value := m.value(key)
	switch v := value.(type) {
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
		m.fail("metadata %s is a %T, want one whole number", plain(key), v)
		return 0
	}
	if negative || n > math.MaxInt32 {
		m.fail("metadata %s is %v, want 0 to %d", plain(key), value, math.MaxInt32)
		return 0
	}
	return int(n)
}

// need is whole for a key that must be there.
func (m *metaReader) need(key string) int {
	if m.meta[key] == nil {
		m.fail("metadata %s is missing", plain(key))
		return 0
	}
	return m.whole(key, 0)
}

// float returns the number at key, or absent where the key is not there.
func (m *metaReader) float(key string, absent float64) float64 {
	switch v := m.value(key).(type) {
	case nil:
		return absent
	case float32:
		return float64(v)
	case float64:
		return v
	case uint32:
		return float64(v)
	case int32:
		return float64(v)
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	default:
		m.fail("metadata %s is a %T, want a float", plain(key), v)
		return absent
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
		m.fail("metadata %s is a %T, want a string", plain(key), v)
		return ""
	}
}

// alignment returns what offsets of tensors are multiples of, 0 where the file says nonsense.
func (m *metaReader) alignment() int64 {
	a := m.whole("general.alignment", 32)
	if a < 1 || a > 1<<20 || a&(a-1) != 0 {
		m.fail("metadata general.alignment is %d, want a power of two from 1 to %d", a, 1<<20)
		return 0
	}
	return int64(a)
}

// isPart reports whether the file is one part of several, which says nothing more about the model,
// and refuses it.
func (m *metaReader) isPart() bool {
	n := m.whole("split.count", 1)
	if n <= 1 {
		return false
	}
	which := fmt.Sprintf("one of %d parts", n)
	if m.meta["split.no"] != nil {
		which = fmt.Sprintf("part %d of %d", m.whole("split.no", 0)+1, n)
	}
	m.fail("%s (metadata split.count), want a model in one file; llama-gguf-split --merge joins the parts", which)
	return true
}

// known lists the hyperparameters, after the architecture, that are used, checked or without effect
// on the arithmetic. Any other could change it, and is refused.
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
	"rope.scaling.attn_factor",
	"rope.scaling.factor",
	"rope.scaling.finetuned",
	"rope.scaling.original_context_length",
	"rope.scaling.type",
	"tensor_data_layout",
	"vocab_size",
}

// refuseUnsupported fails where the metadata ask for something that the forward pass cannot do.
func (m *metaReader) refuseUnsupported() {
	if name := m.text("general.architecture"); name != m.arch.gguf {
		m.fail("metadata general.architecture is %s, want %s", plain(name), architectureNames(inGGUF))
	}
	if v := m.whole("general.quantization_version", 2); v != 2 {
		m.fail("metadata general.quantization_version is %d, want 2", v)
	}
	if n := m.whole(m.key("expert_count"), 0); n > 0 {
		m.fail("mixture of experts is not supported (metadata %s is %d)", plain(m.key("expert_count")), n)
	}
	window := m.key("attention.sliding_window")
	if n := m.whole(window, 0); n > 0 {
		if context := m.whole(m.key("context_length"), math.MaxInt32); n < context {
			m.fail("sliding-window attention is not supported (metadata %s is %d, the context %d)", plain(window), n, context)
		}
	}
	if v := m.meta[m.key("attention.causal")]; v != nil && v != true {
		m.fail("attention that is not causal is not supported (metadata %s is %v)", plain(m.key("attention.causal")), v)
	}
	m.scaled = m.scaling()
	var unknown []string
	for key := range m.meta {
		name, ours := strings.CutPrefix(key, m.prefix+".")
		if ours && !slices.Contains(known, name) {
			unknown = append(unknown, key)
		}
	}
	for _, key := range sorted(unknown) {
		m.fail("metadata %s is not known to this program and could change what the model computes", plain(key))
	}
}

// config puts the Config together.
func (m *metaReader) config(found map[string]*Tensor) Config {
	epsilon := m.key("attention.layer_norm_rms_epsilon")
	if m.meta[epsilon] == nil {
		m.fail("metadata %s is missing", plain(epsilon))
	}
	c := Config{
		Dim:       m.need(m.key("embedding_length")),
		HiddenDim: m.need(m.key("feed_forward_length")),
		NLayers:   m.need(m.key("block_count")),
		NHeads:    m.need(m.key("attention.head_count")),
		VocabSize: m.vocabSize(found),
		SeqLen:    m.need(m.key("context_length")),
		NormEps:   m.float(epsilon, 0),
		RopeBase:  m.float(m.key("rope.freq_base"), 10000),
		QKVBias:   m.arch.qkvBias || hasBias(found),
		QKNorm:    m.arch.qkNorm,
	}
	c.NKVHeads = m.whole(m.key("attention.head_count_kv"), c.NHeads)
	if c.NHeads == 0 && m.meta[m.key("attention.head_count")] == nil {
		return c
	}
	if err := c.setHeadDim(m.whole(m.key("attention.key_length"), 0)); err != nil {
		m.fail("%v", err)
		return c
	}
	if n := m.whole(m.key("attention.value_length"), c.HeadDim); n != c.HeadDim {
		m.fail("metadata %s is %d, want %d as the keys have", plain(m.key("attention.value_length")), n, c.HeadDim)
	}
	if n := m.whole(m.key("rope.dimension_count"), c.HeadDim); n != c.HeadDim {
		m.fail("rotation of a part of each head is not supported (metadata %s is %d, head_dim=%d)",
			plain(m.key("rope.dimension_count")), n, c.HeadDim)
	}
	c.RopeFactors = m.ropeFactors(c, found)
	return c
}

// hasBias reports whether queries, keys or values have a bias that changes something.
func hasBias(found map[string]*Tensor) bool {
	for name, t := range found {
		for _, part := range []string{".attn_q.bias", ".attn_k.bias", ".attn_v.bias"} {
			if strings.HasSuffix(name, part) && !t.unreadable && !t.neutral() {
				return true
			}
		}
	}
	return false
}

// vocabSize returns how many tokens the model has. Where a file says so, the embedding and the
// classifier may have more rows: they are padded to a size that suits some hardware, and no token
// stands for the rest. With fewer rows the tokens without one are the tokenizer's affair.
func (m *metaReader) vocabSize(found map[string]*Tensor) int {
	rows := found["token_embd.weight"].Rows
	if output := found["output.weight"]; output != nil {
		rows = min(rows, output.Rows)
	}
	tokens := 0
	if v := m.meta["tokenizer.ggml.tokens"]; v != nil {
		list, ok := v.([]string)
		if !ok {
			m.fail("metadata tokenizer.ggml.tokens is a %T, want strings", v)
		}
		tokens = len(list)
	}
	key := m.key("vocab_size")
	declared := m.whole(key, 0)
	if declared > rows && tokens <= rows {
		m.fail("metadata %s is %d, but token_embd.weight has %d rows", plain(key), declared, rows)
	}
	if declared = max(declared, tokens); declared == 0 {
		return rows
	}
	return min(rows, declared)
}
