//go:build !js

package checkpoint

import (
	"encoding/json"
	"math"
	"strconv"
)

// A jsonReader takes values out of config.json. What it cannot use becomes a reason to refuse the
// model; what it returns then is zero.
type jsonReader struct {
	src     source
	values  map[string]json.RawMessage
	refused *refusal
}

func (j *jsonReader) fail(format string, args ...any) { j.refused.add(j.src, format, args...) }

// there reports whether key is there, with null or another value.
func (j *jsonReader) there(key string) bool {
	_, ok := j.values[key]
	return ok
}

// has reports whether key is there with a value other than null.
func (j *jsonReader) has(key string) bool {
	v, ok := j.values[key]
	return ok && string(v) != "null"
}

// text returns the value at key as written in the file, for errors.
func (j *jsonReader) text(key string) string { return plain(string(j.values[key])) }

// value returns the value at key. Where a file has one value per layer and all are equal, it is one.
func (j *jsonReader) value(key string) json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(j.values[key], &list) != nil || len(list) == 0 {
		return j.values[key]
	}
	for _, v := range list {
		if string(v) != string(list[0]) {
			return j.values[key]
		}
	}
	return list[0]
}

// whole returns the whole number at key, or absent where there is none. Some files write 64.0.
func (j *jsonReader) whole(key string, absent int) int {
	if !j.has(key) {
		return absent
	}
	n, err := strconv.ParseFloat(string(j.value(key)), 64)
	if err != nil || n < 0 || n > math.MaxInt32 || n != math.Trunc(n) {
		j.fail("%s is %s, want a whole number from 0 to %d", key, j.text(key), math.MaxInt32)
		return 0
	}
	return int(n)
}

// need is whole for a key that must be there.
func (j *jsonReader) need(key string) int {
	if !j.has(key) {
		j.fail("%s is missing", key)
		return 0
	}
	return j.whole(key, 0)
}

// float returns the number at key rounded to float32, or absent where there is none.
func (j *jsonReader) float(key string, absent float64) float64 {
	if !j.has(key) {
		return absent
	}
	var v float64
	if err := json.Unmarshal(j.value(key), &v); err != nil {
		j.fail("%s is %s, want a number", key, j.text(key))
		return absent
	}
	return float64(float32(v))
}

// neutral lists the settings of config.json under which a Llama model computes something else than
// our forward pass, each with the one value, besides null, under which it does not.
var neutral = []struct {
	key   string
	value any // nil: only null, or no such key
	what  string
}{
	{"alibi", false, "position bias"},
	{"attention_multiplier", nil, "scaling of activations"},
	{"attn_logit_softcapping", nil, "soft-capping"},
	{"clip_qkv", nil, "clipping"},
	{"embedding_multiplier", 1.0, "scaling of activations"},
	{"final_logit_softcapping", nil, "soft-capping"},
	{"hidden_act", "silu", "another activation than silu"},
	{"is_encoder_decoder", false, "an encoder"},
	{"logit_scale", 1.0, "scaling of activations"},
	{"logits_scaling", 1.0, "scaling of activations"},
	{"mlp_bias", false, "feed-forward bias"},
	{"n_routed_experts", 0.0, "mixture of experts"},
	{"no_rope_layers", nil, "layers without RoPE"},
	{"num_experts", 0.0, "mixture of experts"},
	{"num_local_experts", 0.0, "mixture of experts"},
	{"partial_rotary_factor", 1.0, "rotation of a part of each head"},
	{"qk_layernorm", false, "normalisation of queries and keys"},
	{"qk_norm", false, "normalisation of queries and keys"},
	{"qkv_bias", false, "attention bias"},
	{"quantization_config", nil, "quantised safetensors"},
	{"residual_multiplier", 1.0, "scaling of activations"},
	{"rope_interleaved", false, "interleaved RoPE in a Hugging Face file"},
	{"use_qk_norm", false, "normalisation of queries and keys"},
}

// tying is what config.json says of the classifier.
type tying int

const (
	tieUnsaid tying = iota
	tieYes          // it is the embedding
	tieNo           // it has weights of its own
)

// parseConfig reads the config.json of a model. src names the file in errors. What the model cannot
// run for goes to refused; an error is about the text of the file. Defaults are those of the
// transformers library, but the norm's epsilon and the sequence limit must be there: a wrong guess
// would show only as worse text.
func parseConfig(src source, data []byte, refused *refusal) (c Config, arch architecture, tied tying, err error) {
	j := &jsonReader{src: src, values: map[string]json.RawMessage{}, refused: refused}
	err = object(data, func(key string, value json.RawMessage) error {
		j.values[key] = value
		return nil
	})
	if err != nil {
		return c, arch, tieUnsaid, src.errorf("%w", err)
	}
	arch = j.architecture()
	for _, n := range neutral {
		var v any
		if j.has(n.key) && (json.Unmarshal(j.values[n.key], &v) != nil || v != n.value) {
			j.fail("%s is not supported (%s is %s)", n.what, n.key, j.text(n.key))
		}
	}
	tied = j.tying()
	return j.config(arch), arch, tied, nil
}

