package kernelcase

import (
	"fmt"
	"math"
	"slices"

	"keyfold/layout"
	"keyfold/ref"
)

// Likeliest is a call of likeliest.
//
//	Logits      (vocab)
//	Candidates  rows of n ids and logits for each slice, of which At is written
type Likeliest struct {
	Logits     []float32
	Candidates []uint32
	N, At      int
}

func newLikeliest(logits []float32, n, at int) *Likeliest {
	return &Likeliest{Logits: logits, Candidates: unwrittenWords((at + 1) * 2 * n * layout.VocabSlices(len(logits))), N: n, At: at}
}

func (c *Likeliest) Twin() {
	n := layout.VocabSlices(len(c.Logits))
	for s := range n {
		from, to := layout.VocabSlice(len(c.Logits), s)
		out := c.Candidates[2*c.N*(c.At*n+s):]
		found := ref.Likeliest(c.Logits, c.N, from, to)
		for i := range c.N {
			out[2*i] = math.MaxUint32
			if i < len(found) {
				out[2*i], out[2*i+1] = uint32(found[i].ID), math.Float32bits(found[i].Logit)
			} else if i > 0 {
				out[2*i+1] = out[2*i-1] // of the last one
			}
		}
	}
}

func (c *Likeliest) Outputs() []Output { return []Output{exactly("candidates", c.Candidates)} }

func smallLikeliest() Case {
	return one("likeliest", newLikeliest(smallLogits()[150:], 10, 1))
}

// LikeliestCases have few and many tokens, ties, and tokens that cannot be.
func LikeliestCases() []Case {
	var cases []Case
	for _, vocab := range []int{1, 9, 63, 512, 513, 2048, 3000, 49152, 128256} {
		logits, rounded := numbers("logits", vocab, 5), numbers("logits", vocab, 5)
		for i := range rounded {
			rounded[i] = float32(math.Round(float64(rounded[i])))
		}
		few := slices.Clone(logits)
		for i := range vocab - min(vocab, 5) {
			few[i] = float32(math.Inf(-1))
		}
		for _, n := range []int{1, 10, 70} {
			cases = append(cases,
				one(fmt.Sprintf("vocab %d, %d likeliest", vocab, n), newLikeliest(logits, n, 1)),
				one(fmt.Sprintf("vocab %d, %d likeliest, ties", vocab, n), newLikeliest(rounded, n, 0)),
				one(fmt.Sprintf("vocab %d, %d likeliest, 5 possible", vocab, n), newLikeliest(few, n, 0)))
		}
	}
	return cases
}
