//go:build !js

package checkpoint

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"
)

// relative returns a toy with what another architecture has.
func relative(change func(*Config)) toy {
	c := toyConfig
	change(&c)
	return newToy(c, false)
}

var (
	qwen2 = relative(func(c *Config) { c.QKVBias = true })
	qwen3 = relative(func(c *Config) { c.QKNorm, c.HeadDim = true, 12 })
	both  = relative(func(c *Config) { c.QKNorm, c.QKVBias = true, true }) // a qwen3 with attention_bias
)

// A model is the same from both formats: rows of Q and K, and their vectors, come in interleaved
// order whatever the file's is.
func TestArchitecturesOpen(t *testing.T) {
	for name, m := range map[string]toy{"llama": newToy(toyConfig, false), "qwen2": qwen2, "qwen3": qwen3} {
		for _, typ := range []Type{F32, F16, BF16} {
			f, err := openGGUFBytes(m.gguf(t, typ))
			if err != nil {
				t.Fatal(err)
			}
			wantToy(t, f, m, typ)
			hf, err := openFiles(map[string]string{"config.json": m.config(nil), "model.safetensors": string(writeSafetensors(m.safetensors(typ)))})
			if err != nil {
				t.Fatal(err)
			}
			wantToy(t, hf, m, typ)
			if f.Architecture != name || hf.Architecture != name {
				t.Errorf("architectures %s and %s, want %s", f.Architecture, hf.Architecture, name)
			}
		}
	}
	hf, err := openFiles(map[string]string{
		"config.json": both.config(map[string]any{
			"architectures": []string{"Qwen3ForCausalLM"}, "model_type": "qwen3", "attention_bias": true,
		}),
		"model.safetensors": string(writeSafetensors(both.safetensors(F32))),
	})
	if err != nil {
		t.Fatal(err)
	}
	wantToy(t, hf, both, F32)
}

// Rows may be read from any place: heads are read as a whole.
func TestInterleavedRowsFromAnywhere(t *testing.T) {
	f, err := openGGUFBytes(qwen2.gguf(t, Q8_0))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"blk.0.attn_q.weight", "blk.1.attn_k.weight"} {
		tensor, _ := f.Tensor(name)
		size := tensor.Type.RowBytes(tensor.Cols)
		all := make([]byte, tensor.Rows*size)
		if err := f.ReadRows(tensor, 0, tensor.Rows, all); err != nil {
			t.Fatal(err)
		}
		for row := range tensor.Rows {
			for n := range tensor.Rows - row + 1 {
				some := make([]byte, n*size)
				if err := f.ReadRows(tensor, row, n, some); err != nil || !bytes.Equal(some, all[row*size:(row+n)*size]) {
					t.Fatalf("%s: %d rows from row %d are others than when all are read (%v)", name, n, row, err)
				}
			}
		}
	}
}

// The weight that is no number is named as the file counts it, in a vector too.
func TestNoNumberInAnInterleavedVector(t *testing.T) {
	m := relative(func(c *Config) { c.QKVBias = true })
	m.data["blk.1.attn_q.bias"][18] = float32(math.Inf(1)) // pair 1 of head 1 in a head of 16
	f, err := openGGUFBytes(m.gguf(t, F16))
	if err != nil {
		t.Fatal(err)
	}
	tensor, _ := f.Tensor("blk.1.attn_q.bias")
	data := make([]byte, tensor.Bytes())
	if err := f.ReadRows(tensor, 0, 1, data); err != nil {
		t.Fatal(err)
	}
	wantError(t, tensor.CheckNumbers(0, data), "x.gguf: tensor blk.1.attn_q.bias: weight 17 of row 0 is +Inf, want a number")
}

