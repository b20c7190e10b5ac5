package ref

import (
	"math"

	"keyfold/layout"
)

// Attention is the CPU twin of gpu/shaders/attention.wgsl, prefill_tiles.wgsl and
// prefill_rows_software.wgsl: n new tokens attend to a ragged cache.
//
//	s_j = scale q·k_j + bias_j    out = Σ_j exp(s_j − lse) v_j    lse = ln Σ_j exp(s_j)
//
// Token t sees [layout.Cache.Visible] slots of its KV head: what the cache held,
// and the new tokens up to itself.
//
//	q    of the last n tokens in the cache
//	out  (n, n_heads*head_dim)  overwritten
//	lse  (n, n_heads)           overwritten
//
// Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
func Attention(c layout.Cache, q layout.Queries, out, lse []float32) {
	headDim, groupSize := c.HeadDim(), q.Heads/len(c.Heads)
	row := make([]float32, headDim)
	sum := make([]float64, headDim)
	for kvHead, head := range c.Heads {
		for t := range q.N {
			for h := kvHead * groupSize; h < (kvHead+1)*groupSize; h++ {
				scores := c.Scores(kvHead, c.Visible(kvHead, t, q.N), q.Row(t, h, headDim), q.Scale)
				norm := layout.LogSumExp(scores)
				clear(sum)
				for j, s := range scores {
					p := math.Exp(s - norm)
					c.V.Get(row, head.Offset+j)
					for i, x := range row {
						sum[i] += p * float64(x)
					}
				}
				for i, x := range sum {
					out[(t*q.Heads+h)*headDim+i] = float32(x)
				}
				lse[t*q.Heads+h] = float32(norm)
			}
		}
	}
}
