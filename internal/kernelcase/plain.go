package kernelcase

import "keyfold/layout"

// Plain are the small cases of the kernels that read neither weights nor a cache.
func Plain(headDim int) []Case {
	const n, dim = 9, 70
	cases := []Case{
		one("rms_norm", newRMSNorm(n, dim, 2, 1, 0.01)),
		one("add_bias", newAddBias(3, dim)),
		one("head_norm", newHeadNorm(3, 2, 1, headDim, 1e-3)),
		one("rope", newRoPE([]uint32{9, 2, 5}, layout.RoPETable(0, 10, plainRotation(headDim)), 2, 1, headDim)),
		{"swiglu", []Call{newSwiGLU(3, dim, 1), newSwiGLU(1, dim, largeGate)}},
	}
	cases = append(cases, smallChoices()...)
	return append(cases,
		newGVoteStats(dim, chunks{[]int{n, n}, 4}, 0),
		smallQueryCov(headDim),
		one("gvote_sample", newGVoteSample(dim, 3, 13, 2)),
		one("zero", newZero(dim, dim-3)))
}

// plainRotation returns the frequencies of a base that many models have.
func plainRotation(headDim int) []float64 { return layout.RoPEFrequencies(10000, headDim, nil) }
