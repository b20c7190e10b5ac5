//go:build !js

package checkpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A jsonReader takes values out of config.json. It keeps its first error; what it returns after
// that is zero.
type jsonReader struct {
	src    source
	values map[string]json.RawMessage
	err    error
}

func (j *jsonReader) fail(format string, args ...any) {
	if j.err == nil {
		j.err = j.src.errorf(format, args...)
	}
}

// has reports whether key is there with a value other than null.
func (j *jsonReader) has(key string) bool {
	v, ok := j.values[key]
	return ok && string(v) != "null"
}

// text returns the value at key as written in the file, for errors.
func (j *jsonReader) text(key string) string { return plain(string(j.values[key])) }

// whole returns the whole number at key, or absent where there is none.
func (j *jsonReader) whole(key string, absent int) int {
	if !j.has(key) {
		return absent
	}
	n, err := strconv.ParseInt(string(j.values[key]), 10, 32)
	if err != nil || n < 0 {
		j.fail("%s is %s, want a whole number from 0 to %d", key, j.text(key), math.MaxInt32)
		return 0
	}
	return int(n)
}

// need is whole for a key that must be there.
func (j *jsonReader) need(key string) int {
	if !j.has(key) {
		j.fail("%s is missing", key)
	}
	return j.whole(key, 0)
}

// float returns the number at key rounded to float32, or absent where there is none.
func (j *jsonReader) float(key string, absent float64) float64 {
	if !j.has(key) {
		return absent
	}
	var v float64
	if err := json.Unmarshal(j.values[key], &v); err != nil {
		j.fail("%s is %s, want a number", key, j.text(key))
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

// parseConfig reads the config.json of a LlamaForCausalLM. src names the file in errors. tied is
// tie_word_embeddings. Defaults are those of LlamaConfig in the transformers library, but the
// norm's epsilon and the sequence limit must be there: a wrong guess would show only as worse text.
func parseConfig(src source, data []byte) (c Config, tied bool, err error) {
	j := &jsonReader{src: src, values: map[string]json.RawMessage{}}
	err = object(data, func(key string, value json.RawMessage) error {
		j.values[key] = value
		return nil
	})
	if err != nil {
		return c, false, src.errorf("%w", err)
	}
	j.architecture()
	for _, n := range neutral {
		var v any
		if j.has(n.key) && (json.Unmarshal(j.values[n.key], &v) != nil || v != n.value) {
			j.fail("%s is not supported (%s is %s)", n.what, n.key, j.text(n.key))
		}
	}
	j.layerTypes()
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
	tie := j.values["tie_word_embeddings"]
	if j.has("tie_word_embeddings") && json.Unmarshal(tie, &tied) != nil {
		j.fail("tie_word_embeddings is %s, want true or false", j.text("tie_word_embeddings"))
	}
	if j.err == nil {
		err := c.setHeadDim(j.whole("head_dim", 0))
		if err == nil {
			err = c.check()
		}
		if err != nil {
			j.fail("%w", err)
		}
	}
	return c, tied, j.err
}

// architecture refuses everything but LlamaForCausalLM.
func (j *jsonReader) architecture() {
	var names []string
	if j.has("architectures") && json.Unmarshal(j.values["architectures"], &names) != nil {
		j.fail("architectures is %s, want [\"LlamaForCausalLM\"]", j.text("architectures"))
	}
	if j.has("architectures") && !slices.Equal(names, []string{"LlamaForCausalLM"}) {
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
	base := j.float("rope_theta", 10000)
	given := j.has("rope_theta")
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		if !j.has(key) {
			continue
		}
		err := object(j.values[key], func(k string, v json.RawMessage) error {
			inner := &jsonReader{src: j.src, values: map[string]json.RawMessage{k: v}}
			switch {
			case !inner.has(k):
				return nil
			case (k == "rope_type" || k == "type") && string(v) == `"default"`:
				return nil
			case k == "partial_rotary_factor" && inner.float(k, 0) == 1:
				return nil
			case k == "rope_theta":
				theta := inner.float(k, 0)
				if inner.err != nil {
					j.fail("%s: rope_theta is %s, want a number", key, plain(string(v)))
				}
				if given && theta != base {
					return fmt.Errorf("rope_theta is %g here and %g elsewhere", theta, base)
				}
				base, given = theta, true
				return nil
			}
			return fmt.Errorf("RoPE scaling is not supported (%s is %s)",
				plain(k), plain(string(v)))
		})
		if err != nil {
			j.fail("%s: %w", key, err)
		}
	}
	return base
}
