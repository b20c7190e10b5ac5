package kernelcase

import "keyfold/layout"

const plainRows, plainDim = 9, 70

// Plain are the small cases of the kernels that every run needs and that read neither
// weights nor a cache.
func Plain() []Case {
	return append([]Case{
		{"rms_norm", []Call{newRMSNorm(plainRows, plainDim, 2, 1, 0.01), newRMSNorm(2, 2304, 0, 1, 0.01), newRMSNorm(200, 36, 0, 1, 0.01)}},
		{"swiglu", []Call{newSwiGLU(3, plainDim, 1), newSwiGLU(1, plainDim, largeGate), newSwiGLU(200, 36, 1)}},
	}, smallChoices()...)
}

// OfMethods are those of the kernels that only some models and methods need.
func OfMethods(headDim int) []Case {
	return []Case{
		one("add_bias", newAddBias(3, plainDim)),
		one("head_norm", newHeadNorm(1, 3, 2, 1, headDim, 1e-3)),
		one("rope", newRoPE([]uint32{9, 2, 5}, layout.RoPETable(0, 10, plainRotation(headDim)), 2, 1, headDim)),
		newGVoteStats(plainDim, chunks{[]int{plainRows, plainRows}, 4}, 0),
		smallQueryCov(headDim),
		one("gvote_sample", newGVoteSample(plainDim, 3, 13, 2)),
		one("zero", newZero(plainDim, plainDim-3)),
		smallComparison(),
		smallLikeliest(),
	}
}

// plainRotation returns the frequencies of a base that many models have.
func plainRotation(headDim int) []float64 { return layout.RoPEFrequencies(10000, headDim, nil) }
