package ref

import (
	"math"

	"keyfold/layout"
)

// AttnMax is the CPU twin of gpu/shaders/attn_max.wgsl: the most attention that
// one of the tokens of a chunk, or of those before, pays to each slot.
//
//	most[h, j] = max(most[h, j], max_a max_t exp(scale q_ta·k_j + bias_j − lse_ta))
//
// over the query heads a of KV head h and the tokens t that see slot j: those
// with j < head.Len + nBefore + t + 1.
//
//	k      (slots of all heads, head_dim)
//	slots  (slots of all heads)
//	heads  (n_kv_heads)
//	q      (n, qStride), its first nHeads*head_dim columns
//	lse    (n, nHeads)           as [Attention] left it
//	most   (n_kv_heads, stride)  raised, up to each head's Len + nBefore + n slots
//
// Source: Kim et al. 2025, KVzip, arXiv:2505.23416.
func AttnMax(k layout.Rows, slots []layout.Slot, heads []layout.Head, q, lse, most []float32, n, qStride, nHeads, nBefore int, scale float32, stride int) {
	headDim, groupSize := k.HeadDim, nHeads/len(heads)
	for h, head := range heads {
		for t := range n {
			for a := h * groupSize; a < (h+1)*groupSize; a++ {
				query := q[t*qStride+a*headDim : t*qStride+(a+1)*headDim]
				for j, s := range layout.Scores(k, slots, head.Offset, head.Len+nBefore+t+1, query, scale) {
					paid := math.Exp(s - float64(lse[t*nHeads+a]))
					most[h*stride+j] = max(most[h*stride+j], float32(paid))
				}
			}
		}
	}
}
