package engine

import (
	"fmt"
	"math"
	"slices"

	"keyfold/cpu"
	"keyfold/layout"
)

// Sampler says how the next token is drawn from the logits. Filters apply in
// the order of the fields.
type Sampler struct {
	Seed          uint32
	RepeatPenalty float32 // divides positive logits of tokens already in the text, multiplies negative ones; 1: off
	Temperature   float32 // 0: always the likeliest token; 1: the model's own odds
	TopK          int     // only the K likeliest tokens; 0: off
	TopP          float32 // only the smallest set of likeliest tokens with this probability; 1: off
	MinP          float32 // only tokens with at least this share of the likeliest one's probability; 0: off
}

// Validate returns an error that names the first field out of range.
func (s Sampler) Validate() error {
	switch {
	case !(s.Temperature >= 0) || math.IsInf(float64(s.Temperature), 1):
		return fmt.Errorf("temperature is %g, want 0 or more", s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("top-k is %d, want 0 (off) or more", s.TopK)
	case !(s.TopP > 0 && s.TopP <= 1):
		return fmt.Errorf("top-p is %g, want 0 < P <= 1", s.TopP)
	case !(s.MinP >= 0 && s.MinP <= 1):
		return fmt.Errorf("min-p is %g, want 0 <= P <= 1", s.MinP)
	case !(s.RepeatPenalty > 0) || math.IsInf(float64(s.RepeatPenalty), 1):
		return fmt.Errorf("repeat-penalty is %g, want more than 0", s.RepeatPenalty)
	}
	return nil
}

// draw returns all but the repetition penalty.
func (s Sampler) draw() layout.Draw {
	return layout.Draw{Seed: s.Seed, Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP}
}

// onDevice reports whether a GPU can draw without the logits being read back.
func (s Sampler) onDevice() bool { return s.RepeatPenalty == 1 }

// Choose picks the token for a position from its logits (vocab). text holds the
// tokens so far, for the repetition penalty.
//
//	id = arg max_i logit_i/T + Gumbel(hash(seed, position, i))    over the tokens that pass the filters
//
// The noise depends on the token and the position alone, so that runs with and
// without compression draw alike while their logits are alike.
func (s Sampler) Choose(logits []float32, position int, text []int) int {
	id, _ := cpu.Choose(s.penalise(logits, text), s.draw(), uint32(position))
	return id
}

// penalise returns the logits with those of tokens in text made smaller.
func (s Sampler) penalise(logits []float32, text []int) []float32 {
	if s.RepeatPenalty == 1 {
		return logits
	}
	logits = slices.Clone(logits)
	done := map[int]bool{}
	for _, id := range text {
		if done[id] {
			continue
		}
		done[id] = true
		if logits[id] > 0 {
			logits[id] /= s.RepeatPenalty
		} else {
			logits[id] *= s.RepeatPenalty
		}
	}
	return logits
}
