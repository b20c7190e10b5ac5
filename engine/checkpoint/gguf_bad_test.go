//go:build !js

package checkpoint

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"testing"
)

// with returns meta with one entry set, or removed where value is nil.
func with(meta []KV, key string, value any) []KV {
	out := slices.DeleteFunc(slices.Clone(meta), func(kv KV) bool { return kv.Key == key })
	if value != nil {
		out = append(out, KV{key, value})
	}
	return out
}

func TestGGUFRefusesWhatWeCannotCompute(t *testing.T) {
	m := newToy(specimen, false)
	for _, tc := range []struct {
		key   string
		value any
		want  string
	}{
		{"general.architecture", "gemma3", "metadata general.architecture is gemma3, want llama, qwen2 or qwen3"},
		{"general.architecture", "mistral", "metadata general.architecture is mistral, want llama, qwen2 or qwen3"},
		{"general.architecture", "qwen2", "metadata qwen2.block_count is missing"},
		{"general.architecture", nil, `metadata general.architecture is "", want llama, qwen2 or qwen3`},
		{"general.architecture", "a b\n", `metadata general.architecture is "a b\n", want llama, qwen2 or qwen3`},
		{"general.architecture", uint8(1), "metadata general.architecture is a uint8, want a string"},
		{"split.count", uint16(3), "one of 3 parts (metadata split.count), want a model in one file; llama-gguf-split --merge joins the parts"},
		{"general.quantization_version", uint32(1), "metadata general.quantization_version is 1, want 2"},
		{"llama.expert_count", uint32(8), "mixture of experts is not supported (metadata llama.expert_count is 8)"},
		{"llama.attention.sliding_window", uint32(1),
			"sliding-window attention is not supported (metadata llama.attention.sliding_window is 1, the context 2)"},
		{"llama.attention.causal", false,
			"attention that is not causal is not supported (metadata llama.attention.causal is false)"},
		{"llama.rope.scaling.type", "yarn",
			"RoPE scaling of type yarn is not supported (metadata llama.rope.scaling.type)"},
		{"llama.rope.scaling.type", "longrope",
			"RoPE scaling of type longrope is not supported (metadata llama.rope.scaling.type)"},
		{"llama.rope.scaling.factor", float32(-4), "metadata llama.rope.scaling.factor is -4, want a number above 0"},
		{"llama.rope.scaling.factor", float32(math.NaN()), "metadata llama.rope.scaling.factor is NaN, want a number above 0"},
		{"llama.rope.scaling.attn_factor", float32(0.5),
			`RoPE scaling of type "" is not supported (metadata llama.rope.scaling.attn_factor is 0.5)`},
		{"llama.rope.dimension_count", uint32(2),
			"rotation of a part of each head is not supported (metadata llama.rope.dimension_count is 2, head_dim=4)"},
		{"llama.attention.value_length", uint32(8),
			"metadata llama.attention.value_length is 8, want 4 as the keys have"},
		{"llama.logit_scale", float32(2),
			"metadata llama.logit_scale is not known to this program and could change what the model computes"},
		{"llama.vocab_size", uint32(3), "metadata llama.vocab_size is 3, but token_embd.weight has 2 rows"},
		{"tokenizer.ggml.tokens", []int32{1, 2},
			"metadata tokenizer.ggml.tokens is a []int32, want strings"},
		{"llama.block_count", nil, "metadata llama.block_count is missing"},
		{"llama.block_count", int32(-1), "metadata llama.block_count is -1, want 0 to 2147483647"},
		{"llama.block_count", uint64(1 << 63), "metadata llama.block_count is 9223372036854775808, want 0 to 2147483647"},
		{"llama.block_count", uint32(0), "n_layers=0, want 1 to 1024"},
		{"llama.block_count", uint32(2), "tensor blk.1.attn_norm.weight is missing, want it with shape (dim)"},
		{"llama.attention.head_count_kv", []int32{1, 2},
			"layers that differ are not supported (metadata llama.attention.head_count_kv holds 1 and 2)"},
		{"llama.attention.head_count_kv", []string{"1"},
			"metadata llama.attention.head_count_kv is a []string, want one whole number"},
		{"llama.attention.head_count", uint32(0), "n_heads=0, want 1 to 1024"},
		{"llama.attention.head_count_kv", uint32(3), "n_heads=1 is not a multiple of n_kv_heads=3"},
		{"llama.attention.layer_norm_rms_epsilon", nil, "metadata llama.attention.layer_norm_rms_epsilon is missing"},
		{"llama.attention.layer_norm_rms_epsilon", float32(0), "norm_eps=0, want 0 < norm_eps < 1"},
		{"llama.attention.layer_norm_rms_epsilon", float32(math.NaN()), "norm_eps=NaN, want 0 < norm_eps < 1"},
		{"llama.attention.layer_norm_rms_epsilon", uint32(1), "norm_eps=1, want 0 < norm_eps < 1"},
		{"llama.attention.layer_norm_rms_epsilon", "1e-5",
			"metadata llama.attention.layer_norm_rms_epsilon is a string, want a float"},
		{"llama.rope.freq_base", float64(1), "rope_base=1, want 1 < rope_base <= 1e12"},
		{"llama.context_length", uint32(1 << 25), "seq_len=33554432, want 1 to 16777216"},
		{"llama.attention.key_length", uint32(6), "head_dim=6, want a multiple of 4"},
		{"llama.embedding_length", uint32(8), "tensor token_embd.weight has shape (2, 4), want (2, 8) = (vocab_size, dim)"},
		{"general.alignment", int32(0), "metadata general.alignment is 0, want a power of two from 1 to 1048576"},
		{"general.alignment", uint64(48), "metadata general.alignment is 48, want a power of two from 1 to 1048576"},
	} {
		meta := with(m.meta(), tc.key, tc.value)
		if tc.key == "general.alignment" {
			// The writer refuses it too: write another key of the same length and put the right one there.
			meta = with(m.meta(), "general.alignmenX", tc.value)
		}
		b := writeGGUF(t, meta, m.tensorData(F32))
		b = bytes.Replace(b, []byte("alignmenX"), []byte("alignment"), 1)
		_, err := openGGUFBytes(b)
		wantReason(t, err, "x.gguf", tc.want)
	}
}

