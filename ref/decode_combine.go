package ref

import (
	"math"

	"keyfold/layout"
)

// DecodeCombine is the CPU twin of gpu/shaders/decode_combine.wgsl: it
// makes of what [DecodeParts] computed what [Attention] does.
//
//	lse = ln Σ_p exp(lse_p)    out = Σ_p exp(lse_p − lse) out_p
//
//	partOut, partLSE  as out and lse of [DecodeParts], with the same span
//	out               (nHeads*head_dim)  overwritten
//	lse               (nHeads)           overwritten
func DecodeCombine(c layout.Cache, partOut, partLSE, out, lse []float32, nHeads, span int) {
	headDim, groupSize := c.HeadDim(), nHeads/len(c.Heads)
	first := 0 // part of the head
	for kvHead := range c.Heads {
		end := first + (c.Len(kvHead)-1)/span + 1
		for a := range groupSize {
			var parts []float64
			for p := first; p < end; p++ {
				parts = append(parts, float64(partLSE[p*groupSize+a]))
			}
			norm := layout.LogSumExp(parts)
			h := kvHead*groupSize + a
			for i := range headDim {
				var sum float64
				for p, part := range parts {
					sum += math.Exp(part-norm) * float64(partOut[((first+p)*groupSize+a)*headDim+i])
				}
				out[h*headDim+i] = float32(sum)
			}
			lse[h] = float32(norm)
		}
		first = end
	}
}
