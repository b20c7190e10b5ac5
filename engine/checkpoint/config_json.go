//go:build !js

package checkpoint

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A jsonReader takes values out of config.json. What it cannot use becomes a reason to refuse the
// model; what it returns then is zero.
type jsonReader struct {
	src     source
	values  map[string]json.RawMessage
	refused *refusal
}

func (j *jsonReader) fail(format string, args ...any) { j.refused.add(j.src, format, args...) }

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
	{"attention_bias", false, "attention bias"},
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
	{"sliding_window", nil, "sliding-window attention"},
	{"use_qk_norm", false, "normalisation of queries and keys"},
}

// tying is what config.json says of the classifier.
type tying int

const (
	tieUnsaid tying = iota
	tieYes          // it is the embedding
	tieNo           // it has weights of its own
)

// parseConfig reads the config.json of a LlamaForCausalLM. src names the file in errors. What the
// model cannot run for goes to refused; an error is about the text of the file. Defaults are those of LlamaConfig in the transformers library, but the
// norm's epsilon and the sequence limit must be there: a wrong guess would show only as worse text.
func parseConfig(src source, data []byte, refused *refusal) (c Config, tied tying, err error) {
	j := &jsonReader{src: src, values: map[string]json.RawMessage{}, refused: refused}
	err = object(data, func(key string, value json.RawMessage) error {
		j.values[key] = value
		return nil
	})
	if err != nil {
		return c, tieUnsaid, src.errorf("%w", err)
	}
	j.architecture()
	for _, n := range neutral {
		var v any
		if j.has(n.key) && (json.Unmarshal(j.values[n.key], &v) != nil || v != n.value) {
			j.fail("%s is not supported (%s is %s)", n.what, n.key, j.text(n.key))
		}
	}
	j.layerTypes()
	read := len(refused.reasons)
	c = Config{
		Dim:       j.need("hidden_size"),
		HiddenDim: j.need("intermediate_size"),
		NLayers:   j.need("num_hidden_layers"),
		NHeads:    j.need("num_attention_heads"),
		VocabSize: j.need("vocab_size"),
		SeqLen:    j.need("max_position_embeddings"),
		NormEps:   j.float("rms_norm_eps", 0),
		RopeBase:  j.ropeBase(),
	}
	c.NKVHeads = j.whole("num_key_value_heads", c.NHeads)
	if !j.has("rms_norm_eps") {
		j.fail("rms_norm_eps is missing")
	}
	tied = j.tying()
	headDim := j.whole("head_dim", 0)
	if len(refused.reasons) > read { // else more would only follow from it
		return c, tied, nil
	}
	err = c.setHeadDim(headDim)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		j.fail("%v", err)
	}
	return c, tied, nil
}

// tying reads tie_word_embeddings.
func (j *jsonReader) tying() tying {
	const key = "tie_word_embeddings"
	if !j.has(key) {
		return tieUnsaid
	}
	switch string(j.values[key]) {
	case "true":
		return tieYes
	case "false":
		return tieNo
	}
	j.fail("%s is %s, want true or false", key, j.text(key))
	return tieUnsaid
}

// architecture refuses everything but LlamaForCausalLM.
func (j *jsonReader) architecture() {
	var names []string
	if j.has("architectures") && json.Unmarshal(j.values["architectures"], &names) != nil {
		j.fail("architectures is %s, want [\"LlamaForCausalLM\"]", j.text("architectures"))
	} else if j.has("architectures") && !slices.Equal(names, []string{"LlamaForCausalLM"}) {
		j.fail("architectures is %s, want LlamaForCausalLM", plain(strings.Join(names, ",")))
	}
	var model string
	err := json.Unmarshal(j.values["model_type"], &model)
	if j.has("model_type") && (err != nil || model != "llama") {
		j.fail("model_type is %s, want llama", j.text("model_type"))
	}
	if !j.has("architectures") && !j.has("model_type") {
		j.fail("neither architectures nor model_type is there, want LlamaForCausalLM")
	}
}

// layerTypes refuses layers other than those of full attention.
func (j *jsonReader) layerTypes() {
	var types []string
	if j.has("layer_types") && json.Unmarshal(j.values["layer_types"], &types) != nil {
		j.fail("layer_types is %s, want a list of names", j.text("layer_types"))
	}
	for i, t := range types {
		if t != "full_attention" {
			j.fail("layer %d has attention of type %s, want full_attention", i, plain(t))
		}
	}
}

// ropeBase returns rope_theta, which newer files keep in rope_parameters, and refuses RoPE scaling.
func (j *jsonReader) ropeBase() float64 {
	r := rope{j: j, base: j.float("rope_theta", 10000), given: j.has("rope_theta")}
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		if j.has(key) {
			r.read(key, j.values[key])
		}
	}
	return r.base
}

// rope is what config.json says of rotation.
type rope struct {
	j     *jsonReader
	base  float64
	given bool // base is from the file
}

// read reads an object of settings. A factor of 1 changes nothing, whatever the type of scaling that
// it belongs to.
func (r *rope) read(key string, value json.RawMessage) {
	inner := &jsonReader{src: r.j.src, values: map[string]json.RawMessage{}, refused: r.j.refused}
	err := object(value, func(k string, v json.RawMessage) error {
		inner.values[k] = v
		return nil
	})
	if err != nil {
		r.j.fail("%s: %v", key, err)
		return
	}
	neutral := inner.has("factor") && inner.float("factor", 0) == 1
	var scaling []string
	for _, k := range slices.Sorted(maps.Keys(inner.values)) {
		v := string(inner.values[k])
		switch {
		case !inner.has(k):
		case k == "rope_theta":
			r.theta(key, inner)
		case k == "full_attention": // transformers 5 has settings for each type of layer
			r.read(key, inner.values[k])
		case (k == "rope_type" || k == "type") && v == `"default"`:
		case k == "partial_rotary_factor" && inner.float(k, 0) == 1:
		case neutral && v != `"dynamic"` && v != `"longrope"`: // these have effects beside the factor
		default:
			scaling = append(scaling, plain(k)+" is "+plain(v))
		}
	}
	if len(scaling) > 0 {
		r.j.fail("%s: RoPE scaling is not supported (%s)", key, strings.Join(scaling, ", "))
	}
}

// theta takes the base out of an object of settings.
func (r *rope) theta(key string, inner *jsonReader) {
	var theta float64
	if json.Unmarshal(inner.values["rope_theta"], &theta) != nil {
		r.j.fail("%s: rope_theta is %s, want a number", key, inner.text("rope_theta"))
		return
	}
	theta = float64(float32(theta))
	if r.given && theta != r.base {
		r.j.fail("%s: rope_theta is %g here and %g elsewhere", key, theta, r.base)
		return
	}
	r.base, r.given = theta, true
}