func TestGGUFRefusesTensors(t *testing.T) {
	m := newToy(specimen, false)
	vector := func(name string, n int) TensorData {
		return TensorData{Name: name, Cols: n, Data: encode(F32, normals(name, n))}
	}
	for _, tc := range []struct {
		name string // of a tensor that is added
		want string
	}{
		{"rope_factors_long.weight", "RoPE scaling by frequencies for short and long texts is not supported"},
		{"blk.0.attn_output.bias", "attention bias is only supported for queries, keys and values"},
		{"blk.0.ffn_up.bias", "feed-forward bias is not supported"},
		{"blk.0.attn_k_norm.weight", "normalisation of queries and keys is not supported in this architecture"},
		{"blk.0.ffn_gate_inp.weight", "mixture of experts is not supported"},
		{"blk.0.attn_q.weight.lora_a", "adapters are not supported, want a merged model"},
		{"blk.1.attn_q.weight", "layer 1 of a model with n_layers=1"},
		{"blk.0.attn_post.weight", "not part of a Llama model as this program knows it, and may not be ignored"},
	} {
		_, err := openGGUFBytes(writeGGUF(t, m.meta(), append(m.tensorData(F32), vector(tc.name, 4))))
		wantError(t, err, "x.gguf: tensor "+tc.name+": "+tc.want)
	}

	_, err := openGGUFBytes(writeGGUF(t, m.meta(), append(m.tensorData(F32), vector("rope_freqs.weight", 4))))
	wantError(t, err, "x.gguf: tensor rope_freqs.weight has shape (4), want (2) = (head_dim/2)")
	_, err = openGGUFBytes(writeGGUF(t, m.meta(), append(m.tensorData(F32), vector("blk.0.attn_v.bias", 4))))
	wantError(t, err, "x.gguf: tensor blk.0.attn_q.bias is missing, want it with shape (n_heads*head_dim); and 1 more like it")

	all := m.tensorData(F32)
	_, err = openGGUFBytes(writeGGUF(t, m.meta(), all[1:]))
	wantError(t, err, "x.gguf: tensor token_embd.weight is missing among 11 (a vocabulary without weights?)")
	_, err = openGGUFBytes(writeGGUF(t, m.meta(), append(slices.Clone(all[:5]), all[6:]...)))
	wantError(t, err, "x.gguf: tensor blk.0.attn_output.weight is missing, "+
		"want it with shape (dim, n_heads*head_dim)")
	all[1] = vector(all[1].Name, 8)
	_, err = openGGUFBytes(writeGGUF(t, m.meta(), all))
	wantError(t, err, "x.gguf: tensor blk.0.attn_norm.weight has shape (8), want (4) = (dim)")
	all = m.tensorData(F32)
	all[7].Rows, all[7].Data = 8, make([]byte, 8*16)
	_, err = openGGUFBytes(writeGGUF(t, m.meta(), all))
	wantError(t, err, "x.gguf: tensor blk.0.ffn_gate.weight has shape (8, 4), want (4, 4) = (hidden_dim, dim)")
}

