package ref

import (
	"math"

	"keyfold/layout"
)

// AttnMax is the CPU twin of gpu/shaders/attn_max.wgsl: the largest attention that
// one of the tokens of a chunk, or of those before, pays to each slot.
//
//	largest[h, j] = max(largest[h, j], max_a max_t exp(scale q_ta·k_j + bias_j − lse_ta))
//
// over the query heads a of KV head h and the tokens t that see slot j.
//
//	q        of the last n tokens in the cache
//	lse      (n, n_heads)          as [Attention] left it
//	largest  (n_kv_heads, stride)  raised, up to each head's slots
//
// Source: Kim et al. 2025, KVzip, arXiv:2505.23416.
func AttnMax(c layout.Cache, q layout.Queries, lse, largest []float32, stride int) {
	headDim, groupSize := c.HeadDim(), q.Heads/len(c.Heads)
	for h := range c.Heads {
		for t := range q.N {
			for a := h * groupSize; a < (h+1)*groupSize; a++ {
				for j, s := range c.Scores(h, c.Visible(h, t, q.N), q.Row(t, a, headDim), q.Scale) {
					paid := math.Exp(s - float64(lse[t*q.Heads+a]))
					largest[h*stride+j] = max(largest[h*stride+j], float32(paid))
				}
			}
		}
	}
}
