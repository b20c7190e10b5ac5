package kernelcase

import (
	"keyfold/layout"
	"keyfold/ref"
)

// HeadNorm is a call of head_norm.
type HeadNorm struct {
	Q        Queries
	W        []float32
	NKVHeads int
	Eps      float32
}

// newHeadNorm leaves as many values as keys alone.
func newHeadNorm(first, rows, nHeads, nKVHeads, headDim int, scale float32) *HeadNorm {
	stride := (nHeads + 2*nKVHeads) * headDim
	return &HeadNorm{
		Q: Queries{layout.Queries{Buf: numbers("qkv", rows*stride, scale), N: rows, Stride: stride, Heads: nHeads}, 0}.at(first),
		W: numbers("w", 2*headDim, 1), NKVHeads: nKVHeads, Eps: 1e-6,
	}
}

func (c *HeadNorm) Twin() { ref.HeadNorm(c.Q.OnCPU(), c.W, c.NKVHeads, c.Eps) }

// As rms_norm.
func (c *HeadNorm) Outputs() []Output { return []Output{near("qkv", c.Q.Buf, 1e-6, 1e-5)} }

// HeadNormCases are awkward shapes.
func HeadNormCases() []Case {
	var cases []Case
	for _, s := range []struct {
		first, rows, nHeads, nKVHeads, headDim int
		scale                                  float32 // size of the input
		why                                    string
	}{
		{0, 1, 1, 1, 1, 1, "smallest head"},
		{0, 1, 2, 1, 7, 1, "one thread idle"},
		{0, 1, 2, 2, 8, 1, "exactly one element per thread"},
		{0, 3, 3, 1, 12, 1, "some threads own two elements, and row offsets matter"},
		{1, 2, 4, 2, 16, 1e-3, "eps is as large as the mean square"},
		{4, 9, 16, 8, 128, 1, "the heads of Qwen3-0.6B, behind other rows"},
	} {
		cases = append(cases, one(s.why, newHeadNorm(s.first, s.rows, s.nHeads, s.nKVHeads, s.headDim, s.scale)))
	}
	return cases
}
