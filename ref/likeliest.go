package ref

import "keyfold/layout"

// Likeliest is the CPU twin of gpu/shaders/likeliest.wgsl: it returns the n likeliest of the
// tokens from..to-1, or all of them, in order; ties by lower id. logits is (vocab).
func Likeliest(logits []float32, n, from, to int) []layout.Candidate {
	var first []layout.Candidate
	for id := from; id < to; id++ {
		first = layout.AddLikeliest(first, layout.Candidate{ID: id, Logit: logits[id]}, n)
	}
	return first
}
