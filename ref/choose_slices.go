package ref

import (
	"math"

	"keyfold/layout"
)

// Summary is what a draw has to know of many tokens.
type Summary struct {
	Count int
	Top   float32 // the largest logit
	Sum   float32 // Σ exp(logit − top)
	Mass  float32 // Σ exp((logit − top) / temperature)
	Score float32 // the best, and whose it is
	ID    int     // -1: there is no token
}

// ChooseSlices is the CPU twin of gpu/shaders/choose_slices.wgsl: it sums up those of the tokens
// from..to-1 that are likelier than a limit, ties by lower id. Without a limit, -1, that is all of them.
func ChooseSlices(logits []float32, d layout.Draw, position uint32, limit layout.Candidate, from, to int) Summary {
	s := Summary{Top: -1e30, Score: -1e30, ID: -1}
	var before []layout.Candidate
	for id := from; id < to; id++ {
		c := layout.Candidate{ID: id, Logit: logits[id]}
		if limit.ID >= 0 && layout.Likelier(c, limit) >= 0 {
			continue
		}
		before = append(before, c)
		s.Top = max(s.Top, c.Logit)
		score := c.Logit
		if d.Temperature > 0 {
			score = c.Logit/d.Temperature + layout.Gumbel(layout.Hash(d.Seed, position, uint32(id)))
		}
		if s.ID < 0 || score > s.Score {
			s.Score, s.ID = score, id
		}
	}
	sharpness := 1.0
	if d.Temperature > 0 {
		sharpness = 1 / float64(d.Temperature)
	}
	sum, mass := 0.0, 0.0
	for _, c := range before {
		below := float64(c.Logit) - float64(s.Top)
		sum += math.Exp(below)
		mass += math.Exp(below * sharpness)
	}
	s.Count, s.Sum, s.Mass = len(before), float32(sum), float32(mass)
	return s
}