// patch returns b with the bytes at the end of mark, plus skip, replaced by a number of that width.
func patch(t *testing.T, b []byte, mark string, skip, width int, v uint64) []byte {
	t.Helper()
	at := bytes.Index(b, []byte(mark))
	if at < 0 {
		t.Fatalf("%q is not in the file", mark)
	}
	var le [8]byte
	binary.LittleEndian.PutUint64(le[:], v)
	out := slices.Clone(b)
	copy(out[at+len(mark)+skip:], le[:width])
	return out
}

// The table entry of a matrix after its name: n u32, columns u64, rows u64, type u32, offset u64.
const (
	atDims   = 0
	atCols   = 4
	atRows   = 12
	atType   = 20
	atOffset = 24
)

func TestGGUFRefusesDamage(t *testing.T) {
	m := newToy(specimen, false)
	good := writeGGUF(t, append(m.meta(), KV{"tokenizer.list", []string{"one", "two"}}), m.tensorData(F32))
	const q, down = "blk.0.attn_q.weight", "blk.0.ffn_down.weight"
	magic := func(s string) []byte { return append([]byte(s), good[4:]...) }
	// "GGUF", version, tensors: the count of metadata follows at byte 16.
	for _, tc := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "header needs 4 bytes at byte 0, 0 remain (file cut short?)"},
		{"header only", good[:20], "header needs 8 bytes at byte 16, 4 remain (file cut short?)"},
		{"wrong magic", magic("GGML"), `begins with "GGML", want a GGUF file`},
		{"Git LFS", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "a Git LFS pointer, which stands for a file " +
			"that has not been downloaded; \"git lfs pull\" in its repository gets it, want a GGUF file"},
		{"version 1", patch(t, good, "GGUF", 0, 4, 1), "GGUF version 1, want 2 or 3"},
		{"big-endian", patch(t, good, "GGUF", 0, 4, 0x03000000), "a big-endian GGUF file, want little-endian"},
		{"metadata 2^60", patch(t, good, "GGUF", 12, 8, 1<<60),
			"1152921504606846976 metadata entries, want at most 65536"},
		{"metadata 1000", patch(t, good, "GGUF", 12, 8, 1000),
			"metadata: 1000 elements of at least 13 bytes at byte 24, 1832 remain (file cut short?)"},
		{"tensors 2^60", patch(t, good, "GGUF", 4, 8, 1<<60), "1152921504606846976 tensors, want at most 65536"},
		{"tensors 10000", patch(t, good, "GGUF", 4, 8, 10000),
			"tensor table: 10000 elements of at least 32 bytes at byte 531, 1325 remain (file cut short?)"},
		{"string 2^60", patch(t, good, "general.name", 4, 8, 1<<60),
			"metadata general.name: string of 1152921504606846976 bytes at byte 101, want at most 16777216"},
		{"string past the end", patch(t, good, "general.name", 4, 8, 5000),
			"metadata general.name: string of 5000 bytes at byte 101, 1755 remain (file cut short?)"},
		{"key past the end", patch(t, good, "toy", 0, 8, 5000),
			"metadata: string of 5000 bytes at byte 112, 1744 remain (file cut short?)"},
		{"value type", patch(t, good, "general.name", 0, 4, 13), "metadata general.name has value type 13, want 0 to 12"},
		{"array 2^60", patch(t, good, "tokenizer.list", 8, 8, 1<<60),
			"metadata tokenizer.list: array of 1152921504606846976 elements, want at most 16777216"},
		{"array past the end", patch(t, good, "tokenizer.list", 8, 8, 1000),
			"metadata tokenizer.list: 1000 elements of at least 8 bytes at byte 509, 1347 remain (file cut short?)"},
		{"key twice", bytes.Replace(writeGGUF(t, []KV{{"a.1", true}, {"a.2", true}}, nil),
			[]byte("a.2"), []byte("a.1"), 1), "metadata a.1 occurs twice"},
		{"dims 0", patch(t, good, q, atDims, 4, 0), "tensor " + q + " has 0 dimensions, want 1 or 2"},
		{"dims 5", patch(t, good, q, atDims, 4, 5), "tensor " + q + " has 5 dimensions, want 1 or 2"},
		{"no rows", patch(t, good, q, atRows, 8, 0), "tensor " + q + " has dimension 1 of size 0, want 1 to 2147483647"},
		{"rows 2^60", patch(t, good, q, atRows, 8, 1<<60),
			"tensor " + q + " has dimension 1 of size 1152921504606846976, want 1 to 2147483647"},
		{"rows 2^31-1", patch(t, good, q, atRows, 8, 1<<31-1),
			"tensor " + q + " has 2147483647 rows of 16 bytes, the file has 1856 bytes"},
		{"both 2^31-1", patch(t, patch(t, good, q, atRows, 8, 1<<31-1), q, atCols, 8, 1<<31-1),
			"tensor " + q + " has 2147483647 rows of 8589934588 bytes, the file has 1856 bytes"},
		{"Q6_K in rows of 4", patch(t, good, down, atType, 4, 14),
			"tensor " + down + " has rows of 4 elements, want a multiple of 256 for Q6_K"},
		{"IQ3_S", patch(t, good, down, atType, 4, 21),
			"tensor " + down + " has type IQ3_S, want " + TypeNames},
		{"type 77", patch(t, good, down, atType, 4, 77),
			"tensor " + down + " has type number 77, want " + TypeNames},
		{"half a block", patch(t, good, down, atType, 4, 8),
			"tensor " + down + " has rows of 4 elements, want a multiple of 32 for Q8_0"},
		{"misaligned", patch(t, good, q, atOffset, 8, 65), "tensor " + q + " has offset 65, want a multiple of 32"},
		{"offset 2^63", patch(t, good, q, atOffset, 8, 1<<63),
			"tensor " + q + " has offset 9223372036854775808, the file has 1856 bytes"},
		{"offset past the end", patch(t, good, q, atOffset, 8, 1824),
			"tensor " + q + " takes 64 bytes from offset 1824, the file has 608 bytes of weights (file cut short?)"},
		{"overlap", patch(t, good, q, atOffset, 8, 32), "tensor " + q + " begins at byte 1280, " +
			"inside tensor blk.0.attn_norm.weight, which ends at byte 1296"},
		{"tensor twice", bytes.Replace(good, []byte("blk.0.attn_k.weight"), []byte("blk.0.attn_q.weight"), 1),
			"tensor blk.0.attn_q.weight occurs twice"},
		{"weights cut", good[:len(good)-1], "tensor output.weight takes 32 bytes from offset 576, " +
			"the file has 607 bytes of weights (file cut short?)"},
		{"weights missing", good[:1240], "tensor token_embd.weight takes 32 bytes from offset 0, " +
			"the file has 0 bytes of weights (file cut short?)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := openGGUFBytes(tc.b)
			wantError(t, err, "x.gguf: "+tc.want)
		})
	}
}

