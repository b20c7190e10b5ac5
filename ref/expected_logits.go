package ref

import (
	"math"

	"keyfold/layout"
)

// ExpectedLogits is the CPU twin of gpu/shaders/expected_logits.wgsl: the
// logarithm of what exp(score) of each slot is on average, for normally
// distributed queries of each query head, and the length of each value.
//
//	z[a, j] = scale mean_a·k_j + scale²/2 k_jᵀ cov_a k_j + bias_j    norm[h, j] = ‖v_j‖
//
//	k, v    (slots of all heads, head_dim)
//	slots   (slots of all heads)
//	heads   (n_kv_heads), each with Len + nAfter slots
//	mean    (nHeads, head_dim)            of the queries, rotated like the keys
//	cov     (nHeads, head_dim, head_dim)  likewise; symmetric
//	logits  (nHeads, stride)              overwritten up to each head's length
//	norms   (n_kv_heads, stride)          likewise
//
// Source: the mean of a log-normal variable; NVIDIA/kvpress, ExpectedAttentionPress.
func ExpectedLogits(k, v layout.Rows, slots []layout.Slot, heads []layout.Head, mean, cov, logits, norms []float32, nHeads, stride, nAfter int, scale float32) {
	headDim, groupSize := k.HeadDim, nHeads/len(heads)
	row := make([]float32, headDim)
	for h, head := range heads {
		for j := range head.Len + nAfter {
			v.Get(row, head.Offset+j)
			norms[h*stride+j] = float32(math.Sqrt(layout.Dot(row, row)))
			k.Get(row, head.Offset+j)
			for a := h * groupSize; a < (h+1)*groupSize; a++ {
				var square float64
				for i, x := range row {
					square += float64(x) * layout.Dot(row, cov[(a*headDim+i)*headDim:(a*headDim+i+1)*headDim])
				}
				z := float64(scale)*layout.Dot(row, mean[a*headDim:(a+1)*headDim]) + float64(scale)*float64(scale)/2*square
				logits[a*stride+j] = float32(z + float64(slots[head.Offset+j].Bias))
			}
		}
	}
}
