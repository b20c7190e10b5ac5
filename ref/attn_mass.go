package ref

import (
	"math"

	"keyfold/layout"
)

// AttnMass is the CPU twin of gpu/shaders/attn_mass.wgsl: it adds the attention
// that each slot receives from the tokens tFirst .. n-1 of a chunk.
//
//	mass[h, j] += 1/group Σ_a Σ_t exp(scale q_ta·k_j + bias_j − lse_ta)
//
// over the query heads a of KV head h and the tokens t that see slot j.
//
//	q     of the last n tokens in the cache
//	lse   (n, n_heads)          as [Attention] left it
//	mass  (n_kv_heads, stride)  added to, up to each head's slots
//
// Source: column sums as in Zhang et al. 2023, H2O, arXiv:2306.14048.
func AttnMass(c layout.Cache, q layout.Queries, lse, mass []float32, tFirst, stride int) {
	headDim, groupSize := c.HeadDim(), q.Heads/len(c.Heads)
	for h := range c.Heads {
		sums := make([]float64, c.Len(h))
		for t := tFirst; t < q.N; t++ {
			for a := h * groupSize; a < (h+1)*groupSize; a++ {
				for j, s := range c.Scores(h, c.Visible(h, t, q.N), q.Row(t, a, headDim), q.Scale) {
					sums[j] += math.Exp(s - float64(lse[t*q.Heads+a]))
				}
			}
		}
		for j, sum := range sums {
			mass[h*stride+j] += float32(sum / float64(groupSize))
		}
	}
}