// Every proper prefix of a file is refused; no cut is mistaken for a shorter model.
func TestGGUFRefusesEveryPrefix(t *testing.T) {
	good := newToy(specimen, false).gguf(t, F32)
	for n := range good {
		if _, err := openGGUFBytes(good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes open", n, len(good))
		}
	}
}

func TestGGUFRefusesDeepArrays(t *testing.T) {
	deep := any([]bool{true})
	for range 4 {
		deep = []any{deep}
	}
	b := writeGGUF(t, []KV{{"k", deep}}, nil)
	_, err := ReadGGUFMeta(bytes.NewReader(b), int64(len(b)), "x.gguf")
	wantError(t, err, "x.gguf: metadata k: arrays nested deeper than 4")
}

// A file that claims to be large is refused before memory is asked for.
func TestDeclaredSizesAllocateNothing(t *testing.T) {
	head := []byte("GGUF\x03\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x00\x00\x00\x00\x00\x00\x00k" + "\x09\x00\x00\x00" + "\x05\x00\x00\x00" + "\x00\x00\x00\x01\x00\x00\x00\x00")
	header := make([]byte, 28) // of llama2.c, with as much of everything as Config.Validate allows
	for i, v := range []uint32{1 << 16, 1 << 18, 1 << 10, 1 << 10, 1 << 10, 1 << 22, 1 << 24} {
		binary.LittleEndian.PutUint32(header[4*i:], v)
	}
	for _, tc := range []struct {
		open func() error
		want string
	}{
		{func() error {
			_, err := ReadGGUFMeta(bytes.NewReader(head), int64(len(head)), "x")
			return err
		}, "x: metadata k: 16777216 elements of at least 4 bytes at byte 49, 0 remain (file cut short?)"},
		{func() error {
			_, err := OpenLlama2C(bytes.NewReader(header), int64(len(header)), "x")
			return err
		}, "x: 28 bytes, want 282579320438812 for dim=65536 hidden_dim=262144 n_layers=1024 n_heads=1024 " +
			"n_kv_heads=1024 vocab_size=4194304 seq_len=16777216 (file cut short, or not of llama2.c?)"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := tc.open()
		runtime.ReadMemStats(&after)
		wantError(t, err, tc.want)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
			t.Errorf("%d bytes allocated for a file of a few", got)
		}
	}
}
