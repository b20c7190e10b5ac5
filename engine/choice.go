package engine

import (
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

// choice is what is known of the next token of a text, and of those beside it.
type choice struct {
	chosen
	beside   []chosen           // by the texts beside it
	compared *layout.Comparison // with the first of those; nil: there is none

	// The likeliest tokens of the text, and of the first one beside it.
	likeliest, besideLikeliest []layout.Candidate
}

// choose is step 13 on the CPU: it compares a text's logits (vocab) with those of the texts
// beside it, from each of which a token was picked.
func choose(rows [][]float32, picked []chosen, likeliest int) choice {
	c := choice{chosen: picked[0], beside: picked[1:]}
	if likeliest > 0 {
		c.likeliest = cpu.Likeliest(rows[0], likeliest)
	}
	if len(rows) == 1 {
		return c
	}
	compared := cpu.Compare(rows[1], rows[0], picked[1].lse, picked[0].lse, c.id)
	c.compared = &compared
	if likeliest > 0 {
		c.besideLikeliest = cpu.Likeliest(rows[1], likeliest)
	}
	return c
}