// config puts the Config together.
func (j *jsonReader) config(arch architecture) Config {
	rope := j.rope()
	read := len(j.refused.reasons)
	c := Config{
		Dim:       j.need("hidden_size"),
		HiddenDim: j.need("intermediate_size"),
		NLayers:   j.need("num_hidden_layers"),
		NHeads:    j.need("num_attention_heads"),
		VocabSize: j.need("vocab_size"),
		SeqLen:    j.need("max_position_embeddings"),
		NormEps:   j.float("rms_norm_eps", 0),
		RopeBase:  rope.base,
		QKVBias:   j.flag("attention_bias") || arch.qkvBias,
		QKNorm:    arch.qkNorm,
	}
	c.NKVHeads = j.whole("num_key_value_heads", c.NHeads)
	if !j.there("num_key_value_heads") && arch.kvHeads > 0 {
		c.NKVHeads = arch.kvHeads
	}
	if !j.has("rms_norm_eps") {
		j.fail("rms_norm_eps is missing")
	}
	headDim := j.whole("head_dim", 0)
	if !j.there("head_dim") {
		headDim = arch.headDim
	}
	if len(j.refused.reasons) > read { // else more would only follow from it
		return c
	}
	j.refuseWindows(arch, c)
	err := c.setHeadDim(headDim)
	if err == nil {
		c.RopeFactors = rope.scaling.factors(c.RopeBase, c.HeadDim)
		err = c.check()
	}
	if err != nil {
		j.fail("%v", err)
	}
	return c
}

// flag returns the truth value at key, false where there is none.
func (j *jsonReader) flag(key string) bool {
	switch {
	case !j.has(key) || string(j.values[key]) == "false":
		return false
	case string(j.values[key]) != "true":
		j.fail("%s is %s, want true or false", key, j.text(key))
	}
	return true
}

// tying reads tie_word_embeddings.
func (j *jsonReader) tying() tying {
	const key = "tie_word_embeddings"
	switch {
	case !j.has(key):
		return tieUnsaid
	case j.flag(key):
		return tieYes
	}
	return tieNo
}

// architecture returns the architecture, and refuses one that the forward pass does not compute.
func (j *jsonReader) architecture() architecture {
	classes, models := architectureNames(asClass), architectureNames(asModel)
	var names []string
	var model string
	if j.has("architectures") && (json.Unmarshal(j.values["architectures"], &names) != nil || len(names) != 1) {
		j.fail("architectures is %s, want a list of %s", j.text("architectures"), classes)
		return architectures[0]
	}
	if j.has("model_type") && json.Unmarshal(j.values["model_type"], &model) != nil {
		j.fail("model_type is %s, want %s", j.text("model_type"), models)
		return architectures[0]
	}
	switch {
	case len(names) == 1:
		arch, ok := findArchitecture(names[0], asClass)
		if !ok {
			j.fail("architectures is %s, want %s", plain(names[0]), classes)
		} else if model != "" && model != arch.model {
			j.fail("model_type is %s, want %s as architectures is %s", plain(model), arch.model, arch.class)
		}
		return arch
	case model != "":
		arch, ok := findArchitecture(model, asModel)
		if !ok {
			j.fail("model_type is %s, want %s", plain(model), models)
		}
		return arch
	}
	j.fail("neither architectures nor model_type is there, want %s", classes)
	return architectures[0]
}

// refuseWindows refuses layers that attend to less than the whole text.
func (j *jsonReader) refuseWindows(arch architecture, c Config) {
	window := j.whole("sliding_window", 0)
	if !j.there("sliding_window") {
		window = arch.window
	}
	harmless := window >= c.SeqLen
	var types []string
	if j.has("layer_types") && json.Unmarshal(j.values["layer_types"], &types) != nil {
		j.fail("layer_types is %s, want a list of names", j.text("layer_types"))
	}
	for i, t := range types {
		if t != "full_attention" && (t != "sliding_attention" || !harmless) {
			j.fail("layer %d has attention of type %s, want full_attention", i, plain(t))
		}
	}
	if arch.windowSwitch && (len(types) > 0 || !j.flag("use_sliding_window") || j.whole("max_window_layers", 28) >= c.NLayers) {
		return
	}
	if windowed := j.has("sliding_window") || window > 0; windowed && !harmless {
		j.fail("sliding-window attention is not supported (sliding_window is %d, the context %d)", window, c.SeqLen)
	}
}

func asModel(a architecture) string { return a.model }
func asClass(a architecture) string { return a.class }
