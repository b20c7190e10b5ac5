package ref

import (
	"math"

	"keyfold/layout"
)

// KeySimilarity is the CPU twin of gpu/shaders/key_similarity.wgsl: the cosine
// of each key with the key in the slot before it.
//
//	cosine[h, i] = k_i·k_{i−1} / max(‖k_i‖ ‖k_{i−1}‖, 1e-12)    0 at i = 0
//
//	k       (slots of all heads, head_dim)
//	heads   (n_kv_heads), each with Len + nAfter slots
//	cosine  (n_kv_heads, stride)  overwritten up to each head's length
//
// Source: Wang et al. 2024, KVMerger, arXiv:2407.08454, definition 4.1.
func KeySimilarity(k layout.Rows, heads []layout.Head, cosine []float32, stride, nAfter int) {
	key, before := make([]float32, k.HeadDim), make([]float32, k.HeadDim)
	for h, head := range heads {
		for i := range head.Len + nAfter {
			k.Get(key, head.Offset+i)
			c := 0.0
			if i > 0 {
				norms := math.Sqrt(layout.Dot(key, key)) * math.Sqrt(layout.Dot(before, before))
				c = layout.Dot(key, before) / math.Max(norms, 1e-12)
			}
			cosine[h*stride+i] = float32(c)
			key, before = before, key
		}
	}
}
