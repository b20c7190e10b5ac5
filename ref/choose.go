package ref

import (
	"math"

	"keyfold/layout"
)

// Choose is the CPU twin of gpu/shaders/choose.wgsl: it picks a token from the
// logits (vocab) and returns it with ln Σ exp(logit), so that
// logits[id] − lse is the model's own log probability of the choice.
//
//	temperature 0   id = arg max_i logit_i
//	otherwise       id = arg max_i logit_i/temperature + Gumbel(hash(seed, position, i))    over those that pass the filters
//
// which draws from softmax(logits / temperature). Ties go to the lower id.
// Source: Gumbel-max trick, e.g. Maddison et al. 2014, arXiv:1411.0030, section 2.
func Choose(logits []float32, d layout.Draw, position uint32) (id int, lse float32) {
	lse = float32(layout.LogSumExp(logits))
	if d.Temperature == 0 {
		for i, logit := range logits {
			if logit > logits[id] {
				id = i
			}
		}
		return id, lse
	}
	best := float32(0)
	for n, i := range passing(logits, d) {
		score := logits[i]/d.Temperature + layout.Gumbel(layout.Hash(d.Seed, position, uint32(i)))
		if n == 0 || score > best || score == best && i < id {
			best, id = score, i
		}
	}
	return id, lse
}

// passing returns the ids that may be drawn: all of them, or likeliest first,
// ties by lower id.
func passing(logits []float32, d layout.Draw) []int {
	if d.TopK == 0 && d.TopP >= 1 && d.MinP == 0 {
		ids := make([]int, len(logits))
		for i := range ids {
			ids[i] = i
		}
		return ids
	}
	ranks, n := newRanking(logits), len(logits)
	if d.TopK > 0 {
		n = min(d.TopK, n)
	}
	scaled := func(id int) float64 { return float64(logits[id] / d.Temperature) }
	var ids []int
	left := make([]float64, 0, n) // scaled logits of all that top-k leaves
	for id := range n {
		if n < len(logits) {
			id = ranks.next()
			ids = append(ids, id)
		}
		left = append(left, scaled(id))
	}
	norm := layout.LogSumExp(left)
	mass := 0.0
	for i := range n {
		if i == len(ids) {
			ids = append(ids, ranks.next())
		}
		// At least the likeliest token stays.
		v := scaled(ids[i])
		if i > 0 && (mass >= float64(d.TopP) || math.Exp(v-scaled(ids[0])) < float64(d.MinP)) {
			return ids[:i]
		}
		mass += math.Exp(v - norm)
	}
	return ids
}
