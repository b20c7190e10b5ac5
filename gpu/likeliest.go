package gpu

import (
	"math"

	"keyfold/layout"
)

// LikeliestWords returns what the n likeliest tokens of every slice take.
func LikeliestWords(vocab, n int) int { return 2 * n * layout.VocabSlices(vocab) }

// Likeliest records the search for the n likeliest tokens of logits (vocab).
//
//	candidates  (at least at+1, LikeliestWords(vocab, n)): row at is overwritten
//
// CPU twin: [ref.Likeliest].
func (p *Pass) Likeliest(logits, candidates *Buffer, vocab, n, at int) {
	p.want("likeliest", "logits", logits, vocab, "vocab")
	p.want("likeliest", "candidates", candidates, LikeliestWords(vocab, n)*(at+1), "2*n*n_slices*(at+1)")
	_, size := layout.VocabSlice(vocab, 0)
	p.dispatch(kernelID{name: "likeliest"}, [3]int{layout.VocabSlices(vocab), 1, 1},
		[]uint32{uint32(vocab), uint32(size), uint32(n), uint32(at)}, // struct Params in likeliest.wgsl
		logits, candidates)
}

// LikeliestOf returns the n likeliest tokens that a row of words says, in order.
func LikeliestOf(words []uint32, n int) []layout.Candidate {
	first := make([]layout.Candidate, 0, n+1)
	for at := 0; at < len(words); at += 2 {
		if words[at] != math.MaxUint32 {
			first = layout.AddLikeliest(first, layout.Candidate{ID: int(words[at]), Logit: math.Float32frombits(words[at+1])}, n)
		}
	}
	return first
}
