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
//	logits  (n_heads, stride)     overwritten up to each head's slots
//	norms   (n_kv_heads, stride)  overwritten up to each head's slots
//
// Source: the mean of a log-normal variable; NVIDIA/kvpress, ExpectedAttentionPress.
func ExpectedLogits(c layout.Cache, q layout.QueryMoments, logits, norms []float32, stride int) {
	headDim, groupSize, scale := c.HeadDim(), q.Heads/len(c.Heads), float64(q.Scale)
	row := make([]float32, headDim)
	for h, head := range c.Heads {
		for j := range c.Len(h) {
			c.V.Get(row, head.Offset+j)
			norms[h*stride+j] = float32(math.Sqrt(layout.Dot(row, row)))
			c.K.Get(row, head.Offset+j)
			for a := h * groupSize; a < (h+1)*groupSize; a++ {
				var square float64
				for i, x := range row {
					square += float64(x) * layout.Dot(row, q.Cov[(a*headDim+i)*headDim:(a*headDim+i+1)*headDim])
				}
				z := scale*layout.Dot(row, q.Mean[a*headDim:(a+1)*headDim]) + scale*scale/2*square
				logits[a*stride+j] = float32(z + float64(c.Slots[head.Offset+j].Bias))
			}
		}
	}
}