// head_dim 8 and base 10000 have wavelengths 2π, 62.8, 628 and 6283, which make 16, 1.59, 0.159 and 0.0159
// turns in 100 positions. With low 1 and high 4 the second keeps a share of (1.59155-1)/3 = 0.197183: its factor
// is 1 / ((1-0.197183)/8 + 0.197183) = 3.36095.
func TestScalingByHand(t *testing.T) {
	for name, tc := range map[string]struct {
		s    scaling
		want []float32
	}{
		"none":          {scaling{}, nil},
		"linear":        {scaling{typ: "linear", factor: 4}, []float32{4, 4, 4, 4}},
		"linear by one": {scaling{typ: "linear", factor: 1}, nil},
		"llama3":        {scaling{"llama3", 8, 1, 4, 100}, []float32{1, 3.36095, 8, 8}},
	} {
		got := tc.s.factors(10000, 8)
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
			continue
		}
		for i := range got {
			if math.Abs(float64(got[i]-tc.want[i])) > 2e-5 {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
			}
		}
	}
}

// Every way in which a GGUF file says that positions are scaled.
func TestScalingOfGGUF(t *testing.T) {
	m := newToy(toyConfig, false)
	four, freqs := slices.Repeat([]float32{4}, 8), []float32{1, 1, 1, 2, 4, 8, 8, 8}
	tensor := TensorData{Name: ropeFreqs, Cols: 8, Data: encode(F32, freqs)}
	var times2 []float32
	for _, f := range freqs {
		times2 = append(times2, 2*f)
	}
	set := func(pairs ...any) []KV {
		meta := m.meta()
		for i := 0; i < len(pairs); i += 2 {
			meta = with(meta, "llama.rope."+pairs[i].(string), pairs[i+1])
		}
		return meta
	}
	for name, tc := range map[string]struct {
		meta    []KV
		tensors []TensorData
		want    []float32
	}{
		"linear":           {set("scaling.type", "linear", "scaling.factor", float32(4)), nil, four},
		"without a type":   {set("scaling.factor", float32(4)), nil, four},
		"older name":       {set("scale_linear", float32(4)), nil, four},
		"newer decides":    {set("scale_linear", float32(2), "scaling.factor", float32(4)), nil, four},
		"switched off":     {set("scaling.type", "none", "scaling.factor", float32(4)), nil, nil},
		"zero is no value": {set("scaling.type", "linear", "scaling.factor", float32(0)), nil, nil},
		"factors":          {set(), []TensorData{tensor}, freqs},
		"factors and more": {set("scaling.factor", float32(2)), []TensorData{tensor}, times2},
	} {
		f, err := openGGUFBytes(writeGGUF(t, tc.meta, append(m.tensorData(F32), tc.tensors...)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(f.Config.RopeFactors, tc.want) {
			t.Errorf("%s: factors %v, want %v", name, f.Config.RopeFactors, tc.want)
		}
	}
}

// What config.json says of scaling, of windows and of biases, and what it means where it says nothing.
func TestConfigJSONOfArchitectures(t *testing.T) {
	type object = map[string]any
	llama := newToy(toyConfig, false)
	mistral := object{"architectures": []string{"MistralForCausalLM"}, "model_type": "mistral"}
	merge := func(base object, more ...any) object {
		out := object{}
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			out[more[i].(string)] = more[i+1]
		}
		return out
	}
	four := slices.Repeat([]float32{4}, 8)
	linear := object{"rope_type": "linear", "factor": 4}
	for name, tc := range map[string]struct {
		m       toy
		change  object
		factors []float32
		want    string // a reason to refuse; "" if it opens
	}{
		"linear":                     {llama, object{"rope_scaling": linear}, four, ""},
		"linear, older key":          {llama, object{"rope_scaling": object{"type": "linear", "factor": 4.0}}, four, ""},
		"linear, newer place":        {llama, object{"rope_parameters": merge(linear, "rope_theta", 10000.0)}, four, ""},
		"linear, by layer type":      {llama, object{"rope_parameters": object{"full_attention": linear}}, four, ""},
		"linear, told twice":         {llama, object{"rope_scaling": linear, "rope_parameters": linear}, four, ""},
		"linear, attention by 1":     {llama, object{"rope_scaling": merge(linear, "attention_factor", 1.0)}, four, ""},
		"linear of qwen2":            {qwen2, object{"rope_scaling": linear}, four, ""},
		"told twice, not alike":      {llama, object{"rope_scaling": linear, "rope_parameters": merge(linear, "factor", 2)}, nil, "rope_parameters: RoPE scaling is another here than elsewhere"},
		"yarn of qwen2":              {qwen2, object{"rope_scaling": object{"type": "yarn", "factor": 4}}, nil, `rope_scaling: RoPE scaling is not supported (factor is 4, type is "yarn")`},
		"mistral":                    {llama, mistral, nil, ""},
		"mistral, window null":       {llama, merge(mistral, "max_position_embeddings", 5000, "sliding_window", []any(nil)), nil, ""},
		"mistral, window as context": {llama, merge(mistral, "sliding_window", 12), nil, ""},
		"mistral, window":            {llama, merge(mistral, "sliding_window", 11), nil, "sliding-window attention is not supported (sliding_window is 11, the context 12)"},
		"mistral, silent":            {llama, merge(mistral, "max_position_embeddings", 5000), nil, "sliding-window attention is not supported (sliding_window is 4096, the context 5000)"},
		"mistral, heads unsaid":      {llama, merge(mistral, "num_key_value_heads", nil), nil, "n_heads=4 is not a multiple of n_kv_heads=8"},
		"qwen2, switch off":          {qwen2, object{"use_sliding_window": false, "sliding_window": 4}, nil, ""},
		"qwen2, later layers":        {qwen2, object{"use_sliding_window": true, "sliding_window": 4, "max_window_layers": 2}, nil, ""},
		"qwen2, window":              {qwen2, object{"use_sliding_window": true, "sliding_window": 4, "max_window_layers": 1}, nil, "sliding-window attention is not supported (sliding_window is 4, the context 12)"},
		"qwen2, layers say full":     {qwen2, object{"use_sliding_window": true, "sliding_window": 4, "max_window_layers": 0, "layer_types": []string{"full_attention", "full_attention"}}, nil, ""},
		"qwen2, wide window":         {qwen2, object{"sliding_window": 12, "layer_types": []string{"full_attention", "sliding_attention"}}, nil, ""},
		"qwen2, layers say window":   {qwen2, object{"sliding_window": 4, "layer_types": []string{"full_attention", "sliding_attention"}}, nil, "layer 1 has attention of type sliding_attention, want full_attention"},
		"qwen2, by model_type":       {qwen2, object{"architectures": nil}, nil, ""},
		"qwen3, head_dim unsaid":     {qwen3, object{"head_dim": nil}, nil, "tensor model.layers.0.self_attn.q_proj.weight has shape (48, 32), want (512, 32) = (n_heads*head_dim, dim)"},
		"qwen2 without biases":       {llama, object{"architectures": []string{"Qwen2ForCausalLM"}, "model_type": "qwen2"}, nil, "tensor model.layers.0.self_attn.q_proj.bias is missing, want it with shape (n_heads*head_dim)"},
		"qwen3 without norms":        {llama, object{"architectures": []string{"Qwen3ForCausalLM"}, "model_type": "qwen3"}, nil, "tensor model.layers.0.self_attn.q_norm.weight is missing, want it with shape (head_dim)"},
		"llama with biases":          {qwen2, object{"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "attention_bias": true}, nil, ""},
		"llama, biases unsaid":       {qwen2, object{"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama"}, nil, "tensor model.layers.0.self_attn.k_proj.bias: an attention bias of which config.json says nothing is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := openFiles(map[string]string{
				"config.json": tc.m.config(tc.change), "model.safetensors": string(writeSafetensors(tc.m.safetensors(F32))),
			})
			if tc.want != "" {
				if err == nil {
					t.Fatalf("it opens, want %q", tc.want)
				}
				file := "dir/config.json"
				if tc.want[:7] == "tensor " {
					file = "dir/model.safetensors"
				}
				wantReason(t, err, file, tc.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := tc.m.Config
			want.RopeFactors, want.SeqLen = tc.factors, f.Config.SeqLen
			if !reflect.DeepEqual(f.Config, want) {
				t.Errorf("Config = %+v, want %+v", f.Config, want)
			}
		})
	}
}
