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
// Token t sees head.Len + nBefore + t + 1 slots of its KV head: what the cache
// held, and the new tokens up to itself.
//
//	k, v   (slots of all heads, head_dim)
//	slots  (slots of all heads)
//	heads  (n_kv_heads)
//	q      (n, stride), its first nHeads*head_dim columns
//	out    (n, nHeads*head_dim)  overwritten
//	lse    (n, nHeads)           overwritten
//
// Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
func Attention(k, v layout.Rows, slots []layout.Slot, heads []layout.Head, q, out, lse []float32, n, stride, nHeads, nBefore int, scale float32) {
	headDim, groupSize := k.HeadDim, nHeads/len(heads)
	row := make([]float32, headDim)
	sum := make([]float64, headDim)
	for kvHead, head := range heads {
		for t := range n {
			visible := head.Len + nBefore + t + 1
			for h := kvHead * groupSize; h < (kvHead+1)*groupSize; h++ {
				query := q[t*stride+h*headDim : t*stride+(h+1)*headDim]
				scores := layout.Scores(k, slots, head.Offset, visible, query, scale)
				norm := layout.LogSumExp(scores)
				clear(sum)
				for j, s := range scores {
					p := math.Exp(s - norm)
					v.Get(row, head.Offset+j)
					for i, x := range row {
						sum[i] += p * float64(x)
					}
				}
				for i, x := range sum {
					out[(t*nHeads+h)*headDim+i] = float32(x)
				}
				lse[t*nHeads+h] = float32(norm)
			}
		}
	}
}
