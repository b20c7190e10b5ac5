package engine

import (
	"slices"

	"keyfold/cpu"
	"keyfold/layout"
)

// chosen is a token that was picked.
type chosen struct {
	id    int
	logit float32
	lse   float32 // ln Σ exp(logit)
}

// logprob returns the natural log of the model's own probability of it.
func (c chosen) logprob() float64 { return float64(c.logit) - float64(c.lse) }

// choice is what is known of the next token of a text.
type choice struct {
	chosen
	likeliest []layout.Candidate

	// With a shadow:
	compared      *layout.Comparison // with the full cache
	full, free    chosen             // what was picked under it, and by the copy that goes on freely, if there is one
	fullLikeliest []layout.Candidate
}

// choices returns the choices that the results of a text are about, and with a shadow those of its
// full cache and of the copy that goes on freely.
func choices(results []*result) (list []choice) {
	for i, picked := range results[0].chosen {
		c := choice{chosen: picked}
		if results[0].likeliest != nil {
			c.likeliest = results[0].likeliest[i]
		}
		if len(results) > 1 {
			c.compared, c.full = &results[0].compared[i], results[1].chosen[i]
			if results[1].likeliest != nil {
				c.fullLikeliest = results[1].likeliest[i]
			}
		}
		if len(results) > 2 {
			c.free = results[2].chosen[i]
		}
		list = append(list, c)
	}
	return list
}

// judge is step 13 on the CPU but for the draw. To every result with a choice, made from a row of
// logits (vocab), it adds the likeliest tokens, and the comparison with the full cache's row.
func judge(lanes []*lane, rows [][]float32, results []*result) {
	for i, lane := range lanes {
		res := results[i]
		if len(res.chosen) == 0 {
			continue
		}
		if lane.likeliest > 0 {
			res.likeliest = [][]layout.Candidate{cpu.Likeliest(rows[i], lane.likeliest)}
		}
		if lane.full != nil {
			full := slices.Index(lanes, lane.full)
			own, other := res.chosen[0], results[full].chosen[0]
			res.compared = []layout.Comparison{cpu.Compare(rows[full], rows[i], other.lse, own.lse, own.id)}
		}
	}
}
