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
// over the query heads a of KV head h and the tokens t that see slot j: those
// with j < head.Len + nBefore + t + 1.
//
//	k      (slots of all heads, head_dim)
//	slots  (slots of all heads)
//	heads  (n_kv_heads)
//	q      (n, qStride), its first nHeads*head_dim columns
//	lse    (n, nHeads)           as [Attention] left it
//	mass   (n_kv_heads, stride)  added to, up to each head's Len + nBefore + n slots
//
// Source: column sums as in Zhang et al. 2023, H2O, arXiv:2306.14048.
func AttnMass(k layout.Rows, slots []layout.Slot, heads []layout.Head, q, lse, mass []float32, n, qStride, nHeads, nBefore int, scale float32, tFirst, stride int) {
	headDim, groupSize := k.HeadDim, nHeads/len(heads)
	for h, head := range heads {
		sums := make([]float64, head.Len+nBefore+n)
		for t := tFirst; t < n; t++ {
			for a := h * groupSize; a < (h+1)*groupSize; a++ {
				query := q[t*qStride+a*headDim : t*qStride+(a+1)*headDim]
				for j, s := range layout.Scores(k, slots, head.Offset, head.Len+nBefore+t+1, query, scale) {
					sums[j] += math.Exp(s - float64(lse[t*nHeads+a]))
				}
			}
		}
		for j, sum := range sums {
			mass[h*stride+j] += float32(sum / float64(groupSize))
		}
	}
}
