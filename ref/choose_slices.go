package ref

import (
	"math"

	"keyfold/layout"
)

// Summary is what a draw has to know of many tokens.
type Summary struct {
	Count int
	Top   float32 // the largest of all logits
	Sum   float32 // Σ exp(logit − top); only of all tokens
	Mass  float32 // Σ exp((logit − top) / temperature)
	Best  Scored
	Later Scored // the same behind the token that is asked about
}

// Scored is a token with its score in a draw. ID -1: there is none.
type Scored struct {
	Score float32
	ID    int
}

// Asked says what a summary is of: the tokens that are likelier than About. The best is one that is
// less likely than Low, and the later one is likelier than High and less likely than About. ID -1:
// all tokens, and no bounds. Top is the largest of all logits, if it is known.
type Asked struct {
	About, Low, High layout.Candidate
	Top              float32
}

// ChooseSlices is the CPU twin of gpu/shaders/choose_slices.wgsl: it sums up those of the tokens
// from..to-1 that are asked for, ties by lower id.
func ChooseSlices(logits []float32, d layout.Draw, position uint32, asked Asked, from, to int) Summary {
	s := Summary{Top: -1e30, Best: Scored{-1e30, -1}, Later: Scored{-1e30, -1}}
	all := asked.About.ID < 0
	if all {
		for _, logit := range logits[from:to] {
			s.Top = max(s.Top, logit)
		}
	} else {
		s.Top = asked.Top
	}
	sharpness := 1.0
	if d.Temperature > 0 {
		sharpness = 1 / float64(d.Temperature)
	}
	sum, mass := 0.0, 0.0
	for id := from; id < to; id++ {
		c := layout.Candidate{ID: id, Logit: logits[id]}
		before := all || layout.Likelier(c, asked.About) < 0
		if before {
			below := float64(c.Logit) - float64(s.Top)
			s.Count++
			mass += math.Exp(below * sharpness)
			if all {
				sum += math.Exp(below)
			}
		}
		score := c.Logit
		if d.Temperature > 0 {
			score = c.Logit/d.Temperature + layout.Gumbel(layout.Hash(d.Seed, position, uint32(id)))
		}
		switch {
		case before && (asked.Low.ID < 0 || layout.Likelier(asked.Low, c) < 0):
			s.Best = s.Best.or(score, id)
		case !before && c != asked.About && (asked.High.ID < 0 || layout.Likelier(c, asked.High) < 0):
			s.Later = s.Later.or(score, id)
		}
	}
	s.Sum, s.Mass = float32(sum), float32(mass)
	return s
}

// or returns the better of two tokens, of which the second has the higher id.
func (s Scored) or(score float32, id int) Scored {
	if s.ID < 0 || score > s.Score {
		return Scored{score, id}
	}
	return s
}
