package ref

import (
	"math"

	"keyfold/layout"
)

// GVoteSample is the CPU twin of gpu/shaders/gvote_sample.wgsl: it draws hidden
// states from the normal distribution that [GVoteStats] measured on count rows.
//
//	h[s, c] = mean_c + √(M2_c / count) Normal(seed ^ gvoteSeed, layer·2¹⁶ + s, c)
//
//	state  (2, dim): mean, M2
//	h      (samples, dim)  overwritten
//
// Draw s does not depend on how many are drawn, so more samples add to the
// first ones. Source: Tang et al. 2025, GVote, arXiv:2509.03136.
func GVoteSample(state, h []float32, dim, samples, count int, seed, layer uint32) {
	for s := range samples {
		for c := range dim {
			deviation := float32(math.Sqrt(float64(state[dim+c] / float32(count))))
			z := layout.Normal(seed^gvoteSeed, layer<<16+uint32(s), uint32(c))
			h[s*dim+c] = state[c] + deviation*z
		}
	}
}

// gvoteSeed sets these draws apart from those that choose tokens. The constant
// GVOTE_SEED in gvote_sample.wgsl is its other half.
const gvoteSeed = 0x67766f74
