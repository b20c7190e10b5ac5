package cpu

import (
	"math"
	"slices"

	"keyfold/layout"
	"keyfold/ref"
)

// exps is the number of logits whose exponentials are summed first.
const exps = 4096

// Choose computes what [ref.Choose] specifies, faster where the temperature is 0: the
// likeliest token takes no random numbers, and its log-sum as many exponentials as there
// are tokens.
func Choose(logits []float32, d layout.Draw, position uint32) (id int, lse float32) {
	if d.Temperature != 0 {
		return ref.Choose(logits, d, position)
	}
	top := logits[0]
	for i, logit := range logits {
		if logit > top {
			id, top = i, logit
		}
	}
	s := slices.Clone(logits)
	sums := make([]float64, (len(s)+exps-1)/exps)
	parallel(len(sums), 1, len(s)*perElement, func(from, to int) {
		for i := from; i < to; i++ {
			sums[i] = exp(s[exps*i:min(exps*(i+1), len(s))], top)
		}
	})
	total := 0.0
	for _, sum := range sums {
		total += sum
	}
	return id, float32(float64(top) + math.Log(total))
}
