package checkpoint

import (
	"encoding/binary"
	"io"
	"strconv"

	"keyfold/engine/untrusted"
)

// OpenLlama2C opens a llama2.c checkpoint with the legacy (version 0) header. Arguments are as for
// OpenGGUF. Everything is float32, little-endian:
//
//	header          int32 dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
//	token_embd      (vocab_size, dim)
//	attn_norm       (n_layers, dim)
//	attn_q k v      (n_layers, dim | kv_dim | kv_dim, dim)      all q, then all k, then all v
//	attn_output     (n_layers, dim, dim)
//	ffn_norm        (n_layers, dim)
//	ffn_gate        (n_layers, hidden_dim, dim)                 w1
//	ffn_down        (n_layers, dim, hidden_dim)                 w2
//	ffn_up          (n_layers, hidden_dim, dim)                 w3
//	output_norm     (dim)
//	cos, sin        (seq_len, head_dim/2) each                  skipped: RoPE computes them
//	output          (vocab_size, dim)                           only where vocab_size is negative
//
// A negative vocab_size says that the classifier has weights of its own. The format has no place
// for the norm's epsilon and the RoPE base; run.c uses 1e-5 and 10000.
//
// Source: memory_map_weights in run.c and legacy_export in export.py, github.com/karpathy/llama2.c.
func OpenLlama2C(r io.ReaderAt, size int64, name string) (*File, error) {
	src := source{name, r, size}
	c, shared, err := readLlama2CHeader(src)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, Format: "llama2.c", Architecture: "llama", Model: untrusted.Name(src.base()), Config: c, sources: []source{src}}
	refused := &refusal{name: name}
	f.adopt(src, llama2CTensors(src, c, shared), func(name string) string { return name }, refused)
	if err := refused.err(); err != nil {
		return nil, err
	}
	return f, nil
}

const llama2CHeaderBytes = 7 * 4

// readLlama2CHeader reads the header and checks that the file is as long as it says. The
// classifier shares the embedding's weights, or has its own.
func readLlama2CHeader(src source) (c Config, shared bool, err error) {
	var b [llama2CHeaderBytes]byte
	if src.size < llama2CHeaderBytes {
		return c, false, src.errorf("%d bytes, want a llama2.c header of %d (file cut short?)",
			src.size, llama2CHeaderBytes)
	}
	if n, err := src.r.ReadAt(b[:], 0); n < len(b) {
		return c, false, src.errorf("llama2.c header: %w", err)
	}
	if string(b[:4]) == "24ka" {
		return c, false, src.errorf("llama2.c checkpoint of version %d, want the legacy version 0",
			binary.LittleEndian.Uint32(b[4:]))
	}
	var h [7]int
	for i := range h {
		h[i] = int(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	c = Config{
		Dim: h[0], HiddenDim: h[1], NLayers: h[2], NHeads: h[3], NKVHeads: h[4],
		VocabSize: max(h[5], -h[5]), SeqLen: h[6],
		NormEps: float64(float32(1e-5)), RopeBase: 10000,
	}
	shared = h[5] > 0
	if err = c.setHeadDim(0); err == nil {
		err = c.check()
	}
	if err != nil {
		return c, false, src.errorf("llama2.c header: %w", err)
	}
	if want := llama2CBytes(c, shared); src.size != want {
		return c, false, src.errorf("%d bytes, want %d for dim=%d hidden_dim=%d n_layers=%d n_heads=%d "+
			"n_kv_heads=%d vocab_size=%d seq_len=%d (file cut short, or not of llama2.c?)",
			src.size, want, h[0], h[1], h[2], h[3], h[4], h[5], h[6])
	}
	return c, shared, nil
}

// llama2CBytes returns the size of a file. Config.check keeps it far from overflow.
func llama2CBytes(c Config, shared bool) int64 {
	dim := int64(c.Dim)
	layer := dim * int64(2+2*c.QDim()+2*c.KVDim()+3*c.HiddenDim)
	floats := int64(c.VocabSize)*dim + int64(c.NLayers)*layer + dim + int64(c.SeqLen)*int64(c.HeadDim)
	if !shared {
		floats += int64(c.VocabSize) * dim
	}
	return llama2CHeaderBytes + 4*floats
}

// llama2CTensors returns the tensors by GGUF's names, in the order of the file.
func llama2CTensors(src source, c Config, shared bool) map[string]*Tensor {
	found := make(map[string]*Tensor)
	offset := int64(llama2CHeaderBytes)
	add := func(name string, rows, cols int) {
		found[name] = &Tensor{
			Type: F32, Rows: rows, Cols: cols,
			fileName: name, src: src, offset: offset,
		}
		offset += int64(rows) * int64(cols) * 4
	}
	perLayer := func(name string, rows, cols int) {
		for l := range c.NLayers {
			add("blk."+strconv.Itoa(l)+"."+name+".weight", rows, cols)
		}
	}
	add("token_embd.weight", c.VocabSize, c.Dim)
	perLayer("attn_norm", 1, c.Dim)
	perLayer("attn_q", c.QDim(), c.Dim)
	perLayer("attn_k", c.KVDim(), c.Dim)
	perLayer("attn_v", c.KVDim(), c.Dim)
	perLayer("attn_output", c.Dim, c.QDim())
	perLayer("ffn_norm", 1, c.Dim)
	perLayer("ffn_gate", c.HiddenDim, c.Dim)
	perLayer("ffn_down", c.Dim, c.HiddenDim)
	perLayer("ffn_up", c.HiddenDim, c.Dim)
	add("output_norm.weight", 1, c.Dim)
	offset += int64(c.SeqLen) * int64(c.HeadDim/2) * 4 * 2 // cos and sin
	if !shared {
		add("output.weight", c.VocabSize, c.Dim)
	}
	return found
}
