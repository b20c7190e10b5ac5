//go:build !js

package checkpoint

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

func TestConfigJSONRefuses(t *testing.T) {
	m := newToy(specimen, false)
	weights := string(writeSafetensors(m.safetensors(F32)))
	type object = map[string]any
	for _, tc := range []struct {
		key   string
		value any
		want  string
	}{
		{"architectures", []string{"Gemma3ForCausalLM"}, "architectures is Gemma3ForCausalLM, want LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM"},
		{"architectures", []string{"Qwen2ForSequenceClassification"}, "architectures is Qwen2ForSequenceClassification, want LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM"},
		{"architectures", []string{"MistralForCausalLM"}, "model_type is llama, want mistral as architectures is MistralForCausalLM"},
		{"architectures", "LlamaForCausalLM", `architectures is "LlamaForCausalLM", want a list of LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM`},
		{"model_type", "qwen2", "model_type is qwen2, want llama as architectures is LlamaForCausalLM"},
		{"model_type", 3, "model_type is 3, want llama, mistral, qwen2 or qwen3"},
		{"hidden_act", "gelu", `another activation than silu is not supported (hidden_act is "gelu")`},
		{"attention_bias", 1, "attention_bias is 1, want true or false"},
		{"mlp_bias", true, "feed-forward bias is not supported (mlp_bias is true)"},
		{"sliding_window", 1, "sliding-window attention is not supported (sliding_window is 1, the context 2)"},
		{"sliding_window", 0, "sliding-window attention is not supported (sliding_window is 0, the context 2)"},
		{"num_local_experts", 8, "mixture of experts is not supported (num_local_experts is 8)"},
		{"partial_rotary_factor", 0.5, "rotation of a part of each head is not supported (partial_rotary_factor is 0.5)"},
		{"quantization_config", object{"bits": 4}, `quantised safetensors is not supported (quantization_config is {"bits":4})`},
		{"layer_types", []string{"full_attention", "sliding_attention"},
			"layer 1 has attention of type sliding_attention, want full_attention"},
		{"rope_scaling", object{"rope_type": "llama3", "factor": 8},
			"rope_scaling: low_freq_factor is missing, which scaling of type llama3 needs"},
		{"rope_scaling", object{"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 64},
			"rope_scaling: low_freq_factor is 4 and high_freq_factor 4, want the first to be less"},
		{"rope_scaling", object{"type": "linear", "factor": -2}, "rope_scaling: factor is -2, want a number above 0"},
		{"rope_scaling", object{"type": "linear", "factor": 2, "attention_factor": 0.5},
			"rope_scaling: RoPE scaling is not supported (attention_factor is 0.5)"},
		{"rope_scaling", object{"type": "yarn", "factor": 1, "attention_factor": 0.5},
			"rope_scaling: RoPE scaling is not supported (attention_factor is 0.5)"},
		{"rope_scaling", object{"type": "dynamic", "factor": 2}, `rope_scaling: RoPE scaling is not supported (factor is 2, type is "dynamic")`},
		{"rope_scaling", object{"factor": 2}, "rope_scaling: RoPE scaling is not supported (factor is 2)"},
		{"rope_scaling", object{"type": "yarn"}, `rope_scaling: RoPE scaling is not supported (type is "yarn")`},
		{"rope_scaling", "yarn", "rope_scaling: does not begin with a JSON object"},
		{"rope_parameters", object{"rope_type": "linear"},
			"rope_parameters: factor is missing, which scaling of type linear needs"},
		{"rope_parameters", object{"rope_theta": "x"}, `rope_parameters: rope_theta is "x", want a number`},
		{"rope_parameters", object{"rope_theta": 1}, "rope_base=1, want 1 < rope_base <= 1e12"},
		{"rope_theta", "x", `rope_theta is "x", want a number`},
		{"hidden_size", nil, "hidden_size is missing"},
		{"hidden_size", 4.5, "hidden_size is 4.5, want a whole number from 0 to 2147483647"},
		{"hidden_size", -4, "hidden_size is -4, want a whole number from 0 to 2147483647"},
		{"hidden_size", []int{4, 8}, "hidden_size is [4,8], want a whole number from 0 to 2147483647"},
		{"hidden_size", 1 << 40, "hidden_size is 1099511627776, want a whole number from 0 to 2147483647"},
		{"rms_norm_eps", nil, "rms_norm_eps is missing"},
		{"rms_norm_eps", 0, "norm_eps=0, want 0 < norm_eps < 1"},
		{"num_attention_heads", 0, "n_heads=0, want 1 to 1024"},
		{"head_dim", 6, "head_dim=6, want a multiple of 4"},
		{"tie_word_embeddings", "yes", `tie_word_embeddings is "yes", want true or false`},
	} {
		_, err := openFiles(map[string]string{
			"config.json": m.config(map[string]any{tc.key: tc.value}), "model.safetensors": weights,
		})
		wantReason(t, err, "dir/config.json", tc.want)
	}
	for text, want := range map[string]string{
		"":               "an empty file, want a JSON object",
		"hello":          "does not begin with a JSON object",
		"[1]":            "does not begin with a JSON object",
		`{"a": 1`:        "JSON, byte 7: EOF",
		`{"a": }`:        "JSON, byte 5: invalid character '}' looking for beginning of value",
		`{"a":1,"a":2}`:  "JSON, byte 10: a occurs twice",
		`{"a": 1} {}`:    "JSON, byte 8: more text after the object",
		`{"head_dim":4}`: "neither architectures nor model_type is there, want LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM",
	} {
		_, err := openFiles(map[string]string{"config.json": text, "model.safetensors": weights})
		wantReason(t, err, "dir/config.json", want)
	}
}

// Settings that are neutral, absent or in the newer place open as the same model.
func TestConfigJSONNewerForms(t *testing.T) {
	m := newToy(specimen, false)
	m.RopeBase = 500000
	f, err := openFiles(map[string]string{
		"model.safetensors": string(writeSafetensors(m.safetensors(F32))),
		"config.json": m.config(map[string]any{
			"architectures": nil, "hidden_act": nil, "num_key_value_heads": nil, "head_dim": nil,
			"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 500000.0, "partial_rotary_factor": 1.0},
			"num_experts":     0, "partial_rotary_factor": 1.0, "rope_interleaved": false, "layer_types": []string{"full_attention"},
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, f, m, F32)
	_, err = openFiles(map[string]string{"config.json": m.config(map[string]any{
		"rope_theta": 10000.0, "rope_parameters": map[string]any{"rope_theta": 500000.0},
	})})
	wantReason(t, err, "dir/config.json", "rope_parameters: rope_theta is 500000 here and 10000 elsewhere")
}

func TestSafetensorsRefusesDamage(t *testing.T) {
	m := newToy(specimen, false)
	good := string(writeSafetensors(m.safetensors(F32)))
	header := func(entries string) string { return string(rawSafetensors("{" + entries + "}")) }
	entry := func(name, dtype, shape string, begin, end int) string {
		return fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, dtype, shape, begin, end)
	}
	length := func(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) + good[8:] }
	weights := strings.Repeat("\x00", 32)
	for _, tc := range []struct{ name, b, want string }{
		{"empty", "", "0 bytes, want a safetensors header (file cut short?)"},
		{"header past the end", length(5000),
			"header of 5000 bytes, want at most 1668 in a file of 1676 bytes (file cut short, or not safetensors?)"},
		{"header 2^63", length(1 << 63), "header of 9223372036854775808 bytes, want at most 1668 " +
			"in a file of 1676 bytes (file cut short, or not safetensors?)"},
		{"not JSON", "\x03\x00\x00\x00\x00\x00\x00\x00abc", "does not begin with a JSON object"},
		{"twice", header(entry("a", "F32", "[4]", 0, 16)+","+entry("a", "F32", "[4]", 16, 32)) + weights,
			"JSON, byte 58: a occurs twice"},
		{"entry is no object", header(`"a":[]`),
			"tensor a: want dtype, shape and data_offsets: json: cannot unmarshal array into Go value of type checkpoint.entry"},
		{"no offsets", header(`"a":{"dtype":"F32","shape":[1]}`),
			"tensor a: data_offsets are [], want [begin, end] in the 0 bytes of weights (file cut short?)"},
		{"offsets past the end", header(entry("a", "F32", "[9]", 0, 36)) + weights,
			"tensor a: data_offsets are [0 36], want [begin, end] in the 32 bytes of weights (file cut short?)"},
		{"offsets backwards", header(entry("a", "F32", "[1]", 8, 4)) + weights,
			"tensor a: data_offsets are [8 4], want [begin, end] in the 32 bytes of weights (file cut short?)"},
		{"dtype", header(entry("a", "F8_E4M3", "[32]", 0, 32)) + weights,
			"tensor a: dtype is F8_E4M3, want F32, F16 or BF16"},
		{"scalar", header(entry("a", "F32", "[]", 0, 4)) + weights, "tensor a: shape is [], want 1 or 2 dimensions"},
		{"three dimensions", header(entry("a", "F32", "[2,2,2]", 0, 32)) + weights,
			"tensor a: shape is [2 2 2], want 1 or 2 dimensions"},
		{"many dimensions", header(entry("a", "F32", "[1,1,1,1,1,8]", 0, 32)) + weights,
			"tensor a: shape is a list of 6, want 1 or 2 dimensions"},
		{"no rows", header(entry("a", "F32", "[0,4]", 0, 0)) + weights,
			"tensor a: shape is [0 4], want sizes from 1 to 2147483647"},
		{"2^60 elements", header(entry("a", "F32", "[1152921504606846976]", 0, 32)) + weights,
			"tensor a: shape is [1152921504606846976], want sizes from 1 to 2147483647"},
		// 2^30 * 2^30 elements of 4 bytes are 0 modulo 2^62.
		{"product overflows", header(entry("a", "F32", "[1073741824,1073741824]", 0, 0)) + weights,
			"tensor a: 0 bytes, want 1152921504606846976 elements of F32 as its shape [1073741824 1073741824] says"},
		{"size", header(entry("a", "F32", "[4]", 0, 15)) + weights,
			"tensor a: 15 bytes, want 4 elements of F32 as its shape [4] says"},
		{"overlap", header(entry("a", "F32", "[4]", 0, 16)+","+entry("b", "F32", "[4]", 12, 28)) + weights,
			"tensor b begins at byte 130, inside tensor a, which ends at byte 134"},
		{"gap", header(entry("a", "F32", "[3]", 0, 12)+","+entry("b", "F32", "[4]", 16, 32)) + weights,
			"4 bytes between tensor a and tensor b belong to no tensor"},
		{"more bytes", good + "\x00", "the file has 1677 bytes, want 1676 for the tensors it declares"},
		{"tensor missing", header(entry("a", "F32", "[8]", 0, 32)) + weights,
			"tensor model.embed_tokens.weight is missing, want it with shape (vocab_size, dim)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := openFiles(map[string]string{"config.json": m.config(nil), "model.safetensors": tc.b})
			wantReason(t, err, "dir/model.safetensors", tc.want)
		})
	}
	for n := range len(good) {
		if _, err := openFiles(map[string]string{"config.json": m.config(nil), "model.safetensors": good[:n]}); err == nil {
			t.Fatalf("the first %d of %d bytes open", n, len(good))
		}
	}
}

func TestSafetensorsRefusesTensors(t *testing.T) {
	m := newToy(specimen, false)
	for name, want := range map[string]string{
		"model.layers.0.self_attn.q_proj.bias":   "an attention bias of which config.json says nothing is not supported",
		"model.layers.0.self_attn.o_proj.bias":   "attention bias is only supported for queries, keys and values",
		"model.layers.0.mlp.up_proj.bias":        "feed-forward bias is not supported",
		"model.layers.0.self_attn.q_norm.weight": "normalisation of queries and keys is not supported in this architecture",
		"model.layers.3.mlp.up_proj.weight":      "layer 3 of a model with n_layers=1",
		"score.weight":                           "not part of a Llama model as this program knows it, and may not be ignored",
	} {
		tensors := m.safetensors(F32)
		tensors[name] = st{"F32", []int{4}, encode(F32, normals(name, 4))}
		_, err := openFiles(map[string]string{
			"config.json": m.config(nil), "model.safetensors": string(writeSafetensors(tensors)),
		})
		wantReason(t, err, "dir/model.safetensors", "tensor "+name+": "+want)
	}
	_, err := openFiles(map[string]string{"config.json": m.config(nil), "a.safetensors": "", "b.safetensors": ""})
	wantError(t, err, "dir: holds 2 *.safetensors files (a.safetensors, b.safetensors), want one, model.safetensors or "+indexName)
	_, err = openFiles(map[string]string{"model.safetensors": ""})
	wantError(t, err, "dir: there is no config.json, which model.safetensors needs beside it")
}
