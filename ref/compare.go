package ref

import (
	"math"

	"keyfold/layout"
)

// Compare is the CPU twin of gpu/shaders/compare.wgsl: it compares the tokens from..to-1 of
// two rows of logits (vocab) whose ln Σ exp are given, and says what token id costs more.
//
//	d_i = ln p_full(i) − ln p_comp(i)
//	KL  = Σ_i p_full(i) (exp(−d_i) − 1 + d_i)
//
// Over all tokens that is Σ_i p_full(i) d_i, since probabilities sum to 1. But no term is
// negative, so that nothing cancels out where the rows are nearly the same.
func Compare(full, comp []float32, fullLSE, compLSE float32, id, from, to int) layout.Comparison {
	difference := func(i int) float64 {
		return (float64(full[i]) - float64(comp[i])) - (float64(fullLSE) - float64(compLSE))
	}
	c := layout.Comparison{Full: layout.Candidate{ID: from, Logit: full[from]}, Comp: layout.Candidate{ID: from, Logit: comp[from]}}
	for i := from; i < to; i++ {
		d := difference(i)
		pFull, pComp := math.Exp(float64(full[i])-float64(fullLSE)), math.Exp(float64(comp[i])-float64(compLSE))
		if math.Abs(d) < 0.5 {
			c.KL += pFull * (math.Expm1(-d) + d)
		} else {
			c.KL += pFull*(d-1) + pComp // exp(−d) alone may be infinite
		}
		if full[i] > c.Full.Logit {
			c.Full = layout.Candidate{ID: i, Logit: full[i]}
		}
		if comp[i] > c.Comp.Logit {
			c.Comp = layout.Candidate{ID: i, Logit: comp[i]}
		}
	}
	if from <= id && id < to {
		c.DeltaNLL = difference(id)
	}
	return c
}
