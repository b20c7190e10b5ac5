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
//	cosine  (n_kv_heads, stride)  overwritten up to each head's slots
//
// Source: Wang et al. 2024, KVMerger, arXiv:2407.08454, definition 4.1.
func KeySimilarity(c layout.Cache, cosine []float32, stride int) {
	key, before := make([]float32, c.HeadDim()), make([]float32, c.HeadDim())
	for h, head := range c.Heads {
		for i := range c.Len(h) {
			c.K.Get(key, head.Offset+i)
			similarity := 0.0
			if i > 0 {
				norms := math.Sqrt(layout.Dot(key, key)) * math.Sqrt(layout.Dot(before, before))
				similarity = layout.Dot(key, before) / math.Max(norms, 1e-12)
			}
			cosine[h*stride+i] = float32(similarity)
			key, before = before, key
		}
	}
}
