package ref

import (
	"slices"

	"keyfold/layout"
)

// Likeliest is the CPU twin of gpu/shaders/likeliest.wgsl: it returns the n likeliest of the
// tokens from..to-1, or all of them, in order; ties by lower id. logits is (vocab).
func Likeliest(logits []float32, n, from, to int) []layout.Candidate {
	var first []layout.Candidate
	for id := from; id < to; id++ {
		c := layout.Candidate{ID: id, Logit: logits[id]}
		if len(first) == n && layout.Likelier(first[n-1], c) < 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(first, c, layout.Likelier)
		if first = slices.Insert(first, at, c); len(first) > n {
			first = first[:n]
		}
	}
	return first
}
